"""The loop of the worker: takes messages as long as there are slots, claims, carries, lets go.

On `drain` it takes nothing more and hands over what it has: leases in one statement, messages
back, everything cancelled at once but what must not be interrupted; the next worker goes on where
this one stopped. So ending a worker never costs a job, and never takes as long as a job.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.jobs import (
    Claim,
    Claimed,
    HeldByAnother,
    JobStore,
    NotDue,
    NothingToDo,
    Unreadable,
    Untold,
)
from neurocards.ports.queue import Delivery, Hints, JobQueue
from neurocards.ports.scaling import scaling_subject
from neurocards_worker.carrier import Carrier
from neurocards_worker.leases import HeldJob, LeaseKeeper
from neurocards_worker.logged_words import logged_bug
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.run import Run
from neurocards_worker.settlement import Settled

HELD_LOOK_S_MAX = 30.0
STORE_AWAY_S = 2.0
CANCEL_S = 2.0

Task = asyncio.Task[None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunnerLimits:
    """`name`: of this worker, in leases. `drain_s`: for what must not be interrupted."""

    name: str
    slots: int
    lease_s: float
    drain_s: float
    claims_at_once: int
    """Fewer than connections: thousands of messages may come at once, and the jobs that run
    must not wait behind their claims until no connection is free in time."""
    tell_again_s: float
    """An end that could not be told is told again after so long."""


class Runner:
    def __init__(
        self,
        queue: JobQueue,
        jobs: JobStore,
        *,
        carrier: Carrier,
        leases: LeaseKeeper,
        hints: Hints,
        limits: RunnerLimits,
        metrics: WorkerMetrics,
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._carrier = carrier
        self._leases = leases
        self._hints = hints
        self._limits = limits
        self._metrics = metrics
        self._claims = asyncio.Semaphore(limits.claims_at_once)
        metrics.slots.set(limits.slots)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then hand over."""
        loops = (self._take_messages(), self._leases.keep_leases(), self._leases.keep_messages())
        tasks = [asyncio.create_task(loop) for loop in loops]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await _cancelled(tasks[0])
            await self.drain()
            for task in tasks[1:]:
                await _cancelled(task)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _free_slots(self) -> int:
        return self._limits.slots - len(self._leases)

    async def _take_messages(self) -> None:
        deliveries = self._queue.deliveries(free_slots=self._free_slots)
        async with contextlib.aclosing(deliveries):
            async for delivery in deliveries:
                self._take(delivery)

    def _take(self, delivery: Delivery) -> None:
        job_id = delivery.job_id
        known = self._leases.find(job_id)
        if known is not None:
            # Our signs of life came too late: the newer message is the one to acknowledge.
            known.delivery = delivery
            return
        held = HeldJob(delivery)
        self._leases.add(job_id, held)
        self._metrics.jobs_in_flight.set(len(self._leases))
        held.task = asyncio.create_task(self._handle(job_id, held), name=f"job-{job_id}")

    async def _handle(self, job_id: UUID, held: HeldJob) -> None:
        """Work on a job; every line that is written meanwhile names it, whoever writes it."""
        try:
            with structlog.contextvars.bound_contextvars(job_id=str(job_id)):
                await self._handle_named(job_id, held)
        finally:
            self._leases.remove(job_id, held)
            self._metrics.jobs_in_flight.set(len(self._leases))
            self._queue.slots_freed()

    async def _handle_named(self, job_id: UUID, held: HeldJob) -> None:
        try:
            await self._claim_and_carry(job_id, held)
        except QueueUnavailableError as error:
            log.warning("queue.word_lost", job_id=str(job_id), reason=str(error))
        except Exception as error:
            log.exception("runner.bug", job_id=str(job_id), exc_info=logged_bug(error))

    async def _claim_and_carry(self, job_id: UUID, held: HeldJob) -> None:
        try:
            async with self._claims:
                claim = await self._claim(job_id, held)
        except StoreUnavailableError as error:
            log.warning("claim.store_away", job_id=str(job_id), reason=str(error))
            await held.delivery.nak(after_s=STORE_AWAY_S)
            return
        self._metrics.claims_total.labels(type(claim).__name__).inc()
        match claim:
            case Claimed() | Unreadable() if held.run is not None:
                await self._carry(held.run, held)
            case NothingToDo(_, Untold() as untold):
                await self._tell(untold, held)
            case HeldByAnother(for_s):
                await held.delivery.nak(after_s=min(HELD_LOOK_S_MAX, max(0.1, for_s)))
            case NotDue() | NothingToDo():
                await held.delivery.ack()

    async def _claim(self, job_id: UUID, held: HeldJob) -> Claim:
        """Claim the job; a claim that is cut off would leave a lease that nobody gives back."""
        async with held.uninterrupted:
            claim = await self._leases.claim(
                held,
                self._jobs.claim(job_id, worker=self._limits.name, lease_s=self._limits.lease_s),
            )
            match claim:
                case Claimed(job):
                    held.run = Run(job, held.uninterrupted)
                case Unreadable(job, reason):
                    held.run = Run(job, held.uninterrupted, unreadable=reason)
        return claim

    async def _carry(self, run: Run, held: HeldJob) -> None:
        job = run.job
        structlog.contextvars.bind_contextvars(attempt=job.attempt)
        log.info("job.claimed", job_id=str(job.id), status=job.status, tries=job.tries)
        await self._hints.announce(f"events.job.{job.status}", str(job.id).encode())
        settled = await self._carrier.carry(run)
        held.run = None
        if settled is not Settled.LOST:
            await self._let_go(held, told=settled is Settled.APPLIED)
            await self._hints.announce(scaling_subject(job.pool))

    async def _tell(self, untold: Untold, held: HeldJob) -> None:
        """Tell of an end whose teller was lost between the commit and the words."""
        async with held.uninterrupted:
            told = await self._carrier.tell(untold)
        await self._let_go(held, told=told)

    async def _let_go(self, held: HeldJob, *, told: bool) -> None:
        if told:
            await held.delivery.ack()
        else:
            await held.delivery.nak(after_s=self._limits.tell_again_s)

    async def drain(self) -> None:
        """Hand all jobs over; what must not be interrupted gets `drain_s` for it.

        The others do not wait for it: the next worker may have them at once.
        """
        held = list(self._leases)
        log.info("runner.draining", jobs=len(held))
        for one in held:
            one.cancel()
        tasks = {one.task: one for one in held if one.task is not None}
        busy = {task for task, one in tasks.items() if one.is_busy}
        if idle := set(tasks) - busy:
            ended, slow = await asyncio.wait(idle, timeout=CANCEL_S)
            await self._release(tasks, ended)
            busy |= slow
        stuck = await self._hand_over(tasks, busy, within_s=self._limits.drain_s)
        for task in stuck:
            task.cancel()
        await self._hand_over(tasks, stuck, within_s=CANCEL_S)
        log.info("runner.drained", jobs=len(held))

    async def _hand_over(
        self, held: Mapping[Task, HeldJob], ending: set[Task], *, within_s: float
    ) -> set[Task]:
        """Release each job as its task ends; give the tasks that have not ended in time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while ending and (left_s := until - loop.time()) > 0:
            ended, ending = await asyncio.wait(
                ending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            await self._release(held, ended)
        return ending

    async def _release(self, held: Mapping[Task, HeldJob], ended: set[Task]) -> None:
        cancelled = [held[task] for task in ended if task.cancelled()]
        if cancelled:
            await self._leases.release(cancelled)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
