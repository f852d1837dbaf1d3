"""What every Outbox does: nothing is lost, nothing due is forgotten, nothing is nagged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from neurocards.domain.jobs import JobStatus
from neurocards.ports.orders import AcceptOutcome, DialogueKey
from neurocards.ports.queue import OutboxMessage, OverdueJob
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    USER_ID,
    World,
    accepted,
    brought_to,
    claimed,
    drafted,
    taken_messages,
)

UNSEEN_S = 60.0
DEADLINE_S = 3 * 3600.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


async def _enqueue(world: World) -> int:
    return await world.outbox.enqueue_due(batch=100, unseen_s=UNSEEN_S)


async def test_messages_go_out_in_the_order_of_acceptance_batch_by_batch(world: World):
    jobs = [await accepted(world) for _ in range(3)]
    seen: list[list[object]] = []

    async def publish(messages: Sequence[OutboxMessage]) -> list[int]:
        seen.append([message.job_id for message in messages])
        return [message.id for message in messages]

    assert await world.outbox.relay(publish, batch=2) == 2
    assert await world.outbox.relay(publish, batch=2) == 1
    assert await world.outbox.relay(publish, batch=2) == 0
    assert seen == [jobs[:2], jobs[2:]]


async def test_what_the_broker_did_not_take_stays(world: World):
    jobs = [await accepted(world) for _ in range(2)]

    async def take_the_first(messages: Sequence[OutboxMessage]) -> list[int]:
        return [messages[0].id]

    assert await world.outbox.relay(take_the_first, batch=10) == 2
    assert [message.job_id for message in await taken_messages(world)] == jobs[1:]


async def test_when_publishing_fails_everything_stays(world: World):
    job_id = await accepted(world)

    async def fail(_messages: Sequence[OutboxMessage]) -> list[int]:
        raise ConnectionResetError("the broker went away")

    with pytest.raises(ConnectionResetError):
        await world.outbox.relay(fail, batch=10)
    assert [message.job_id for message in await taken_messages(world)] == [job_id]


async def test_two_relays_at_once_never_publish_the_same_message(world: World):
    jobs = {await accepted(world, user_id=USER_ID + number) for number in range(6)}
    both_hold = asyncio.Barrier(2)
    seen: list[object] = []

    async def publish(messages: Sequence[OutboxMessage]) -> list[int]:
        await both_hold.wait()
        seen.extend(message.job_id for message in messages)
        return [message.id for message in messages]

    async with asyncio.timeout(30):
        counts = await asyncio.gather(
            world.outbox.relay(publish, batch=3), world.outbox.relay(publish, batch=3)
        )
    assert list(counts) == [3, 3]
    assert len(seen) == 6
    assert set(seen) == jobs


async def test_a_fresh_job_has_its_message_already(world: World):
    await accepted(world)
    assert await _enqueue(world) == 0


async def test_a_queued_job_that_nobody_claims_is_announced_again_and_then_left_alone(
    world: World,
):
    job_id = await accepted(world)
    await taken_messages(world)
    await world.pass_time(UNSEEN_S + 1)
    assert await _enqueue(world) == 1
    assert await _enqueue(world) == 0
    assert [message.job_id for message in await taken_messages(world)] == [job_id]
    await world.pass_time(2 * UNSEEN_S)
    assert await _enqueue(world) == 1


async def test_a_retry_is_announced_when_it_is_due_and_once(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    await world.jobs.postpone(job.fence, after_s=60, reason="retry")
    await world.pass_time(30)
    assert await _enqueue(world) == 0
    await world.pass_time(31)
    assert await _enqueue(world) == 1
    assert await _enqueue(world) == 0


async def test_a_lost_lease_is_announced_at_once_and_once(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await taken_messages(world)
    # PostgreSQL's clock goes on while a busy machine lets the test wait.
    await world.pass_time(LEASE_S / 2)
    assert await _enqueue(world) == 0
    await world.pass_time(LEASE_S / 2 + 1)
    assert await _enqueue(world) == 1
    assert await _enqueue(world) == 0
    assert [message.job_id for message in await taken_messages(world)] == [job.id]


async def test_a_job_that_was_handed_over_is_not_announced_twice(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await taken_messages(world)
    await world.jobs.release([(job.id, job.attempt)])
    assert await _enqueue(world) == 0
    assert len(await taken_messages(world)) == 1
    await world.pass_time(UNSEEN_S + 1)
    assert await _enqueue(world) == 1


async def test_a_running_or_finished_job_is_not_announced(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.renew_leases([(job.id, job.attempt)], lease_s=10 * UNSEEN_S)
    await world.pass_time(UNSEEN_S + 1)
    assert await _enqueue(world) == 0
    await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
    await world.pass_time(10 * UNSEEN_S)
    assert await _enqueue(world) == 0


async def test_due_jobs_are_announced_in_batches(world: World):
    for _ in range(3):
        await accepted(world)
    await world.pass_time(UNSEEN_S + 1)
    assert await world.outbox.enqueue_due(batch=2, unseen_s=UNSEEN_S) == 2
    assert await world.outbox.enqueue_due(batch=2, unseen_s=UNSEEN_S) == 1


async def test_a_queue_that_lasts_is_announced_less_and_less(world: World):
    await accepted(world)
    announced = 0
    for _ in range(120):
        await world.pass_time(UNSEEN_S / 2 + 0.1)
        announced += await _enqueue(world)
    # After 1, 2, 4, 8 and 16 times the patience, then each ten times: an hour has 60 of them.
    assert 7 <= announced <= 11


async def test_a_lost_message_of_an_old_job_is_still_made_up_for(world: World):
    await accepted(world)
    await world.pass_time(100 * UNSEEN_S)
    assert await _enqueue(world) == 1
    await world.pass_time(10 * UNSEEN_S + 1)
    assert await _enqueue(world) == 1


async def test_all_jobs_are_announced_in_batches_each_of_them_once(world: World):
    jobs = [await accepted(world, user_id=USER_ID + number) for number in range(7)]
    await taken_messages(world)
    await world.pass_time(1)
    assert await world.outbox.enqueue_all(batch=2) == 7
    assert sorted(message.job_id for message in await taken_messages(world)) == jobs


async def test_reapers_at_once_announce_all_jobs_without_waiting_for_each_other(world: World):
    jobs = {await accepted(world, user_id=USER_ID + number) for number in range(20)}
    await taken_messages(world)
    await world.pass_time(1)
    await asyncio.gather(*(world.outbox.enqueue_all(batch=3) for _ in range(4)))
    assert {message.job_id for message in await taken_messages(world)} == jobs


async def test_when_the_broker_lost_its_memory_every_unfinished_job_is_announced(world: World):
    queued = await accepted(world)
    running = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 1)
    postponed = await brought_to(world, JobStatus.SUBMITTING, user_id=USER_ID + 2)
    await world.jobs.postpone(postponed.fence, after_s=600, reason="retry")
    finished = await brought_to(world, JobStatus.DELIVERING, user_id=USER_ID + 3)
    await world.jobs.finish(finished.fence, result_file_id="file", undelivered=False)
    await taken_messages(world)
    assert await world.outbox.enqueue_all(batch=9) == 2
    assert {message.job_id for message in await taken_messages(world)} == {queued, running.id}
    await world.pass_time(601)
    assert await world.outbox.enqueue_due(batch=9, unseen_s=10_000) >= 1
    assert (await claimed(world, postponed.id)).status is JobStatus.SCRIPTING


async def test_an_order_that_nobody_began_until_its_deadline_is_refunded(world: World):
    job_id = await accepted(world)
    await world.pass_time(DEADLINE_S)
    assert list(await world.outbox.end_overdue(batch=9, grace_s=60)) == []
    await world.pass_time(61)
    (ended,) = await world.outbox.end_overdue(batch=9, grace_s=60)
    assert ended == OverdueJob(job_id, BOT_ID, USER_ID, 77, "ru")
    assert list(await world.outbox.end_overdue(batch=9, grace_s=60)) == []
    assert (await world.stored(job_id)).status is JobStatus.FAILED
    assert await _booked(world) == [3, -1, 1]


async def test_a_parked_order_has_the_same_deadline(world: World):
    job = await claimed(world, await accepted(world))
    await world.jobs.postpone(job.fence, after_s=10 * DEADLINE_S, reason="every key rests")
    await world.pass_time(2 * DEADLINE_S)
    assert [ended.job_id for ended in await world.outbox.end_overdue(batch=9, grace_s=60)] == [
        job.id
    ]


@pytest.mark.parametrize("status", [JobStatus.SCRIPTING, JobStatus.SUBMITTING])
async def test_an_overdue_job_in_the_hands_of_a_worker_is_left_to_him(
    world: World, status: JobStatus
):
    await brought_to(world, status)
    await world.pass_time(2 * DEADLINE_S)
    assert list(await world.outbox.end_overdue(batch=9, grace_s=60)) == []


@pytest.mark.parametrize("status", [JobStatus.SUBMITTING, JobStatus.RENDERING])
async def test_an_overdue_job_that_a_provider_may_have_is_left_to_a_worker(
    world: World, status: JobStatus
):
    job = await brought_to(world, status)
    await world.jobs.postpone(job.fence, after_s=1, reason="later")
    await world.pass_time(2 * DEADLINE_S)
    assert list(await world.outbox.end_overdue(batch=9, grace_s=60)) == []


async def test_reapers_at_once_refund_every_overdue_order_once(world: World):
    jobs = {await accepted(world, user_id=USER_ID + number % 3) for number in range(9)}
    await world.pass_time(2 * DEADLINE_S)
    rounds = await asyncio.gather(
        *(world.outbox.end_overdue(batch=9, grace_s=60) for _ in range(4))
    )
    ended = [job.job_id for each in rounds for job in each]
    assert len(ended) == 9
    assert set(ended) == jobs


async def _booked(world: World) -> list[int]:
    account = f"user:{USER_ID}"
    return [entry.amount for entry in await world.ledger() if entry.account == account]


async def test_drafts_that_nobody_touches_are_forgotten_and_the_jobs_made_of_them_stay(
    world: World,
):
    """A press on what is left of their menus is answered like any old menu's."""
    untouched = await drafted(world)
    touched = await drafted(world)
    job_id = await accepted(world)
    await world.pass_time(DAY_S)
    await world.orders.choose(touched.draft_id, tg_user_id=USER_ID, caption="Still at it")
    young = await drafted(world)

    assert await world.outbox.forget_drafts(older_than_s=DAY_S / 2, batch=1) == 1
    assert await world.outbox.forget_drafts(older_than_s=DAY_S / 2, batch=9) == 1
    assert await world.outbox.forget_drafts(older_than_s=DAY_S / 2, batch=9) == 0

    assert await world.orders.draft(untouched.draft_id, tg_user_id=USER_ID) is None
    for kept in (touched, young):
        assert await world.orders.draft(kept.draft_id, tg_user_id=USER_ID) is not None
    assert (await world.orders.accept(untouched)).outcome is AcceptOutcome.NO_DRAFT
    assert (await world.stored(job_id)).status is JobStatus.QUEUED


async def test_dialogues_that_nobody_touches_are_forgotten(world: World):
    """The next word in one of them begins anew."""
    old, touched = DialogueKey(BOT_ID, 1, 1), DialogueKey(BOT_ID, 2, 2)
    for key in (old, touched):
        await world.dialogues.set_data(key, {"draft": "x"})
    await world.pass_time(DAY_S)
    await world.dialogues.update_data(touched, {"menu": 5})

    assert await world.outbox.forget_dialogues(older_than_s=DAY_S / 2, batch=9) == 1

    assert await world.dialogues.data(old) == {}
    assert await world.dialogues.data(touched) == {"draft": "x", "menu": 5}


async def test_a_job_of_this_month_is_no_stray(world: World):
    """It lies in the partition of its month."""
    await accepted(world)
    assert await world.outbox.stray_jobs(count_max=9) == 0


async def test_the_jobs_of_the_last_hour_are_counted_by_their_status(world: World):
    """S0-14: an older one is not among them."""
    await accepted(world)
    await world.pass_time(2 * HOUR_S)
    await accepted(world)
    cancelled = await accepted(world)
    await world.orders.cancel(cancelled, tg_user_id=USER_ID)

    counts = await world.outbox.recent_jobs(since_s=HOUR_S)

    assert dict(counts) == {JobStatus.QUEUED: 1, JobStatus.CANCELLED: 1}
