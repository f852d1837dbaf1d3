"""Deliver: put the video in the place of the status message, so that it cannot show twice.

An edit may be repeated without harm, so an unknown outcome is repeated until Telegram answers, and
never refunded; a refusal is, but only where no request before it may have shown the video. Only
where the status message is gone a new message is sent; that it was begun is stored before, and
after a doubt it is repeated once: twice is better than never, and is counted.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog

from neurocards.domain.failures import classify
from neurocards.domain.outcomes import Done, GiveUp, Lost, Outcome, Snooze
from neurocards.errors import (
    MessageGoneError,
    OutcomeUnknownError,
    ProviderError,
    RecipientGoneError,
)
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import Messenger, VideoFacts
from neurocards_worker.logged_words import logged_words
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.progress_board import ProgressBoard
from neurocards_worker.run import VIDEO_FILE_NAME, Run
from neurocards_worker.texts import WorkerTexts
from neurocards_worker.tidings import Tidings
from neurocards_worker.verdicts import lacks_its_token, passes

TRIES = 6
FIRST_PAUSE_S = 1.0
PAUSE_S_MAX = 30.0
RETRY_AFTER_S_MAX = 60.0
TELEGRAM_AWAY_REASON = "telegram_away"
TELEGRAM_AWAY_SNOOZE_S = 60.0

log = structlog.get_logger(__name__)


class DeliverStep:
    name = "deliver"

    def __init__(
        self,
        jobs: JobStore,
        messenger: Messenger,
        *,
        board: ProgressBoard,
        tidings: Tidings,
        texts: WorkerTexts,
        work_folder: Path,
        retry_scale: float,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._messenger = messenger
        self._board = board
        self._tidings = tidings
        self._texts = texts
        self._work_folder = work_folder
        self._retry_scale = retry_scale
        self._metrics = metrics
        self._moments = moments

    async def run(self, run: Run) -> Outcome | None:
        video = run.video
        if video is None:
            raise ValueError(f"job {run.job.id} has no video to deliver")
        file = run.file(VIDEO_FILE_NAME, work_folder=self._work_folder)
        await self._board.settle(run.job.id)
        pause_s = FIRST_PAUSE_S
        for _ in range(TRIES):
            shown_before, run.may_be_shown = run.may_be_shown, True
            try:
                return await self._shown(run, file, video)
            except RecipientGoneError as error:
                reason = logged_words(error.failure, run.job)
                log.info("deliver.undeliverable", job_id=str(run.job.id), reason=reason)
                return await self._finish(run, None, undelivered=True)
            except ProviderError as error:
                if not isinstance(error, OutcomeUnknownError):
                    run.may_be_shown = shown_before
                if not passes(error):
                    return self._refused(run, error)
                reason = logged_words(error.failure, run.job)
                log.warning("deliver.again", job_id=str(run.job.id), reason=reason)
                wait_s = error.retry_after_s or pause_s
            if wait_s > RETRY_AFTER_S_MAX:
                return Snooze(wait_s, TELEGRAM_AWAY_REASON)
            await self._moments.sleep(wait_s)
            pause_s = min(PAUSE_S_MAX, 2 * pause_s)
        return Snooze(TELEGRAM_AWAY_SNOOZE_S * self._retry_scale, TELEGRAM_AWAY_REASON)

    async def _shown(self, run: Run, file: Path, video: VideoFacts) -> Outcome:
        job = run.job
        if job.fallback_sent_at is not None:
            return await self._sent_anew(run, file, video, repeated=True)
        caption = self._texts.video_caption(job)
        try:
            file_id = await self._messenger.replace_with_video(
                job.chat, job.status_message_id, file, video, caption
            )
        except MessageGoneError as error:
            reason = logged_words(error.failure, job)
            log.info("deliver.status_message_gone", job_id=str(job.id), reason=reason)
            if not await self._jobs.mark_fallback_sent(job.fence):
                return Lost()
            run.job = replace(job, fallback_sent_at=self._moments.now())
            return await self._sent_anew(run, file, video, repeated=False)
        return await self._finish(run, file_id, undelivered=False)

    async def _sent_anew(
        self, run: Run, file: Path, video: VideoFacts, *, repeated: bool
    ) -> Outcome:
        """Send a new message; after two doubts the user asks for it himself by coming back."""
        caption = self._texts.video_caption(run.job)
        async with run.uninterrupted:
            self._metrics.fallback_deliveries_total.labels(str(repeated).lower()).inc()
            try:
                file_id = await self._messenger.send_video(run.job.chat, file, video, caption)
            except OutcomeUnknownError as error:
                if not repeated:
                    raise
                reason = logged_words(error.failure, run.job)
                log.warning("deliver.doubtful", job_id=str(run.job.id), reason=reason)
                return await self._finish(run, None, undelivered=True)
            return await self._finish(run, file_id, undelivered=False)

    async def _finish(self, run: Run, file_id: str | None, *, undelivered: bool) -> Outcome:
        job = run.job
        async with run.uninterrupted:
            if not await self._jobs.finish(
                job.fence, result_file_id=file_id, undelivered=undelivered
            ):
                return Lost()
            if undelivered:
                return Done(undelivered=True, told=await self._tidings.undelivered(job))
            edited = job.fallback_sent_at is None
            return Done(told=await self._tidings.delivered(job, with_sound=edited))

    def _refused(self, run: Run, error: ProviderError) -> Outcome:
        """Telegram will not show this video; without a token of the bot, nobody could ask it.

        A token may come until the deadline. After it a refusal is a refusal: a video that waits for
        a bot that was deleted would be downloaded again for ever.
        """
        failure = classify(error.failure)
        reason = logged_words(failure, run.job)
        log.error("deliver.refused", job_id=str(run.job.id), reason=reason)
        if lacks_its_token(error) and self._moments.now() < run.job.deadline_at:
            return Snooze(TELEGRAM_AWAY_SNOOZE_S * self._retry_scale, TELEGRAM_AWAY_REASON)
        return GiveUp(failure)
