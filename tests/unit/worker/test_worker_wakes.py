"""Words about renders: heard in a wait, kept between two, and never without a limit."""

from __future__ import annotations

import asyncio
from uuid import UUID

from neurocards.testing.world import new_job_id
from neurocards_worker.wakes import WORDS_KEPT_PER_JOB_MAX, RenderWakes

AT_ONCE_S = 0.0


def tell(wakes: RenderWakes, job_id: UUID, task_id: str) -> None:
    wakes.on_hint(f"wake.render.{job_id}", task_id.encode())


async def test_a_word_ends_the_wait_of_its_job_only():
    """The other job goes on waiting until its time is over."""
    wakes, job, other = RenderWakes(), new_job_id(), new_job_id()
    waiting = asyncio.create_task(wakes.wait(job, timeout_s=60))
    await asyncio.sleep(0)

    tell(wakes, other, "task-2")
    tell(wakes, job, "task-1")

    assert await waiting == "task-1"


async def test_a_word_between_two_waits_is_given_to_the_next_one():
    """The callback may come while the answer to createTask is still waited for."""
    wakes, job = RenderWakes(), new_job_id()

    tell(wakes, job, "task-1")

    assert await wakes.wait(job, timeout_s=AT_ONCE_S) == "task-1"
    assert await wakes.wait(job, timeout_s=AT_ONCE_S) is None


async def test_words_that_come_in_the_same_moment_are_all_kept():
    """The second one is not lost because the wait is over and nobody has noticed yet."""
    wakes, job = RenderWakes(), new_job_id()
    waiting = asyncio.create_task(wakes.wait(job, timeout_s=60))
    await asyncio.sleep(0)

    for task_id in ("task-1", "task-2", "task-2", ""):
        tell(wakes, job, task_id)

    assert await waiting == "task-1"
    assert [await wakes.wait(job, timeout_s=AT_ONCE_S) for _ in range(3)] == ["task-2", "", None]


async def test_what_is_kept_has_a_limit_for_jobs_and_for_words():
    """A worker hears of the whole fleet's jobs; the oldest words go first."""
    wakes, jobs = RenderWakes(jobs_kept_max=2), [new_job_id() for _ in range(3)]
    for job in jobs:
        for number in range(WORDS_KEPT_PER_JOB_MAX + 1):
            tell(wakes, job, f"task-{number}")

    assert await wakes.wait(jobs[0], timeout_s=AT_ONCE_S) is None
    assert await wakes.wait(jobs[1], timeout_s=AT_ONCE_S) == "task-1"


async def test_words_that_name_no_job_are_passed_over():
    """Anybody on the broker could say something."""
    wakes = RenderWakes()

    wakes.on_hint("wake.render.nonsense", b"task-1")
    wakes.on_hint(f"wake.render.{new_job_id()}", b"\xff")

    assert await wakes.wait(new_job_id(), timeout_s=AT_ONCE_S) is None
