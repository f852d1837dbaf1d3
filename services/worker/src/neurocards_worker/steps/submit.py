"""Submit: order the render, once.

Every createTask is counted in the database before it is sent, and only a clear refusal takes its
count back. So a job that comes with a count and without a task is in doubt, whatever ended the run
before: the order that may have been taken is looked for (`ambiguity`) before it is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from neurocards.domain.callbacks import callback_path
from neurocards.domain.failures import (
    ClassifiedFailure,
    FailureClass,
    FailureSource,
    classify,
)
from neurocards.domain.jobs import Job, JobStatus, ProviderTask
from neurocards.domain.keys import ProviderKey
from neurocards.domain.outcomes import GiveUp, Lost, Outcome, Snooze
from neurocards.domain.script import Script, video_prompt
from neurocards.errors import OutcomeUnknownError, PhotoUnusableError, ProviderError
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import VideoProvider
from neurocards.ports.queue import Hints
from neurocards_worker.key_gate import ALL_BLOCKED_REASON, KeyGate, Turn
from neurocards_worker.logged_words import logged_bug, logged_words
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.run import Run
from neurocards_worker.steps.ambiguity import LostOrder
from neurocards_worker.steps.photo import PhotoSource
from neurocards_worker.steps.script import deadline_passed
from neurocards_worker.steps.trouble import Trouble
from neurocards_worker.verdicts import own_failure, photo_failure

UNAUTHORIZED_CODE = "401"
"""Of the envelope: a 403 of the firewall before it says nothing about the key."""

TURNS_MISSED_MAX = 3
"""A machine that is as slow as that should not spend the turns of the others."""
TURN_MISSED_REST_S = 10.0
TURN_MISSED_REASON = "turn_missed"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyBlocks:
    """Seconds that a key rests after the provider refused it."""

    rate_s: float
    billing_s: float


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """Where the provider calls back; `base_url` is None where it cannot."""

    base_url: str | None
    secret: bytes

    def of(self, job: Job) -> str | None:
        if self.base_url is None:
            return None
        return self.base_url + callback_path(self.secret, job.id, job.attempt)


class SubmitStep:
    name = "submit"

    def __init__(
        self,
        jobs: JobStore,
        provider: VideoProvider,
        *,
        gate: KeyGate,
        photos: PhotoSource,
        lost_order: LostOrder,
        trouble: Trouble,
        blocks: KeyBlocks,
        callbacks: CallbackAddress,
        hints: Hints,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._provider = provider
        self._gate = gate
        self._photos = photos
        self._lost_order = lost_order
        self._trouble = trouble
        self._blocks = blocks
        self._callbacks = callbacks
        self._hints = hints
        self._metrics = metrics
        self._moments = moments

    async def run(self, run: Run) -> Outcome | None:
        if run.job.task is not None:
            return await self._take_up(run, run.job.task)
        order = _Order(in_doubt=run.job.submissions > 0)
        while not _has_task(run):
            if order.in_doubt:
                outcome = await self._settle_doubt(run, order)
            else:
                outcome = await self._order(run, order)
            if outcome is not None:
                return outcome
        return None

    async def _take_up(self, run: Run, task: ProviderTask) -> Outcome | None:
        """Bring a job that was postponed with its task back to where the task is watched."""
        if run.job.status is JobStatus.SCRIPTING:
            if not await self._jobs.start_submitting(run.job.fence, may_reach_provider=False):
                return Lost()
            run.job = replace(run.job, status=JobStatus.SUBMITTING)
        if run.job.status is JobStatus.SUBMITTING:
            return await self._store_task(run, task)
        return None

    async def _settle_doubt(self, run: Run, order: _Order) -> Outcome | None:
        """Find the order that may have been taken; without a trace of it, repeat it once."""
        job = run.job
        task = await self._lost_order.find(job)
        if task is not None:
            return await self._take_up(run, task)
        if job.submissions > 1:
            text = f"no trace of {job.submissions} submissions"
            return GiveUp(own_failure(FailureClass.TEMPORARY, "order_lost", text))
        order.in_doubt = False
        return None

    async def _order(self, run: Run, order: _Order) -> Outcome | None:
        if self._moments.now() >= run.job.deadline_at:
            return GiveUp(deadline_passed(run.job))
        if order.image_url is None:
            return await self._upload(run, order)
        turn = await self._gate.take()
        if isinstance(turn, Snooze):
            return _without_key(order, turn)
        async with run.uninterrupted:
            return await self._create(run, order, turn, order.image_url)

    async def _upload(self, run: Run, order: _Order) -> Outcome | None:
        """Bring the photo to the provider, which counts no upload, before a key is taken.

        A key counts from the moment it is taken. Were slow uploads to come after that, the orders
        of two windows could reach the provider within one.
        """
        key = await self._gate.usable()
        if isinstance(key, Snooze):
            return _without_key(order, key)
        try:
            photo = await self._photos.cleaned(run)
            name = f"{run.job.id}-{run.job.attempt}.jpg"
            order.image_url = await self._provider.upload(key, photo, file_name=name)
        except PhotoUnusableError as error:
            return self._trouble.outcome(photo_failure(error), run.job, new_task=order.refused)
        except ProviderError as error:
            return await self._refused(run, order, key, error)
        return None

    async def _create(self, run: Run, order: _Order, turn: Turn, image_url: str) -> Outcome | None:
        if not order.counted:
            if not await self._counted(run):
                return Lost()
            order.counted = True
        if self._gate.is_late(turn):
            return _missed(run, order)
        key = turn.key
        order.refused = False
        try:
            task_id = await self._provider.create(
                key,
                prompt=video_prompt(_script(run.job)),
                image_url=image_url,
                options=run.job.order.options,
                callback_url=self._callbacks.of(run.job),
            )
        except OutcomeUnknownError as error:
            reason = logged_words(error.failure, run.job)
            log.warning("submit.unanswered", job_id=str(run.job.id), reason=reason)
            order.doubt()
            return None
        except ProviderError as error:
            order.refused = True
            return await self._refused(run, order, key, error)
        except Exception as error:
            # The request may have gone out before whatever this is: no reason to repeat it blindly.
            bug = logged_bug(error, run.job)
            log.exception("submit.broken", job_id=str(run.job.id), exc_info=bug)
            order.doubt()
            return None
        log.info("submit.taken", job_id=str(run.job.id), task_id=task_id)
        run.task_is_fresh = True
        task = ProviderTask(self._provider.name, self._provider.model, task_id, key.fingerprint)
        return await self._store_task(run, task)

    async def _counted(self, run: Run) -> bool:
        """Count an order before it is sent; with one behind it that left no trace, as an orphan."""
        job = run.job
        if job.status is JobStatus.SCRIPTING:
            stored = await self._jobs.start_submitting(job.fence, may_reach_provider=True)
        else:
            stored = await self._jobs.count_resubmission(job.fence, number=job.submissions + 1)
        if not stored:
            return False
        if job.submissions > 0:
            self._metrics.provider_orphans_total.inc()
            log.warning("submit.repeated", job_id=str(job.id))
        run.job = replace(
            job,
            status=JobStatus.SUBMITTING,
            submissions=job.submissions + 1,
            submitted_at=self._moments.now(),
        )
        return True

    async def _store_task(self, run: Run, task: ProviderTask) -> Outcome | None:
        job = run.job
        stored = False
        try:
            stored = await self._jobs.store_task(job.fence, task)
        finally:
            if not stored and run.task_is_fresh:
                # Whoever has the job now waits for word of exactly this task.
                log.error("submit.task_not_stored", job_id=str(job.id), task_id=task.task_id)
                await self._hints.announce(f"wake.render.{job.id}", task.task_id.encode())
        if not stored:
            return Lost()
        log.info("submit.done", job_id=str(job.id), task_id=task.task_id, model=task.model)
        run.job = replace(job, status=JobStatus.RENDERING, task=task)
        return None

    async def _refused(
        self, run: Run, order: _Order, key: ProviderKey, error: ProviderError
    ) -> Outcome | None:
        """Rest the key where it is the key's fault; None to go on with another one."""
        failure = classify(error.failure)
        reason = _key_fault(error, failure)
        if reason is None:
            return self._trouble.on_refusal(error, run.job, new_task=order.refused)
        for_s = self._blocks.rate_s if reason == "rate_limit" else self._blocks.billing_s
        self._metrics.key_blocks_total.labels(reason).inc()
        await self._gate.block(key, for_s=for_s, reason=reason)
        if failure.failure_class is FailureClass.BILLING:
            return GiveUp(failure)
        if reason == "unauthorized":
            order.refusal = failure
        return None


@dataclass(slots=True)
class _Order:
    """What this run knows of its order beside the job."""

    in_doubt: bool
    """A createTask was sent and nobody knows what became of it."""
    counted: bool = False
    """The order that comes next, or that was refused last, stands in the counter."""
    refused: bool = False
    """The counted order was refused without doubt or never left: its count can be taken back."""
    turns_missed: int = 0
    image_url: str | None = None
    refusal: ClassifiedFailure | None = None
    """Set by a key that the provider does not know: waiting would not help without another."""

    def doubt(self) -> None:
        self.in_doubt = True
        self.counted = self.refused = False


def _without_key(order: _Order, snooze: Snooze) -> Outcome:
    if order.refusal is not None and snooze.reason == ALL_BLOCKED_REASON:
        return GiveUp(order.refusal)
    return replace(snooze, new_task=order.refused)


def _missed(run: Run, order: _Order) -> Outcome | None:
    """Take another turn: an order that left now could be one too many, which rests the key."""
    order.refused = True
    order.turns_missed += 1
    log.warning("submit.turn_missed", job_id=str(run.job.id), times=order.turns_missed)
    if order.turns_missed < TURNS_MISSED_MAX:
        return None
    return Snooze(TURN_MISSED_REST_S, TURN_MISSED_REASON, new_task=True)


def _has_task(run: Run) -> bool:
    return run.job.task is not None


def _key_fault(error: ProviderError, failure: ClassifiedFailure) -> str | None:
    if failure.source is not FailureSource.KIE:
        return None
    if failure.failure_class is FailureClass.RATE_LIMIT:
        return "rate_limit"
    if failure.failure_class is FailureClass.BILLING:
        return "billing"
    return "unauthorized" if error.failure.code == UNAUTHORIZED_CODE else None


def _script(job: Job) -> Script:
    if job.script is None:
        raise ValueError(f"job {job.id} has no script to submit")
    return job.script
