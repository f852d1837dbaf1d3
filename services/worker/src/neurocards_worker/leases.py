"""The jobs that this process holds: their leases in PostgreSQL and their messages at the broker.

One statement renews all leases and one task gives all signs of life, whatever the number of jobs.
A lease that did not renew belongs to somebody else: that job's task is cancelled and its message
left alone, since an acknowledgement would take it from its new owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.jobs import Claim, JobStore
from neurocards.ports.queue import Delivery
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.run import Run, Uninterrupted

DOUBT_SHARE = 1 / 3
"""Of a lease: in its last part it is no longer surely ours. At 60 s that is longer than an edit may
be under way to Telegram."""
BEAT_SHARES = 20
"""The signs of life of all jobs are spread over so many parts of the interval."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class HeldJob:
    """A message that was taken; `run` is there once its job is claimed."""

    delivery: Delivery
    uninterrupted: Uninterrupted = field(default_factory=Uninterrupted)
    run: Run | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    lost: bool = False
    leased_until: float = 0.0
    """Of the monotonic clock, at the least; counted from before the lease was asked for."""

    @property
    def fence(self) -> tuple[UUID, int] | None:
        return None if self.run is None else (self.run.job.id, self.run.job.attempt)

    @property
    def is_busy(self) -> bool:
        return self.uninterrupted.is_busy

    def has_run_out(self, now: float) -> bool:
        """Tell whether somebody else may have taken the job; `now` of the monotonic clock."""
        return self.run is not None and now >= self.leased_until

    def cancel(self) -> None:
        if self.task is not None:
            self.uninterrupted.cancel(self.task)


class LeaseKeeper:
    def __init__(
        self,
        jobs: JobStore,
        *,
        lease_s: float,
        renewal_s: float,
        beat_s: float,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._lease_s = lease_s
        self._renewal_s = renewal_s
        self._beat_s = beat_s
        self._metrics = metrics
        self._moments = moments
        self._held: dict[UUID, HeldJob] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[HeldJob]:
        return iter(tuple(self._held.values()))

    def find(self, job_id: UUID) -> HeldJob | None:
        return self._held.get(job_id)

    def add(self, job_id: UUID, held: HeldJob) -> None:
        self._held[job_id] = held

    def remove(self, job_id: UUID, held: HeldJob) -> None:
        if self._held.get(job_id) is held:
            del self._held[job_id]

    def is_ours(self, job_id: UUID) -> bool:
        """Tell whether nobody else can have the job yet, whatever has kept us from renewing.

        A process that was stopped, or cut off from PostgreSQL, learns of its loss too late; its
        clock knows. A job that is in nobody's hands here is not doubted.
        """
        held = self._held.get(job_id)
        if held is None or held.run is None:
            return True
        surely_until = held.leased_until - DOUBT_SHARE * self._lease_s
        return not held.lost and self._moments.monotonic() < surely_until

    async def claim(self, held: HeldJob, claiming: Awaitable[Claim]) -> Claim:
        """Wait for a claim, and note how long its lease lasts."""
        asked_at = self._moments.monotonic()
        claim = await claiming
        held.leased_until = asked_at + self._lease_s
        return claim

    async def renew(self) -> None:
        """Renew all leases once; cancel the jobs that are somebody else's by now."""
        asked = {fence: held for held in self if (fence := held.fence) is not None}
        if not asked:
            return
        asked_at = self._moments.monotonic()
        kept = await self._jobs.renew_leases(tuple(asked), lease_s=self._lease_s)
        for (job_id, _), held in asked.items():
            if job_id in kept:
                held.leased_until = asked_at + self._lease_s
            # A job that has ended meanwhile, or is about to, has no lease and needs none.
            if job_id not in kept and held.fence is not None and not held.is_busy:
                log.warning("lease.lost", job_id=str(job_id))
                self._metrics.leases_lost_total.inc()
                held.lost = True
                held.cancel()

    async def keep_leases(self) -> None:
        while True:
            await self._moments.sleep(self._renewal_s)
            try:
                await self.renew()
            except StoreUnavailableError as error:
                log.warning("lease.renewal_failed", jobs=len(self), reason=str(error))

    async def keep_messages(self) -> None:
        """Tell the broker of each message once per `beat_s` that it is being worked on."""
        part = 0
        while True:
            await self._moments.sleep(self._beat_s / BEAT_SHARES)
            part = (part + 1) % BEAT_SHARES
            await self.beat(part)

    async def beat(self, part: int) -> None:
        """Tell the broker of one part of the messages that they are being worked on.

        Not of a job whose lease has run out: whoever cannot renew, because PostgreSQL answers all
        others and not him, would keep the job from those who can.
        """
        now = self._moments.monotonic()
        due = [
            held
            for job_id, held in self._held.items()
            if job_id.int % BEAT_SHARES == part and not held.has_run_out(now)
        ]
        await _beat(due)

    async def release(self, held: Collection[HeldJob]) -> None:
        """Hand jobs over in one statement, then give their messages back."""
        fences = [fence for one in held if (fence := one.fence) is not None and not one.lost]
        try:
            released = await self._jobs.release(fences) if fences else 0
            log.info("lease.released", jobs=released)
        except StoreUnavailableError as error:
            log.warning("lease.release_failed", jobs=len(fences), reason=str(error))
        for one in held:
            if not one.lost:
                await _give_back(one.delivery)


async def _beat(due: Collection[HeldJob]) -> None:
    for held in due:
        try:
            await held.delivery.in_progress()
        except QueueUnavailableError as error:
            # The others would hear the same; the broker delivers again when it is back.
            log.warning("queue.beat_failed", reason=str(error))
            return


async def _give_back(delivery: Delivery) -> None:
    try:
        await delivery.nak()
    except QueueUnavailableError as error:
        log.warning("queue.give_back_failed", reason=str(error))
