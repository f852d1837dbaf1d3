"""Whose callback address is it? Only one that we signed for this job, in a claim that there was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurocards.domain.callbacks import callback_path
from neurocards.domain.jobs import Job
from neurocards.testing.world import new_job_id
from neurocards_worker.steps.ambiguity import attempt_of_address
from support.worker_bench import PUBLIC_URL, SECRET, WorkerBench

KEY = SECRET.encode()


@pytest.fixture
async def job(bench: WorkerBench) -> Job:
    """A job in its third claim."""
    return replace((await bench.claim(await bench.accept())).job, attempt=3)


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_the_address_of_any_claim_so_far_is_ours(job: Job, attempt: int):
    address = PUBLIC_URL + callback_path(KEY, job.id, attempt)
    assert attempt_of_address(job, address, KEY) == attempt


def test_the_address_of_another_job_is_not_this_ones(job: Job):
    assert attempt_of_address(job, PUBLIC_URL + callback_path(KEY, new_job_id(), 1), KEY) is None


def test_the_address_of_a_claim_that_never_was_is_not_ours(job: Job):
    assert attempt_of_address(job, PUBLIC_URL + callback_path(KEY, job.id, 4), KEY) is None


def test_an_address_that_somebody_else_signed_is_not_ours(job: Job):
    assert attempt_of_address(job, PUBLIC_URL + callback_path(b"a guess", job.id, 1), KEY) is None


@pytest.mark.parametrize(
    "address", [None, "", "https://bot.example/", "a/b/c", "////", "x/²/y", "https://[::1"]
)
def test_what_is_no_address_of_a_callback_is_not_ours(job: Job, address: str | None):
    assert attempt_of_address(job, address, KEY) is None
