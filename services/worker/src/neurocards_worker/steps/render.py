"""Render: watch the provider's task until it has a result.

A callback only wakes; recordInfo decides. Whoever takes a job over goes on here with the stored
task and never orders another one; that is allowed only after the provider said `fail`. Nothing is
concluded from a look without an answer, and a render that was finished once is paid for: it has
until the deadline of the job to show its video, and one that does not is counted as lost.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from neurocards.domain.failures import ClassifiedFailure, FailureClass
from neurocards.domain.jobs import Job, JobStatus, ProviderTask
from neurocards.domain.keys import KEY_MISSING_REASON, ProviderKey
from neurocards.domain.outcomes import GiveUp, Lost, Outcome, Snooze
from neurocards.errors import ProviderError
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import Render, RenderState, VideoProvider
from neurocards_worker.key_gate import KeyGate
from neurocards_worker.logged_words import logged_words
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.progress_board import ProgressBoard
from neurocards_worker.run import Run
from neurocards_worker.steps.ambiguity import Wakes
from neurocards_worker.steps.fetch import lost_render
from neurocards_worker.steps.trouble import Trouble
from neurocards_worker.verdicts import own_failure

KEY_MISSING_SNOOZE_S = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RenderPace:
    """Seconds: between two looks (`spread` of it more or less), and how long to look at all.

    `unknown_s`: how long the provider may not know its own task, or not show what it has made.
    """

    poll_s: float
    spread: float
    deadline_s: float
    unknown_s: float
    scale: float = 1.0


class RenderStep:
    name = "render"

    def __init__(
        self,
        jobs: JobStore,
        provider: VideoProvider,
        *,
        gate: KeyGate,
        wakes: Wakes,
        board: ProgressBoard,
        trouble: Trouble,
        pace: RenderPace,
        key_block_s: float,
        polls_at_once: int,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._provider = provider
        self._gate = gate
        self._wakes = wakes
        self._board = board
        self._trouble = trouble
        self._pace = pace
        self._key_block_s = key_block_s
        self._turns = asyncio.Semaphore(polls_at_once)
        self._metrics = metrics
        self._moments = moments

    async def run(self, run: Run) -> Outcome | None:
        task = run.job.task
        if task is None:
            raise ValueError(f"job {run.job.id} has no task to watch")
        key = self._gate.key(task.key_fingerprint)
        if key is None:
            # The task belongs to an account that this process has no key of; another has, or will.
            log.error("render.key_missing", job_id=str(run.job.id), key=task.key_fingerprint)
            if self._moments.now() >= run.job.deadline_at:
                return self._given_up(run, _too_late("no key of its account"))
            return Snooze(KEY_MISSING_SNOOZE_S * self._pace.scale, KEY_MISSING_REASON)
        render = await self._watched(run, key, task)
        if not isinstance(render, Render):
            return render
        if render.failure is not None:
            return await self._failed(run.job, key, render.failure)
        run.result_url = render.result_url
        return None

    async def _watched(self, run: Run, key: ProviderKey, task: ProviderTask) -> Render | Outcome:
        """Look, wait, look again; the render that has ended, or what becomes of the job."""
        seen: RenderState | None = None
        since = self._moments.now()
        if run.task_is_fresh:
            await self._pause(run.job)
        while True:
            render = await self._look(run.job, key, task)
            state = None if render is None else render.state
            if state is RenderState.SUCCEEDED and not await self._noted_as_finished(run):
                return Lost()
            if render is not None and _has_ended(render):
                return render
            if render is not None and state is RenderState.PENDING:
                self._board.show(run.job, share=render.share)
            if state is not seen:
                seen, since = state, self._moments.now()
            why = self._why_it_ends(run.job, state, since)
            if why is not None:
                return self._given_up(run, why)
            await self._pause(run.job)

    async def _noted_as_finished(self, run: Run) -> bool:
        """Store that the task has succeeded, with its video or not yet: it is paid for."""
        if run.job.status is JobStatus.RENDERING:
            if not await self._jobs.start_fetching(run.job.fence):
                return False
            rendered_at = run.job.rendered_at or self._moments.now()
            run.job = replace(run.job, status=JobStatus.FETCHING, rendered_at=rendered_at)
        return True

    async def _look(self, job: Job, key: ProviderKey, task: ProviderTask) -> Render | None:
        """Ask once; None when the provider did not tell. Its trouble is not the job's."""
        async with self._turns:
            try:
                render = await self._provider.render(key, task.task_id)
            except ProviderError as error:
                self._metrics.render_looks_total.labels("error").inc()
                reason = logged_words(error.failure, job)
                log.warning("render.unread", job_id=str(job.id), reason=reason)
                return None
        self._metrics.render_looks_total.labels(render.state.value).inc()
        return render

    async def _pause(self, job: Job) -> None:
        spread = self._pace.spread
        wait_s = self._pace.poll_s * random.uniform(1 - spread, 1 + spread)
        woken = await self._wakes.wait(job.id, timeout_s=wait_s)
        if woken is not None:
            log.debug("render.woken", job_id=str(job.id))

    def _why_it_ends(
        self, job: Job, state: RenderState | None, since: datetime
    ) -> ClassifiedFailure | None:
        """Tell why watching ends, if it does; `state` is what every look since then has shown."""
        lasts = self._moments.now() - since >= timedelta(seconds=self._pace.unknown_s)
        if lasts and state is RenderState.UNKNOWN_TASK:
            text = "the provider does not know the task"
            return own_failure(FailureClass.UNKNOWN, "task_unknown", text)
        if lasts and state is RenderState.SUCCEEDED:
            text = "the task succeeded without a result"
            return own_failure(FailureClass.TEMPORARY, "result_missing", text)
        return self._overdue(job, is_pending=state is RenderState.PENDING)

    def _overdue(self, job: Job, *, is_pending: bool) -> ClassifiedFailure | None:
        """Tell whether a render is too late; one that may be finished gets the longer time."""
        now = self._moments.now()
        past_deadline = now >= job.deadline_at
        if job.rendered_at is not None:
            return _too_late("the finished render was not shown") if past_deadline else None
        too_long = now - (job.submitted_at or now) >= timedelta(seconds=self._pace.deadline_s)
        if (too_long or past_deadline) if is_pending else (too_long and past_deadline):
            return _too_late("the render did not end")
        return None

    def _given_up(self, run: Run, failure: ClassifiedFailure) -> GiveUp:
        if run.job.rendered_at is None:
            return GiveUp(failure)
        return lost_render(run, failure, self._metrics)

    async def _failed(self, job: Job, key: ProviderKey, failure: ClassifiedFailure) -> Outcome:
        text = logged_words(failure, job)
        log.warning("render.failed", job_id=str(job.id), code=failure.code, text=text)
        if failure.failure_class is FailureClass.BILLING:
            self._metrics.key_blocks_total.labels("billing").inc()
            await self._gate.block(key, for_s=self._key_block_s, reason="billing")
        return self._trouble.outcome(failure, job, new_task=True)


def _has_ended(render: Render) -> bool:
    """Tell whether nothing more is to come; a success without its video may only be early."""
    return render.state is RenderState.FAILED or render.result_url is not None


def _too_late(text: str) -> ClassifiedFailure:
    return own_failure(FailureClass.TEMPORARY, "render_deadline", text)
