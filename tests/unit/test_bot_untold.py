"""What the reaper does for users who may not know how their jobs ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from prometheus_client import CollectorRegistry

from neurocards.domain.jobs import JobStatus
from neurocards.ports.queue import OverdueJob
from neurocards.testing.clock import FakeClock
from neurocards.testing.outbox import MemoryOutbox
from neurocards.testing.queue import MemoryBroker
from neurocards.testing.world import (
    VIOLATION,
    MemoryWorld,
    accepted,
    brought_to,
    taken_messages,
)
from neurocards_bot.housekeeping import Housekeeping, Kept
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.reaper import Reaper

UNSEEN_S = 60.0


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.world = MemoryWorld(self.clock)
        self.reachable = True
        outbox, metrics = MemoryOutbox(self.world.database), OutboxMetrics(CollectorRegistry())
        self.reaper = Reaper(
            outbox,
            stream_created=MemoryBroker().stream_created,
            wake_relay=lambda: None,
            clock=self.clock,
            metrics=metrics,
            every_s=3600.0,
            unseen_s=UNSEEN_S,
            tell_overdue=self._tell,
            housekeeping=Housekeeping(outbox, metrics, Kept(drafts_s=3600.0, dialogues_s=3600.0)),
        )

    async def _tell(self, jobs: Sequence[OverdueJob]) -> Collection[UUID]:
        return [job.job_id for job in jobs] if self.reachable else []


async def test_an_end_that_nobody_told_for_a_minute_is_brought_to_a_worker():
    """Its teller may have died between the commit and the words (I6)."""
    desk = Desk()
    job = await brought_to(desk.world, JobStatus.RENDERING)
    await desk.world.jobs.fail(job.fence, VIOLATION)
    await taken_messages(desk.world)
    await desk.reaper.round()
    assert await taken_messages(desk.world) == []
    desk.clock.advance(UNSEEN_S)
    await desk.reaper.round()
    assert [message.job_id for message in await taken_messages(desk.world)] == [job.id]


async def test_an_end_that_was_told_is_left_alone():
    desk = Desk()
    job = await brought_to(desk.world, JobStatus.RENDERING)
    await desk.world.jobs.fail(job.fence, VIOLATION)
    await desk.world.jobs.mark_told(job.id, attempt=job.attempt)
    await taken_messages(desk.world)
    desk.clock.advance(10 * UNSEEN_S)
    await desk.reaper.round()
    assert await taken_messages(desk.world) == []


async def test_an_overdue_order_whose_user_was_told_is_noted_as_told():
    desk = Desk()
    job_id = await accepted(desk.world)
    desk.clock.advance(4 * 3600)
    await desk.reaper.round()
    assert (await desk.world.stored(job_id)).is_told


async def test_an_overdue_order_whose_user_was_not_reached_is_left_to_a_worker():
    desk = Desk()
    desk.reachable = False
    job_id = await accepted(desk.world)
    desk.clock.advance(4 * 3600)
    await desk.reaper.round()
    await taken_messages(desk.world)
    desk.clock.advance(UNSEEN_S)
    await desk.reaper.round()
    assert [message.job_id for message in await taken_messages(desk.world)] == [job_id]
    assert not (await desk.world.stored(job_id)).is_told
