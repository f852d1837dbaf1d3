"""What every JobStore tells of ended jobs and of unreadable ones, and of writes that come twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest

from neurocards.domain.failures import FailureClass, FailureSource
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.jobs import Fence, Job, JobStatus
from neurocards.ports.jobs import JobStore, NothingToDo, Unreadable, Untold
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    RATE_LIMIT,
    SCRIPT,
    TASK,
    USER_ID,
    VIOLATION,
    World,
    accepted,
    brought_to,
    claimed,
    new_job_id,
    taken_messages,
)

MINUTE_S = 60.0


async def _untold(world: World, job_id: UUID) -> Untold | None:
    claim = await world.jobs.claim(job_id, worker="other", lease_s=LEASE_S)
    assert isinstance(claim, NothingToDo)
    return claim.untold


async def _failed(world: World) -> Job:
    job = await brought_to(world, JobStatus.RENDERING)
    assert await world.jobs.fail(job.fence, VIOLATION)
    return job


async def test_a_failed_job_that_nobody_told_comes_with_all_that_the_words_need(world: World):
    job = await _failed(world)
    untold = await _untold(world, job.id)
    assert untold is not None
    assert untold.failure == VIOLATION
    assert (untold.job.id, untold.job.status) == (job.id, JobStatus.FAILED)
    assert (untold.job.chat, untold.job.status_message_id) == (job.chat, 77)
    assert (untold.job.language, untold.job.price_credits) == ("ru", 1)
    assert untold.finished_at >= untold.job.created_at
    assert not untold.notice_sent


async def test_a_video_that_nobody_told_of_is_untold_without_a_failure(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
    untold = await _untold(world, job.id)
    assert untold is not None
    assert (untold.job.status, untold.failure) == (JobStatus.DONE, None)


async def test_what_was_told_is_not_untold(world: World):
    job = await _failed(world)
    assert not (await world.stored(job.id)).is_told
    assert await world.jobs.mark_told(job.id, attempt=job.attempt)
    assert await world.jobs.mark_told(job.id, attempt=job.attempt)
    assert await _untold(world, job.id) is None
    assert (await world.stored(job.id)).is_told


async def test_nothing_is_told_of_a_job_that_goes_on_or_under_another_attempt(world: World):
    running = await brought_to(world, JobStatus.RENDERING)
    assert not await world.jobs.mark_told(running.id, attempt=running.attempt)
    assert await world.jobs.fail(running.fence, VIOLATION)
    assert not await world.jobs.mark_told(running.id, attempt=running.attempt + 1)
    assert not await world.jobs.mark_told(new_job_id(), attempt=1)


async def test_an_end_without_a_delivery_is_to_be_told_as_such(world: World):
    """Whoever has not blocked the bot must hear how to get his video."""
    undelivered = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.finish(undelivered.fence, result_file_id=None, undelivered=True)
    untold = await _untold(world, undelivered.id)
    assert untold is not None
    assert (untold.job.status, untold.undelivered) == (JobStatus.DONE, True)


async def test_a_video_in_a_new_message_tells_itself(world: World):
    anew = await brought_to(world, JobStatus.DELIVERING, user_id=USER_ID + 2)
    await world.jobs.mark_fallback_sent(anew.fence)
    await world.jobs.finish(anew.fence, result_file_id="file", undelivered=False)
    assert await _untold(world, anew.id) is None


async def test_a_cancellation_is_told_by_whoever_meets_the_job_next(world: World):
    """The bot that answers it may die, or be drawn over by a worker that does not know of it."""
    cancelled = await accepted(world)
    await world.orders.cancel(cancelled, tg_user_id=USER_ID)
    untold = await _untold(world, cancelled)
    assert untold is not None
    assert untold.job.status is JobStatus.CANCELLED


async def test_a_job_that_comes_back_has_a_new_end_to_tell_of(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.finish(job.fence, result_file_id=None, undelivered=True)
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 1
    assert not (await world.stored(job.id)).is_told


async def test_who_had_left_is_told_of_a_failure_when_he_comes_back(world: World):
    """His credits are back already; without a word his order would seem to go on for ever."""
    job = await _failed(world)
    await taken_messages(world)
    assert await world.jobs.mark_told(job.id, attempt=job.attempt, reached=False)
    assert await _untold(world, job.id) is None
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID + 1) == 0
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 0
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    untold = await _untold(world, job.id)
    assert untold is not None
    assert (untold.job.status, untold.notice_sent) == (JobStatus.FAILED, False)
    assert await world.jobs.mark_told(job.id, attempt=job.attempt)
    await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID)
    assert await taken_messages(world) == []


async def test_who_comes_back_after_fourteen_days_is_told_nothing(world: World):
    job = await _failed(world)
    await taken_messages(world)
    await world.jobs.mark_told(job.id, attempt=job.attempt, reached=False)
    await world.pass_time(14 * 86_400 + 1)
    await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID)
    assert await taken_messages(world) == []


async def test_untold_ends_are_announced_once_in_a_while_until_they_are_told(world: World):
    job = await _failed(world)
    await taken_messages(world)
    assert await world.outbox.enqueue_untold(batch=9, after_s=MINUTE_S) == 0
    await world.pass_time(MINUTE_S + 1)
    assert await world.outbox.enqueue_untold(batch=9, after_s=MINUTE_S) == 1
    assert await world.outbox.enqueue_untold(batch=9, after_s=MINUTE_S) == 0
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    await world.pass_time(MINUTE_S + 1)
    assert await world.outbox.mark_told([job.id, new_job_id()]) == 1
    assert await world.outbox.mark_told([job.id]) == 0
    assert await world.outbox.enqueue_untold(batch=9, after_s=MINUTE_S) == 0


async def test_an_order_that_nobody_began_is_told_of_with_its_own_reason(world: World):
    job_id = await accepted(world)
    await world.pass_time(4 * 3600.0)
    await world.outbox.end_overdue(batch=9, grace_s=60)
    untold = await _untold(world, job_id)
    assert untold is not None
    assert untold.failure is not None
    assert untold.failure.failure_class is FailureClass.RATE_LIMIT
    assert (untold.failure.code, untold.failure.source) == ("deadline", FailureSource.NEUROCARDS)


async def test_an_order_that_cannot_be_read_is_claimed_as_such_and_can_be_ended(world: World):
    job_id = await accepted(world)
    await world.spoil_order(job_id)
    claim = await world.jobs.claim(job_id, worker="worker", lease_s=LEASE_S)
    assert isinstance(claim, Unreadable)
    assert claim.reason == "options: ValueError"
    assert (claim.job.id, claim.job.attempt) == (job_id, 1)
    assert await world.jobs.fail(claim.job.fence, VIOLATION)
    assert await _untold(world, job_id) is not None


Write = Callable[[JobStore, Fence], Awaitable[bool]]
REPEATED: dict[str, tuple[JobStatus, Write]] = {
    "store_script": (JobStatus.SCRIPTING, lambda j, f: j.store_script(f, SCRIPT)),
    "start_submitting": (
        JobStatus.SCRIPTING,
        lambda j, f: j.start_submitting(f, may_reach_provider=True),
    ),
    "count_resubmission": (
        JobStatus.SUBMITTING,
        lambda j, f: j.count_resubmission(f, number=2),
    ),
    "store_task": (JobStatus.SUBMITTING, lambda j, f: j.store_task(f, TASK)),
    "start_fetching": (JobStatus.RENDERING, lambda j, f: j.start_fetching(f)),
    "count_fetch_failure": (
        JobStatus.FETCHING,
        lambda j, f: j.count_fetch_failure(f, FetchFailures("a", 1, 1)),
    ),
    "start_delivering": (JobStatus.FETCHING, lambda j, f: j.start_delivering(f)),
    "finish": (
        JobStatus.DELIVERING,
        lambda j, f: j.finish(f, result_file_id="file", undelivered=False),
    ),
    "finish undelivered": (
        JobStatus.DELIVERING,
        lambda j, f: j.finish(f, result_file_id=None, undelivered=True),
    ),
    "postpone": (
        JobStatus.SUBMITTING,
        lambda j, f: j.postpone(f, after_s=60, reason="x", failure=RATE_LIMIT, new_task=True),
    ),
    "fail": (JobStatus.RENDERING, lambda j, f: j.fail(f, VIOLATION)),
}


@pytest.mark.parametrize("name", REPEATED)
async def test_a_write_that_comes_again_knows_its_own_deed_and_changes_nothing(
    world: World, name: str
):
    """The answer to the first one was lost: its worker is no zombie."""
    status, write = REPEATED[name]
    job = await brought_to(world, status)
    assert await write(world.jobs, job.fence)
    before = (await world.stored(job.id), await world.ledger())
    assert await write(world.jobs, job.fence)
    assert (await world.stored(job.id), await world.ledger()) == before


async def test_a_submission_that_was_counted_before_a_lost_answer_is_counted_once(world: World):
    job = await brought_to(world, JobStatus.SCRIPTING)
    for _ in range(2):
        assert await world.jobs.start_submitting(job.fence, may_reach_provider=True)
    submitting = replace(job, status=JobStatus.SUBMITTING)
    for _ in range(2):
        assert await world.jobs.count_resubmission(submitting.fence, number=2)
    await world.pass_time(LEASE_S + 1)
    assert (await claimed(world, job.id)).submissions == 2
    assert (await world.stored(job.id)).orphans == 1


async def test_other_values_under_a_spent_fence_are_no_repetition(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    assert await world.jobs.store_task(job.fence, TASK)
    assert not await world.jobs.store_task(job.fence, replace(TASK, task_id="another"))
    delivering = await brought_to(world, JobStatus.DELIVERING, user_id=USER_ID + 1)
    assert await world.jobs.finish(delivering.fence, result_file_id="file", undelivered=False)
    assert not await world.jobs.finish(delivering.fence, result_file_id=None, undelivered=True)
    postponed = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 2)
    assert await world.jobs.postpone(postponed.fence, after_s=1, reason="one")
    assert not await world.jobs.postpone(postponed.fence, after_s=1, reason="other")


async def test_a_write_that_comes_again_after_a_successor_claimed_is_a_zombie_s(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    assert await world.jobs.postpone(job.fence, after_s=0, reason="x")
    await claimed(world, job.id, worker="successor")
    assert not await world.jobs.postpone(job.fence, after_s=0, reason="x")


async def test_a_write_of_a_worker_is_not_taken_for_that_of_the_reaper(world: World):
    """Both would have failed the same attempt of the same job."""
    job = await brought_to(world, JobStatus.SCRIPTING)
    assert await world.jobs.postpone(job.fence, after_s=0, reason="x")
    await world.pass_time(4 * 3600.0)
    assert len(await world.outbox.end_overdue(batch=9, grace_s=60)) == 1
    overdue = replace(RATE_LIMIT, code="deadline")
    assert not await world.jobs.fail(job.fence, overdue)
