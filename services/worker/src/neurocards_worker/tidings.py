"""The words to a user that matter: why he waits, that it failed, that it is there.

They come after the commit that they tell of. The words of an end are noted when they were said,
and whoever meets an ended job without that note says them (again): an edit shows once however often
it is made. A new message may come a second time where its teller died in between, or where nobody
heard whether it came. What cannot be said for passing reasons is said later, and to a user who has
blocked the bot when he comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum, auto

import structlog

from neurocards.domain.failures import ClassifiedFailure, FailureClass
from neurocards.domain.jobs import Job, JobStatus
from neurocards.errors import (
    MessageGoneError,
    OutcomeUnknownError,
    ProviderError,
    RecipientGoneError,
)
from neurocards.ports.jobs import JobStore, Untold
from neurocards.ports.providers import Button, Messenger
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_worker.logged_words import logged_words
from neurocards_worker.moments import Moments
from neurocards_worker.progress_board import ProgressBoard
from neurocards_worker.texts import WorkerTexts
from neurocards_worker.verdicts import lacks_its_token, own_failure, passes

TRIES = 4
DOUBTS_MAX = 2
"""New messages that may each have come: another one is not sent."""
FIRST_PAUSE_S = 1.0
PAUSE_S_MAX = 10.0
WAITING_S_MAX = 5.0
"""Less than any pause after a failure that the settings do not shorten."""
TOLD_WITHIN_S = 24 * 3600.0
"""Whoever could not be told how his job ended for so long finds it in his history."""

log = structlog.get_logger(__name__)

Say = Callable[[], Awaitable[None]]


class _Said(Enum):
    YES = auto()
    GONE = auto()
    """The message that should say it is no longer there."""
    AWAY = auto()
    """The user has blocked the bot."""
    NEVER = auto()
    """It is refused whenever it is tried."""
    LATER = auto()


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

        That is of passing interest, so one try is enough. The next worker may end the job as soon
        as it is due, and nothing would mend his last word: so it is said at once or not at all.
        """
        await self._board.settle(job.id)
        text = self._texts.waiting(job.language, failure_class)
        button = self._texts.cancel_button(job)

        async def say() -> None:
            await self._board.say(job, text, button, within_s=WAITING_S_MAX)

        await self._say(job, "waiting", say, tries=1)

    async def failed(
        self, job: Job, failure: ClassifiedFailure, *, with_notice: bool = True
    ) -> bool:
        """Tell why there is no video; False when that must be tried again later."""
        await self._board.settle(job.id)
        notice = self._texts.failed_notice(job.language) if with_notice else None
        text, button = self._texts.failed(job, failure), self._texts.again_button(job, failure)
        return await self._end(job, "failed", text, notice, button=button)

    async def delivered(self, job: Job, *, with_sound: bool) -> bool:
        """Tell that it is there; `with_sound` False when the video itself came as a new message.

        False when that must be tried again later.
        """
        said = _Said.YES
        if with_sound:
            said = await self._say_anew(job, "notice", self._texts.ready_notice(job.language))
        return await self._noted(job, said)

    async def undelivered(self, job: Job) -> bool:
        """Tell how to get a video that may not have come; False when to try again later.

        To one who has blocked the bot nothing can be said: that is noted, and his return brings it.
        """
        text = self._texts.undelivered_notice(job.language)
        return await self._noted(job, await self._say_anew(job, "undelivered", text))

    async def ended(self, untold: Untold) -> bool:
        """Tell of an end that somebody else stored; False when that must be tried again later."""
        job = untold.job
        match job.status:
            case JobStatus.FAILED:
                unknown = own_failure(FailureClass.UNKNOWN, "", "")
                failure = untold.failure or unknown
                told = await self.failed(job, failure, with_notice=not untold.notice_sent)
            case JobStatus.CANCELLED:
                told = await self._end(job, "cancelled", self._texts.cancelled(job), None)
            case _ if untold.undelivered:
                told = await self.undelivered(job)
            case _:
                told = await self.delivered(job, with_sound=not untold.notice_sent)
        if told:
            return True
        if self._moments.now() - untold.finished_at < timedelta(seconds=TOLD_WITHIN_S):
            return False
        log.error("tidings.given_up", job_id=str(job.id), status=job.status)
        return await self._noted(job, _Said.NEVER)

    async def _end(
        self,
        job: Job,
        kind: str,
        text: str,
        notice: str | None,
        *,
        button: Button | None = None,
    ) -> bool:
        """Put an end into the status message, or into a new one.

        An edit makes no sound, so the notice does; a new message has made its own.
        """
        said = await self._say(job, kind, lambda: self._edit(job, text, button))
        if said is _Said.GONE:
            said = await self._say_anew(job, kind, text, button=button)
        elif said is _Said.YES and notice is not None:
            said = await self._say_anew(job, "notice", notice)
        return await self._noted(job, said)

    async def _noted(self, job: Job, said: _Said) -> bool:
        if said is _Said.LATER:
            return False
        await self._jobs.mark_told(job.id, attempt=job.attempt, reached=said is not _Said.AWAY)
        return True

    async def _edit(self, job: Job, text: str, button: Button | None = None) -> None:
        await self._messenger.edit_status(job.chat, job.status_message_id, text, button=button)

    async def _say_anew(
        self, job: Job, kind: str, text: str, *, button: Button | None = None
    ) -> _Said:
        """Send a new message; after two that may have come no third one follows."""

        async def send() -> None:
            await self._messenger.send_text(job.chat, text, button=button)

        return await self._say(job, kind, send, doubts_max=DOUBTS_MAX)

    async def _say(
        self, job: Job, kind: str, say: Say, *, tries: int = TRIES, doubts_max: int | None = None
    ) -> _Said:
        pause_s, said, doubts = FIRST_PAUSE_S, _Said.LATER, 0
        for left in range(tries - 1, -1, -1):
            try:
                await say()
            except ProviderError as error:
                reason = logged_words(error.failure, job)
                if isinstance(error, RecipientGoneError | MessageGoneError):
                    log.info("tidings.nobody_there", job_id=str(job.id), reason=reason)
                else:
                    log.warning("tidings.failed", job_id=str(job.id), kind=kind, reason=reason)
                doubts += isinstance(error, OutcomeUnknownError)
                said = _said(error)
                if said is not _Said.LATER or doubts == doubts_max:
                    break
                if left:
                    await self._moments.sleep(min(PAUSE_S_MAX, error.retry_after_s or pause_s))
                    pause_s *= 2
            else:
                said = _Said.YES
                break
        success = "true" if said is _Said.YES else "false"
        self._metrics.notifications_sent_total.labels(kind, success).inc()
        return _Said.YES if doubts == doubts_max else said


def _said(error: ProviderError) -> _Said:
    """Tell what a refusal means for the words that it met."""
    match error:
        case MessageGoneError():
            return _Said.GONE
        case RecipientGoneError():
            return _Said.AWAY
        case _:
            return _Said.LATER if passes(error) or lacks_its_token(error) else _Said.NEVER
