"""Fetch: bring the finished mp4 here and see that it is whole.

It is paid for and lies at the provider for days, so a host that is away is waited for until the
deadline and uses up no try; only a file that is damaged, or that we will not ask for, does.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import structlog

from neurocards.adapters.media.fetch import DAMAGED_CODE
from neurocards.adapters.media.mp4 import DamagedVideoError, read_facts
from neurocards.domain.failures import Failure, FailureSource, classify
from neurocards.domain.jobs import JobStatus
from neurocards.domain.outcomes import Lost, Outcome, Snooze
from neurocards.errors import ProviderError
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import VideoFacts, VideoProvider
from neurocards_worker.logged_words import logged_words
from neurocards_worker.moments import Moments
from neurocards_worker.run import VIDEO_FILE_NAME, Run
from neurocards_worker.steps.trouble import Trouble

HOST_AWAY_REASON = "video_host_away"
HOST_AWAY_SNOOZE_S = 30.0

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
        retry_scale: float,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._provider = provider
        self._trouble = trouble
        self._work_folder = work_folder
        self._retry_scale = retry_scale
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
            if _host_is_away(error.failure) and self._moments.now() < run.job.deadline_at:
                return Snooze(HOST_AWAY_SNOOZE_S * self._retry_scale, HOST_AWAY_REASON)
            return self._trouble.outcome(classify(error.failure), run.job)
        except DamagedVideoError as error:
            log.warning("fetch.damaged", job_id=str(run.job.id), reason=str(error))
            seen = Failure(FailureSource.NETWORK, text=str(error), code=DAMAGED_CODE)
            return self._trouble.outcome(classify(seen), run.job)
        run.video = VideoFacts(facts.width, facts.height, facts.duration_s, facts.bytes)
        if run.job.status is JobStatus.FETCHING:
            if not await self._jobs.start_delivering(run.job.fence):
                return Lost()
            run.job = replace(run.job, status=JobStatus.DELIVERING)
        return None


def _host_is_away(failure: Failure) -> bool:
    return failure.source is FailureSource.NETWORK and failure.code != DAMAGED_CODE
