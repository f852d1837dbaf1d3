"""What an outcome does: to the job, to the user, to the message that brought it.

First the commit, then the words, then the note that they were said, then the acknowledgement. A
commit whose message was not acknowledged is met by the next worker that sees it, which finds
nothing left to do but to say what was not noted as said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum, auto

import structlog

from neurocards.domain.failures import FailureClass
from neurocards.domain.jobs import Fence, Job, JobStatus
from neurocards.domain.outcomes import Done, GiveUp, Lost, Outcome, Retry, Snooze, Undelivered
from neurocards.ports.jobs import JobStore, Untold
from neurocards.ports.queue import Hints
from neurocards_worker.logged_words import logged_words
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.tidings import Tidings

log = structlog.get_logger(__name__)


class Settled(Enum):
    """What became of an outcome, and so of the message that brought the job."""

    APPLIED = auto()
    UNTOLD = auto()
    """The end is stored, and its user is still to be told."""
    LOST = auto()
    """The job is somebody else's, message and all."""


class Settlement:
    def __init__(
        self,
        jobs: JobStore,
        tidings: Tidings,
        hints: Hints,
        *,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._tidings = tidings
        self._hints = hints
        self._metrics = metrics
        self._moments = moments

    async def apply(self, job: Job, outcome: Outcome, *, unshown: bool) -> Settled:
        """`unshown`: no request of any run can have shown the video of this job."""
        settled = await self._applied(job, outcome, unshown=unshown)
        self._count(job, Lost() if settled is Settled.LOST else outcome)
        return settled

    async def tell(self, untold: Untold) -> bool:
        """Tell of an end that was stored before; False when that must be tried again later."""
        log.info("job.untold", job_id=str(untold.job.id), status=untold.job.status)
        return await self._tidings.ended(untold)

    async def _applied(self, job: Job, outcome: Outcome, *, unshown: bool) -> Settled:
        match outcome:
            case Done():
                await self._announce(job, JobStatus.DONE)
                return _ended(told=outcome.told)
            case Retry():
                return await self._postponed(job, outcome, unshown=unshown)
            case Snooze():
                return await self._snoozed(job, outcome, unshown=unshown)
            case GiveUp():
                return await self._given_up(job, outcome)
            case Undelivered():
                return await self._left_undelivered(job)
            case Lost():
                return Settled.LOST

    async def _postponed(self, job: Job, retry: Retry, *, unshown: bool) -> Settled:
        failure = retry.failure
        if not await self._jobs.postpone(
            job.fence,
            after_s=retry.after_s,
            reason=failure.failure_class.value.lower(),
            failure=failure,
            new_task=retry.new_task,
            unshown=unshown,
        ):
            return Settled.LOST
        log.warning(
            "job.retry",
            job_id=str(job.id),
            failure_class=failure.failure_class,
            code=failure.code,
            text=logged_words(failure, job),
            after_s=round(retry.after_s, 1),
        )
        queued = _queued_again(job, new_task=retry.new_task)
        await self._tidings.waiting(queued, failure.failure_class)
        return Settled.APPLIED

    async def _snoozed(self, job: Job, snooze: Snooze, *, unshown: bool) -> Settled:
        tell = snooze.tell_user and job.parked_notice_at is None
        if tell and not await self._jobs.mark_parked_notice(job.fence):
            return Settled.LOST
        if not await self._jobs.postpone(
            job.fence,
            after_s=snooze.after_s,
            reason=snooze.reason,
            new_task=snooze.new_task,
            unshown=unshown,
        ):
            return Settled.LOST
        after_s = round(snooze.after_s, 1)
        log.info("job.snoozed", job_id=str(job.id), reason=snooze.reason, after_s=after_s)
        if tell:
            queued = _queued_again(job, new_task=snooze.new_task)
            await self._tidings.waiting(queued, FailureClass.RATE_LIMIT)
        return Settled.APPLIED

    async def _given_up(self, job: Job, end: GiveUp) -> Settled:
        failure = end.failure
        if not await self._jobs.fail(job.fence, failure):
            return Settled.LOST
        log.error(
            "job.failed",
            job_id=str(job.id),
            failure_class=failure.failure_class,
            code=failure.code,
            source=failure.source,
            text=logged_words(failure, job),
        )
        await self._announce(job, JobStatus.FAILED)
        return _ended(told=await self._tidings.failed(job, failure))

    async def _left_undelivered(self, job: Job) -> Settled:
        """End a job whose video may have been shown: done, and its user told how to see it."""
        at_delivery = await self._at_delivery(job)
        if at_delivery is None or not await self._jobs.finish(
            at_delivery.fence, result_file_id=None, undelivered=True
        ):
            return Settled.LOST
        log.error("deliver.given_up", job_id=str(job.id))
        await self._announce(job, JobStatus.DONE)
        return _ended(told=await self._tidings.undelivered(job))

    async def _at_delivery(self, job: Job) -> Job | None:
        """Lead the job to `delivering` from where it stands; there is no shorter way to `done`."""
        if job.task is None:
            raise ValueError(f"job {job.id} has no task, so it was never delivered")
        task, jobs = job.task, self._jobs
        ways: dict[JobStatus, tuple[JobStatus, Callable[[Fence], Awaitable[bool]]]] = {
            JobStatus.SCRIPTING: (
                JobStatus.SUBMITTING,
                lambda fence: jobs.start_submitting(fence, may_reach_provider=False),
            ),
            JobStatus.SUBMITTING: (
                JobStatus.RENDERING,
                lambda fence: jobs.store_task(fence, task),
            ),
            JobStatus.RENDERING: (JobStatus.FETCHING, jobs.start_fetching),
            JobStatus.FETCHING: (JobStatus.DELIVERING, jobs.start_delivering),
        }
        while job.status in ways:
            after, write = ways[job.status]
            if not await write(job.fence):
                return None
            job = replace(job, status=after)
        return job

    async def _announce(self, job: Job, status: JobStatus) -> None:
        await self._hints.announce(f"events.job.{status}", str(job.id).encode())

    def _count(self, job: Job, outcome: Outcome) -> None:
        failure = getattr(outcome, "failure", None)
        failure_class = failure.failure_class.value if failure is not None else ""
        self._metrics.runs_total.labels(type(outcome).__name__, failure_class).inc()
        if isinstance(outcome, Done | GiveUp):
            status = JobStatus.DONE if isinstance(outcome, Done) else JobStatus.FAILED
            self._metrics.jobs_finished_total.labels(status, failure_class).inc()
        if isinstance(outcome, Done) and not outcome.undelivered:
            took_s = (self._moments.now() - job.created_at).total_seconds()
            self._metrics.job_seconds.observe(max(0.0, took_s))
            log.info("job.done", job_id=str(job.id), took_s=round(took_s, 1))


def _ended(*, told: bool) -> Settled:
    return Settled.APPLIED if told else Settled.UNTOLD


def _queued_again(job: Job, *, new_task: bool) -> Job:
    """Give the job as it stands in the store after a postponement."""
    queued = replace(job, status=JobStatus.QUEUED)
    if not new_task:
        return queued
    submissions = 0 if job.task is not None else max(0, job.submissions - 1)
    return replace(queued, task=None, submissions=submissions)
