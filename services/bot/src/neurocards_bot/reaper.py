"""The reaper: finds what would wait for ever, and puts it into the outbox.

Due retries, jobs whose worker is gone, jobs whose message got lost, ended jobs whose users may not
know, and all of them when the broker has lost its memory. Once a day it keeps house as well. Every
replica runs one: rows are locked by one of them and a second message for a job is harmless. It
changes no job but those that nobody began until their deadline: these are refunded, since workers
may be at zero. Any other one a worker claims, or finds that there is nothing to do but to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from neurocards.domain.jobs import JobStatus
from neurocards.errors import NeurocardsError
from neurocards.ports.clock import Clock
from neurocards.ports.queue import Outbox, OverdueJob
from neurocards_bot.housekeeping import Housekeeping
from neurocards_bot.outbox_metrics import OutboxMetrics

log = structlog.get_logger(__name__)

BATCH = 500
BATCHES_PER_ROUND_MAX = 100
HOUSEKEEPING_S = 24 * 3600.0
HOUSEKEEPING_AGAIN_S = 600.0
"""After a failure, or when not all of it was done."""
STRAYS_COUNTED_MAX = 10_000
RECENT_S = 3600.0
STREAM_IS_NEW_S = 600.0
OVERDUE_S = 30.0
OVERDUE_GRACE_S = 60.0
"""A worker that claims the job right at its deadline ends it by itself, and better."""
OVERDUE_BATCH = 25
"""Their users are told at once, and Telegram takes about 30 calls a second."""
OVERDUE_BATCHES_MAX = 20
JITTER_SHARE = 0.2


TellOverdue = Callable[[Sequence[OverdueJob]], Awaitable[Collection[UUID]]]
"""Tells the users of ended jobs, and which of them know now; it must not raise."""


class DutyFailedError(NeurocardsError):
    """Something that the reaper does for everybody is not being done."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the reaper knows from its earlier rounds."""

    stream_created: datetime | None = None
    housekeeping_due_s: float = 0.0
    overdue_due_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """`stream_created` is None while the broker is away."""

    now: datetime
    monotonic_s: float
    stream_created: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    enqueue_everything: bool
    keep_house: bool
    reason: str = ""


def decide(memory: Memory, seen: Observation) -> Decision:
    """Tell what this round has to do beside what every round does."""
    keep_house = seen.monotonic_s >= memory.housekeeping_due_s
    created = seen.stream_created
    if created is None or created == memory.stream_created:
        return Decision(enqueue_everything=False, keep_house=keep_house)
    if memory.stream_created is not None:
        return Decision(True, keep_house, "StreamMadeAnew")
    # What the broker forgot before this process began shows in the youth of its stream.
    is_new = seen.now - created < timedelta(seconds=STREAM_IS_NEW_S)
    return Decision(is_new, keep_house, "StreamIsYoung" if is_new else "")


class Reaper:
    def __init__(
        self,
        outbox: Outbox,
        *,
        stream_created: Callable[[], Awaitable[datetime]],
        wake_relay: Callable[[], None],
        clock: Clock,
        metrics: OutboxMetrics,
        every_s: float,
        unseen_s: float,
        tell_overdue: TellOverdue,
        housekeeping: Housekeeping,
    ) -> None:
        self._outbox = outbox
        self._housekeeping = housekeeping
        self._stream_created = stream_created
        self._wake_relay = wake_relay
        self._clock = clock
        self._metrics = metrics
        self._every_s = every_s
        self._unseen_s = unseen_s
        self._tell_overdue = tell_overdue
        self._woken = asyncio.Event()
        self._memory = Memory()
        self._failing: set[str] = set()

    def wake(self) -> None:
        """Say that the broker may have lost its memory."""
        self._woken.set()

    async def check(self) -> None:
        """Raise DutyFailedError while a duty has failed and was not done again since."""
        if self._failing:
            raise DutyFailedError(f"not done: {', '.join(sorted(self._failing))}")

    async def run(self) -> None:
        """Look round until cancelled."""
        while True:
            self._woken.clear()
            await self.round()
            # Replicas that started together should not work together.
            wait_s = self._every_s * random.uniform(1 - JITTER_SHARE, 1 + JITTER_SHARE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()

    async def round(self) -> None:
        """Gather, decide, apply; a duty that fails is told, counted and done again."""
        seen = await self._gather()
        decision = decide(self._memory, seen)
        if decision.enqueue_everything:
            log.warning("reaper.broker_forgot", reason=decision.reason)
            if await self._did("everything", self._enqueue_everything):
                self._remember_stream(seen)
        else:
            self._remember_stream(seen)
        await self._did("due", self._enqueue_due)
        await self._did("untold", self._enqueue_untold)
        if seen.monotonic_s >= self._memory.overdue_due_s:
            await self._did("overdue", self._end_overdue)
            await self._did("strays", self._count_strays)
            await self._did("recent", self._count_recent)
            self._memory = replace(self._memory, overdue_due_s=seen.monotonic_s + OVERDUE_S)
        if decision.keep_house:
            pause_s = HOUSEKEEPING_S if await self._keep_house() else HOUSEKEEPING_AGAIN_S
            self._memory = replace(self._memory, housekeeping_due_s=seen.monotonic_s + pause_s)

    async def _keep_house(self) -> bool:
        done = True
        for name, duty in self._housekeeping.duties().items():
            done = await self._did(name, duty) and done
        return done

    async def _gather(self) -> Observation:
        created: datetime | None = None
        try:
            created = await self._stream_created()
        except NeurocardsError as error:
            log.debug("reaper.broker_away", reason=str(error))
        except Exception:
            log.exception("reaper.bug", duty="gather")
        return Observation(self._clock.now(), self._clock.monotonic(), created)

    def _remember_stream(self, seen: Observation) -> None:
        if seen.stream_created is not None:
            self._memory = replace(self._memory, stream_created=seen.stream_created)

    async def _did(self, duty: str, work: Callable[[], Awaitable[bool | None]]) -> bool:
        """Do a duty; False when it failed, or says itself that it is not done."""
        try:
            done = await work()
        except NeurocardsError as error:
            log.warning("reaper.duty_failed", duty=duty, reason=str(error))
        except Exception:
            log.exception("reaper.bug", duty=duty)
        else:
            self._failing.discard(duty)
            return done is not False
        self._failing.add(duty)
        self._metrics.reaper_failures_total.labels(duty).inc()
        return False

    async def _enqueue_everything(self) -> None:
        self._enqueued(await self._outbox.enqueue_all(batch=BATCH), "everything")

    async def _enqueue_due(self) -> None:
        for _ in range(BATCHES_PER_ROUND_MAX):
            count = await self._outbox.enqueue_due(batch=BATCH, unseen_s=self._unseen_s)
            self._enqueued(count, "due")
            if count < BATCH:
                return

    async def _enqueue_untold(self) -> None:
        """Bring jobs to a worker whose users may not know how they ended."""
        count = await self._outbox.enqueue_untold(batch=BATCH, after_s=self._unseen_s)
        self._enqueued(count, "untold")

    async def _end_overdue(self) -> None:
        for _ in range(OVERDUE_BATCHES_MAX):
            ended = await self._outbox.end_overdue(batch=OVERDUE_BATCH, grace_s=OVERDUE_GRACE_S)
            if ended:
                self._metrics.reaped_total.labels("overdue").inc(len(ended))
                log.warning("reaper.overdue", count=len(ended))
                told = await self._tell_overdue(ended)
                await self._outbox.mark_told(told)
            if len(ended) < OVERDUE_BATCH:
                return

    def _enqueued(self, count: int, reason: str) -> None:
        if count:
            self._metrics.reaped_total.labels(reason).inc(count)
            log.info("reaper.enqueued", count=count, reason=reason)
            self._wake_relay()

    async def _count_strays(self) -> None:
        strays = await self._outbox.stray_jobs(count_max=STRAYS_COUNTED_MAX)
        self._metrics.stray_jobs.set(strays)
        if strays:
            log.error("reaper.stray_jobs", count=strays)

    async def _count_recent(self) -> None:
        counts = await self._outbox.recent_jobs(since_s=RECENT_S)
        for status in JobStatus:
            self._metrics.recent_jobs.labels(status.value).set(counts.get(status, 0))
