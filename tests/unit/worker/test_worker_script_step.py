"""The script: what goes into it, and what its writer may answer instead."""

from __future__ import annotations

import pytest

from neurocards.domain.failures import UNUSABLE_SCRIPT_CODE
from neurocards.domain.jobs import JobStatus
from neurocards.domain.photos import PhotoFault
from neurocards.errors import ProviderError
from neurocards.testing.videos import TINY_JPEG
from neurocards_worker.settlement import Settled
from support.worker_bench import PHOTO, SUPPORT, WorkerBench, no_answer, openai_error


async def test_the_writer_sees_the_order_and_the_cleaned_photo(bench: WorkerBench):
    await bench.carry(await bench.accept())

    [(order, photo)] = bench.writer.requests
    assert order.caption == "Mug, 350 ml"
    assert photo == TINY_JPEG


async def test_the_lines_of_the_script_are_the_captions_of_the_render(bench: WorkerBench):
    await bench.carry(await bench.accept())

    assert "On-screen captions:\n1. Mug, 350 ml 0" in bench.provider.created[0].prompt


@pytest.mark.parametrize("fault", list(PhotoFault))
async def test_a_photo_that_cannot_be_used_is_refunded_and_explained(
    bench: WorkerBench, fault: PhotoFault
):
    bench.inspector.faults[PHOTO] = fault
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "USER_VIOLATION")
    assert record.error_code == f"photo_{fault}"
    assert "Это фото не подходит" in bench.status_message.html
    assert bench.refunds(job_id) == 1
    assert bench.provider.created == []


async def test_a_killed_inspection_is_nobody_s_fault_and_is_tried_again(bench: WorkerBench):
    bench.inspector.kills = 1
    job_id = await bench.accept()

    record = await bench.carry(job_id)
    assert (record.status, record.tries) == (JobStatus.QUEUED, 1)
    assert (record.error_class, record.error_code) == ("TEMPORARY", "inspection_killed")
    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE


async def test_an_inspection_that_is_always_killed_blames_no_photo(bench: WorkerBench):
    bench.inspector.kills = 100
    job_id = await bench.accept()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "TEMPORARY")
    assert "Это фото не подходит" not in bench.status_message.html
    assert bench.refunds(job_id) == 1


async def test_a_refusal_of_the_writer_names_his_rules(bench: WorkerBench):
    bench.writer.errors.append(openai_error("I can't help with that.", code="refusal"))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.error_class == "USER_VIOLATION"
    assert "Вы нарушили правила OpenAI" in bench.status_message.html
    assert bench.refunds(job_id) == 1


async def test_an_empty_account_of_the_writer_is_a_matter_for_support(bench: WorkerBench):
    quota = openai_error("You exceeded your quota", status=429, kind="insufficient_quota")
    bench.writer.errors.append(quota)
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "BILLING")
    assert SUPPORT in bench.status_message.html
    assert bench.blocked("key-1") is None, "the key of the video provider has no part in it"


@pytest.mark.parametrize(
    "error",
    [
        openai_error("server error", status=500),
        openai_error("the answer is incomplete", code=UNUSABLE_SCRIPT_CODE),
        no_answer(),
    ],
)
async def test_a_passing_trouble_of_the_writer_is_tried_again(
    bench: WorkerBench, error: ProviderError
):
    bench.writer.errors.append(error)

    record = await bench.carry_to_end(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 1)
    assert len(bench.writer.requests) == 2


async def test_too_many_requests_to_the_writer_wait_a_minute(bench: WorkerBench):
    bench.writer.errors.append(openai_error("slow down", status=429, code="rate_limit_exceeded"))

    record = await bench.carry(await bench.accept())

    assert record.retry_at is not None
    assert 48 <= (record.retry_at - bench.clock.now()).total_seconds() <= 72


async def test_a_wish_of_the_writer_to_wait_longer_is_kept(bench: WorkerBench):
    error = openai_error("slow down", status=429, code="rate_limit_exceeded")
    error.retry_after_s = 200.0
    bench.writer.errors.append(error)

    record = await bench.carry(await bench.accept())

    assert record.retry_at is not None
    assert (record.retry_at - bench.clock.now()).total_seconds() == 200


async def test_a_template_that_is_gone_ends_the_job(bench: WorkerBench):
    job_id = await bench.accept()
    bench.world.database.templates.clear()

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "template_missing")


async def test_a_bug_is_tried_again_before_it_costs_the_user_his_video(bench: WorkerBench):
    job_id = await bench.accept()
    bench.writer.requests = None  # type: ignore[assignment]

    record = await bench.carry(job_id)
    assert (record.status, record.tries, record.error_code) == (JobStatus.QUEUED, 1, "bug")
    bench.writer.requests = []
    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE


async def test_a_job_that_the_user_cancelled_meanwhile_is_left_alone(bench: WorkerBench):
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    await bench.world.orders.cancel(job_id, tg_user_id=run.job.tg_user_id)

    assert await bench.assembly.carrier.carry(run) is Settled.LOST
    assert bench.record(job_id).status is JobStatus.CANCELLED
    assert bench.provider.created == []
    assert bench.refunds(job_id) == 1
