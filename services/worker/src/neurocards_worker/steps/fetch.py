"""Fetch: bring the finished mp4 here and see that it is whole.

It is paid for and lies at the provider for days, so a host that is away or breaks off is asked
again with longer and longer pauses, and that uses up no try of the job. Each time the provider
tells the address anew. But it is counted: what always breaks off is given up and refunded, and so
is a file that is damaged each time, or that we will not ask for. The render that was paid for is
then counted as lost; another one is not ordered.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import structlog

from neurocards.adapters.media.fetch import DAMAGED_CODE
from neurocards.adapters.media.mp4 import DamagedVideoError, read_facts
from neurocards.domain.failures import (
    ClassifiedFailure,
    Failure,
    FailureClass,
    FailureSource,
    classify,
)
from neurocards.domain.jobs import JobStatus
from neurocards.domain.outcomes import GiveUp, Lost, Outcome, Snooze
from neurocards.errors import ProviderError
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import VideoFacts, VideoProvider
from neurocards_worker.logged_words import logged_words
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.run import VIDEO_FILE_NAME, Run
from neurocards_worker.steps.trouble import Trouble

HOST_AWAY_REASON = "video_host_away"
UNFETCHED_CODE = "video_unfetched"
ADDRESS_CHARACTERS = 16

log = structlog.get_logger(__name__)


class FetchStep:
    name = "fetch"

    def __init__(
        self,
        jobs: JobStore,
        provider: VideoProvider,
        trouble: Trouble,
        *,
        work_folder: Path,
        downloads_at_once: int,
        tries: int,
        retry_scale: float,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._provider = provider
        self._trouble = trouble
        self._work_folder = work_folder
        self._tries = tries
        self._retry_scale = retry_scale
        self._metrics = metrics
        self._moments = moments
        self._turns = asyncio.Semaphore(downloads_at_once)

    async def run(self, run: Run) -> Outcome | None:
        if run.result_url is None:
            raise ValueError(f"job {run.job.id} has no result to fetch")
        target = run.file(VIDEO_FILE_NAME, work_folder=self._work_folder)
        try:
            async with self._turns:
                await self._provider.fetch(run.result_url, target)
            facts = await asyncio.to_thread(read_facts, target)
        except ProviderError as error:
            reason = logged_words(error.failure, run.job)
            log.warning("fetch.failed", job_id=str(run.job.id), reason=reason)
            if _host_is_away(error.failure):
                return await self._broken_off(run, run.result_url, error.failure)
            return self._trouble_with(run, error.failure)
        except DamagedVideoError as error:
            log.warning("fetch.damaged", job_id=str(run.job.id), reason=str(error))
            seen = Failure(FailureSource.NETWORK, text=str(error), code=DAMAGED_CODE)
            return self._trouble_with(run, seen)
        run.video = VideoFacts(facts.width, facts.height, facts.duration_s, facts.bytes)
        if run.job.status is JobStatus.FETCHING:
            if not await self._jobs.start_delivering(run.job.fence):
                return Lost()
            run.job = replace(run.job, status=JobStatus.DELIVERING)
        return None

    async def _broken_off(self, run: Run, url: str, failure: Failure) -> Outcome:
        """Count the download; wait for the next one, or give the video up."""
        counted = run.job.fetch_failures.with_one_of(_fingerprint(url))
        if not await self._jobs.count_fetch_failure(run.job.fence, counted):
            return Lost()
        run.job = replace(run.job, fetch_failures=counted)
        too_late = self._moments.now() >= run.job.deadline_at
        if too_late or counted.are_too_many(per_address=self._tries):
            text = f"{counted.in_all} downloads broke off; the last one: {failure.text}"
            unfetched = ClassifiedFailure(
                FailureClass.TEMPORARY, UNFETCHED_CODE, text, FailureSource.NETWORK
            )
            return lost_render(run, unfetched, self._metrics)
        return Snooze(counted.pause_s * self._retry_scale, HOST_AWAY_REASON)

    def _trouble_with(self, run: Run, failure: Failure) -> Outcome:
        outcome = self._trouble.outcome(classify(failure), run.job)
        if isinstance(outcome, GiveUp):
            return lost_render(run, outcome.failure, self._metrics)
        return outcome


def lost_render(run: Run, failure: ClassifiedFailure, metrics: WorkerMetrics) -> GiveUp:
    """Give up what was paid for; a video that may be shown goes round until its deadline."""
    if not run.may_be_shown:
        task_id = run.job.task.task_id if run.job.task else ""
        job_id, reason = str(run.job.id), logged_words(failure, run.job)
        log.error("fetch.render_lost", job_id=job_id, task_id=task_id, reason=reason)
        metrics.renders_lost_total.labels(failure.code).inc()
    return GiveUp(failure)


def _fingerprint(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:ADDRESS_CHARACTERS]


def _host_is_away(failure: Failure) -> bool:
    return failure.source is FailureSource.NETWORK and failure.code != DAMAGED_CODE
