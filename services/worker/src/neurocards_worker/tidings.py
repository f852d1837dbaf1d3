"""The words to a user that matter: why he waits, that it failed, that it is there.

They come after the commit that they tell of. Each is tried a few times and then given up: the
state of the job does not hang on a message. The short notice goes out once per job.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from neurocards.domain.failures import ClassifiedFailure, FailureClass
from neurocards.domain.jobs import Job
from neurocards.errors import MessageGoneError, ProviderError, RecipientGoneError
from neurocards.ports.jobs import JobStore
from neurocards.ports.providers import Button, Messenger
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.progress_board import ProgressBoard
from neurocards_worker.texts import WorkerTexts

TRIES = 4
FIRST_PAUSE_S = 1.0
PAUSE_S_MAX = 10.0

log = structlog.get_logger(__name__)

Say = Callable[[], Awaitable[None]]


class Tidings:
    def __init__(
        self,
        messenger: Messenger,
        jobs: JobStore,
        board: ProgressBoard,
        texts: WorkerTexts,
        *,
        metrics: CommonMetrics,
        moments: Moments,
    ) -> None:
        self._messenger = messenger
        self._jobs = jobs
        self._board = board
        self._texts = texts
        self._metrics = metrics
        self._moments = moments

    async def waiting(self, job: Job, failure_class: FailureClass) -> None:
        """Tell why a job that is queued again goes on only later.

        That is of passing interest, so one try is enough.
        """
        await self._board.settle(job.id)
        text = self._texts.waiting(job.language, failure_class)
        button = self._texts.cancel_button(job)
        await self._told(job, "waiting", lambda: self._edit(job, text, button), tries=1)

    async def failed(self, job: Job, failure: ClassifiedFailure) -> None:
        await self._board.settle(job.id)
        text = self._texts.failed(job, failure)
        if not await self._told(job, "failed", lambda: self._edit_or_send(job, text)):
            return
        await self._notice(job, self._texts.failed_notice(job.language))

    async def delivered(self, job: Job, *, with_sound: bool) -> None:
        """Tell that it is there; `with_sound` False when the video itself came as a new message."""
        if with_sound:
            await self._notice(job, self._texts.ready_notice(job.language))

    async def _notice(self, job: Job, text: str) -> None:
        """An edit makes no sound on a phone; a short new message does."""
        if await self._jobs.mark_notice_sent(job.id):
            await self._told(
                job, "notice", lambda: self._messenger.send_text(job.chat, text), tries=2
            )

    async def _edit(self, job: Job, text: str, button: Button | None = None) -> None:
        await self._messenger.edit_status(job.chat, job.status_message_id, text, button=button)

    async def _edit_or_send(self, job: Job, text: str) -> None:
        try:
            await self._edit(job, text)
        except MessageGoneError:
            await self._messenger.send_text(job.chat, text)

    async def _told(self, job: Job, kind: str, say: Say, *, tries: int = TRIES) -> bool:
        pause_s = FIRST_PAUSE_S
        told = False
        for left in range(tries - 1, -1, -1):
            try:
                await say()
                told = True
                break
            except (RecipientGoneError, MessageGoneError) as error:
                log.info("tidings.nobody_there", job_id=str(job.id), reason=error.failure.text)
                break
            except ProviderError as error:
                reason = error.failure.text
                log.warning("tidings.failed", job_id=str(job.id), kind=kind, reason=reason)
                if left:
                    await self._moments.sleep(min(PAUSE_S_MAX, error.retry_after_s or pause_s))
                    pause_s *= 2
        success = "true" if told else "false"
        self._metrics.notifications_sent_total.labels(kind, success).inc()
        return told
