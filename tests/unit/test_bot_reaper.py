"""The reaper finds what would wait for ever, and no error ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from neurocards.domain.inbound import InboundLimit
from neurocards.domain.jobs import JobStatus
from neurocards.errors import StoreUnavailableError
from neurocards.ports.orders import DialogueKey
from neurocards.ports.queue import OverdueJob
from neurocards.testing.clock import START, FakeClock
from neurocards.testing.outbox import MemoryOutbox
from neurocards.testing.queue import MemoryBroker
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    MemoryWorld,
    accepted,
    brought_to,
    drafted,
    taken_messages,
)
from neurocards_bot.housekeeping import BATCH, Housekeeping, Kept
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.reaper import (
    HOUSEKEEPING_AGAIN_S,
    HOUSEKEEPING_S,
    OVERDUE_BATCH,
    Decision,
    DutyFailedError,
    Memory,
    Observation,
    Reaper,
    decide,
)

UNSEEN_S = 60.0
KEPT_S = 30 * 24 * 3600.0
OLD = START - timedelta(days=30)
YOUNG = START - timedelta(seconds=30)


class FlakyOutbox(MemoryOutbox):
    failing: frozenset[str] = frozenset()
    partitions_asked = 0
    strays = 0

    def _perhaps_fail(self, duty: str) -> None:
        if duty in self.failing:
            raise StoreUnavailableError("PostgreSQL is away")

    async def enqueue_all(self, *, batch: int) -> int:
        self._perhaps_fail("everything")
        return await super().enqueue_all(batch=batch)

    async def enqueue_due(self, *, batch: int, unseen_s: float) -> int:
        self._perhaps_fail("due")
        return await super().enqueue_due(batch=batch, unseen_s=unseen_s)

    async def stray_jobs(self, *, count_max: int) -> int:
        return min(self.strays, count_max)

    async def ensure_partitions(self) -> int:
        self._perhaps_fail("partitions")
        self.partitions_asked += 1
        return await super().ensure_partitions()


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.world = MemoryWorld(self.clock)
        self.outbox = FlakyOutbox(self.world.database)
        self.broker = MemoryBroker()
        self.broker.created = OLD
        self.wakes = 0
        self.told: list[UUID] = []
        self.registry = CollectorRegistry()
        metrics = OutboxMetrics(self.registry)
        self.reaper = Reaper(
            self.outbox,
            stream_created=self.broker.stream_created,
            wake_relay=self._count_wake,
            clock=self.clock,
            metrics=metrics,
            every_s=3600.0,
            unseen_s=UNSEEN_S,
            tell_overdue=self._told,
            housekeeping=Housekeeping(
                self.outbox, metrics, Kept(drafts_s=KEPT_S, dialogues_s=KEPT_S), batches_max=3
            ),
        )

    async def _told(self, jobs: Sequence[OverdueJob]) -> list[UUID]:
        self.told += [job.job_id for job in jobs]
        return self.told

    def _count_wake(self) -> None:
        self.wakes += 1

    def reaped(self, reason: str) -> float:
        value = self.registry.get_sample_value("neurocards_reaper_jobs_total", {"reason": reason})
        return value or 0.0


async def test_a_job_whose_worker_is_gone_is_announced_again():
    desk = Desk()
    job = await brought_to(desk.world, JobStatus.RENDERING)
    await taken_messages(desk.world)
    await desk.reaper.round()
    assert await taken_messages(desk.world) == []
    desk.clock.advance(LEASE_S + 1)
    await desk.reaper.round()
    assert [message.job_id for message in await taken_messages(desk.world)] == [job.id]
    assert desk.wakes == 1
    assert desk.reaped("due") == 1


async def test_a_job_that_nobody_claims_is_announced_again():
    desk = Desk()
    job_id = await accepted(desk.world)
    await taken_messages(desk.world)
    desk.clock.advance(UNSEEN_S + 1)
    await desk.reaper.round()
    assert [message.job_id for message in await taken_messages(desk.world)] == [job_id]


async def test_a_round_without_anything_due_wakes_nobody():
    desk = Desk()
    await desk.reaper.round()
    assert desk.wakes == 0


async def test_when_the_broker_forgot_everything_all_jobs_are_announced_at_once():
    desk = Desk()
    waiting = await accepted(desk.world)
    rendering = await brought_to(desk.world, JobStatus.RENDERING)
    await taken_messages(desk.world)
    await desk.reaper.round()
    assert await taken_messages(desk.world) == []
    desk.broker.wipe()
    await desk.reaper.round()
    announced = {message.job_id for message in await taken_messages(desk.world)}
    assert announced == {waiting, rendering.id}
    await desk.reaper.round()
    assert await taken_messages(desk.world) == []


async def test_a_loss_is_not_forgotten_because_postgresql_was_away_just_then():
    desk = Desk()
    await desk.reaper.round()
    job_id = await accepted(desk.world)
    await taken_messages(desk.world)
    desk.broker.wipe()
    desk.outbox.failing = frozenset({"everything", "due"})
    await desk.reaper.round()
    desk.outbox.failing = frozenset()
    await desk.reaper.round()
    assert {message.job_id for message in await taken_messages(desk.world)} == {job_id}


async def test_a_broker_that_is_away_does_not_keep_the_reaper_from_its_other_duties():
    desk = Desk()
    job_id = await accepted(desk.world)
    await taken_messages(desk.world)
    desk.broker.go_away()
    desk.clock.advance(UNSEEN_S + 1)
    await desk.reaper.round()
    assert [message.job_id for message in await taken_messages(desk.world)] == [job_id]


async def test_one_failed_duty_does_not_stop_the_others_and_is_done_again_soon():
    desk = Desk()
    desk.outbox.failing = frozenset({"due", "partitions"})
    await desk.reaper.round()
    failures = desk.registry.get_sample_value(
        "neurocards_reaper_failures_total", {"duty": "partitions"}
    )
    assert failures == 1
    desk.outbox.failing = frozenset()
    desk.clock.advance(HOUSEKEEPING_AGAIN_S + 1)
    await desk.reaper.round()
    assert desk.outbox.partitions_asked == 1


async def test_a_duty_that_is_not_done_is_told_until_it_is_done_again():
    """C-23: `/health` is degraded meanwhile; a broker that is away is no failure of a duty."""
    desk = Desk()
    desk.outbox.failing = frozenset({"due", "partitions"})
    await desk.reaper.round()
    with pytest.raises(DutyFailedError, match="due, partitions"):
        await desk.reaper.check()
    desk.outbox.failing = frozenset()
    desk.broker.go_away()
    await desk.reaper.round()
    with pytest.raises(DutyFailedError, match=": partitions"):
        await desk.reaper.check()
    desk.clock.advance(HOUSEKEEPING_AGAIN_S + 1)
    await desk.reaper.round()
    await desk.reaper.check()


async def test_partitions_are_made_at_the_start_and_then_daily():
    desk = Desk()
    for _ in range(3):
        await desk.reaper.round()
    assert desk.outbox.partitions_asked == 1
    desk.clock.advance(HOUSEKEEPING_S + 1)
    await desk.reaper.round()
    assert desk.outbox.partitions_asked == 2


async def test_updates_older_than_two_days_are_forgotten_however_many():
    desk = Desk()
    for number in range(2 * BATCH + 5):
        await desk.world.orders.mark_applied(BOT_ID, number)
    desk.clock.advance(49 * 3600)
    await desk.world.orders.mark_applied(BOT_ID, 99_999)
    await desk.reaper.round()
    assert not await desk.world.orders.was_applied(BOT_ID, 1)
    assert await desk.world.orders.was_applied(BOT_ID, 99_999)


async def test_buckets_of_senders_who_paused_are_forgotten_however_many():
    desk = Desk()
    limit = InboundLimit(per_minute=60, burst=20)
    for user_id in range(BATCH + 5):
        await desk.world.orders.admit(BOT_ID, user_id, tg_user_id=user_id, cost=1, limit=limit)
    desk.clock.advance(10)
    await desk.world.orders.admit(BOT_ID, 99_999, tg_user_id=99_999, cost=1, limit=limit)
    await desk.reaper.round()
    assert list(desk.world.database.buckets) == [(BOT_ID, 99_999)]


async def test_drafts_and_dialogues_that_nobody_touches_are_forgotten_in_the_end():
    """Whoever wrote once and never again is not remembered for ever."""
    desk = Desk()
    await drafted(desk.world)
    await desk.world.dialogues.set_data(DialogueKey(BOT_ID, 1, 1), {"draft": "x"})
    desk.clock.advance(KEPT_S + 1)
    young = await drafted(desk.world)
    await desk.reaper.round()
    assert list(desk.world.database.drafts) == [young.draft_id]
    assert desk.world.database.dialogues == {}
    for what in ("drafts", "dialogues"):
        forgotten = desk.registry.get_sample_value("neurocards_forgotten_total", {"what": what})
        assert forgotten == 1


async def test_what_is_too_much_for_one_round_is_forgotten_a_little_later():
    """A table that grew for months must not hold up what is due."""
    desk = Desk()
    for number in range(3 * BATCH + 5):
        await desk.world.orders.mark_applied(BOT_ID, number)
    desk.clock.advance(49 * 3600)
    await desk.reaper.round()
    assert len(desk.world.database.updates) == 5
    await desk.reaper.round()
    assert len(desk.world.database.updates) == 5
    desk.clock.advance(HOUSEKEEPING_AGAIN_S + 1)
    await desk.reaper.round()
    assert desk.world.database.updates == {}


async def test_jobs_in_no_partition_of_a_month_are_counted():
    """G-13: any at all means that partitions were not made in time."""
    desk = Desk()
    desk.outbox.strays = 2
    await desk.reaper.round()
    name = "neurocards_jobs_default_partition_rows"
    assert desk.registry.get_sample_value(name) == 2
    desk.outbox.strays = 0
    desk.clock.advance(60)
    await desk.reaper.round()
    assert desk.registry.get_sample_value(name) == 0


async def test_the_jobs_of_the_last_hour_are_shown_by_their_status():
    """S0-14: a status without jobs is shown as 0."""
    desk = Desk()
    await accepted(desk.world)
    await desk.reaper.round()

    def shown(status: str) -> float | None:
        return desk.registry.get_sample_value("neurocards_jobs_last_hour", {"status": status})

    assert (shown("queued"), shown("done")) == (1, 0)
    desk.clock.advance(2 * 3600)
    await desk.reaper.round()
    assert shown("queued") == 0


async def test_the_loop_looks_at_once_when_it_is_woken_and_survives_a_bug():
    desk = Desk()
    rounds = asyncio.Queue[None]()

    async def broken() -> datetime:
        rounds.put_nowait(None)
        raise ZeroDivisionError

    desk.reaper._stream_created = broken
    task = asyncio.create_task(desk.reaper.run())
    for _ in range(3):
        await asyncio.wait_for(rounds.get(), timeout=20)
        desk.reaper.wake()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.parametrize(
    ("known", "created", "reason"),
    [
        (None, None, ""),
        (None, OLD, ""),
        (None, YOUNG, "StreamIsYoung"),
        (OLD, None, ""),
        (OLD, OLD, ""),
        (OLD, YOUNG, "StreamMadeAnew"),
        (YOUNG, OLD, "StreamMadeAnew"),
    ],
)
def test_what_the_age_of_the_stream_tells(
    known: datetime | None, created: datetime | None, reason: str
):
    decision = decide(Memory(known, housekeeping_due_s=10.0), Observation(START, 5.0, created))
    assert decision == Decision(bool(reason), keep_house=False, reason=reason)


async def test_orders_that_nobody_began_in_time_are_ended_without_any_worker_and_told():
    desk = Desk()
    jobs = [await accepted(desk.world, user_id=number) for number in range(1, OVERDUE_BATCH + 3)]
    await desk.reaper.round()
    assert desk.told == []
    desk.clock.advance(24 * 3600.0)
    await desk.reaper.round()
    assert sorted(desk.told) == sorted(jobs)
    assert desk.reaped("overdue") == len(jobs)
    assert {user.balance for user in desk.world.database.users.values()} == {3}
