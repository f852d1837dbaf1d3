"""The status messages of the jobs under way: one message each, edited as the job goes on.

Best effort throughout: an edit that fails is forgotten, a job never waits for one and never fails
by one. Edits of one message keep a distance, edits of all messages a rate; what changes in between
is shown by the next edit, and what an edit says is asked when its turn has come. Progress for which
there is no turn is dropped. `settle` makes sure that nothing comes after the last word on a job;
of a job that was let go, or whose lease may have run out, nothing is drawn, since that word may be
another worker's.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from neurocards.adapters.telegram.paced import StatusEditor
from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import ChatAddress, Job, JobStatus
from neurocards.domain.outbound import Priority
from neurocards.domain.progress import progress
from neurocards.errors import HeldBackError, MessageGoneError, ProviderError, RecipientGoneError
from neurocards.ports.providers import Button
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_worker.logged_words import logged_bug
from neurocards_worker.moments import Moments
from neurocards_worker.texts import WorkerTexts

TICK_S = 0.2
EDITS_AT_ONCE = 8
RENDER_STEPS = 20
"""A render moves the bar about so often."""

log = structlog.get_logger(__name__)


class _InDoubtError(Exception):
    """The job may be in other hands: another worker may have said its last word on it."""


@dataclass(slots=True)
class _Shown:
    chat: ChatAddress
    message_id: int
    language: str
    status: JobStatus
    since: float
    expected_s: float
    button: Button | None
    share: float | None = None
    text: str = ""
    shown_status: JobStatus | None = None
    """What the last edit told of; another one is news, and goes before mere progress."""
    is_drawn: bool = False
    """The edit under way had its turn: it can no longer be taken back."""
    edited_at: float | None = None
    version: int = 0
    """Of the entry in the heap that counts; older ones are skipped."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BoardPace:
    """`edit_s`: between two edits of one message. `edits_per_s`: over all messages."""

    edit_s: float
    edits_per_s: float
    render_expected_s: float


class ProgressBoard:
    def __init__(
        self,
        messenger: StatusEditor,
        texts: WorkerTexts,
        *,
        pace: BoardPace,
        is_ours: Callable[[UUID], bool],
        metrics: CommonMetrics,
        moments: Moments,
    ) -> None:
        """`is_ours`: whether a job is surely still ours; what another worker says is not undone."""
        self._messenger = messenger
        self._texts = texts
        self._pace = pace
        self._is_ours = is_ours
        self._metrics = metrics
        self._moments = moments
        self._shown: dict[UUID, _Shown] = {}
        self._due: list[tuple[float, int, UUID]] = []
        self._versions = itertools.count(1)
        self._quiet_until = 0.0
        self._running = 0
        self._budget = 0.0

    def show(self, job: Job, *, share: float | None = None) -> None:
        """Let the status message follow the job; `share` of the render if its maker tells it."""
        shown = self._shown.get(job.id)
        if shown is None:
            shown = _Shown(
                chat=job.chat,
                message_id=job.status_message_id,
                language=job.language,
                status=job.status,
                since=self._started(job),
                expected_s=self._pace.render_expected_s,
                button=self._texts.cancel_button(job),
            )
            self._shown[job.id] = shown
            self._schedule(job.id, shown, self._moments.monotonic())
        elif shown.status is not job.status:
            shown.status = job.status
            shown.since = self._started(job)
            shown.button = self._texts.cancel_button(job)
            shown.share = None
            self._schedule(job.id, shown, self._earliest(shown))
        if share is not None:
            shown.share = share

    def forget(self, job_id: UUID) -> None:
        """Stop following a job; an edit of it that still waits for its turn is taken back."""
        self._let_go(job_id)

    async def settle(self, job_id: UUID) -> None:
        """Stop following a job; an edit of it that is under way is waited for, or taken back."""
        editing = self._let_go(job_id)
        if editing is not None:
            await asyncio.wait({editing})

    async def say(self, job: Job, html: str, button: Button | None, *, within_s: float) -> None:
        """Put words of passing interest into the message of a job that the board follows no more.

        HeldBackError when it was not their turn within the time in which nobody else has the job.
        """
        until = self._moments.monotonic() + within_s

        def draw() -> tuple[str, Button | None]:
            if self._moments.monotonic() > until or not self._is_ours(job.id):
                text = "not sent: another worker may have the job"
                raise HeldBackError(Failure(FailureSource.TELEGRAM, text=text))
            return html, button

        await self._messenger.draw_status(
            job.chat, job.status_message_id, draw, priority=Priority.NOTICE
        )

    async def run(self) -> None:
        """Edit what is due, until cancelled."""
        last = self._moments.monotonic()
        while True:
            await self._moments.sleep(TICK_S)
            now = self._moments.monotonic()
            burst = max(1.0, self._pace.edits_per_s)
            self._budget = min(burst, self._budget + (now - last) * self._pace.edits_per_s)
            last = now
            self._start_due(now)

    def _start_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            if now < self._quiet_until or self._running >= EDITS_AT_ONCE or self._budget < 1:
                return
            _, version, job_id = heapq.heappop(self._due)
            shown = self._shown.get(job_id)
            if shown is None or shown.version != version or shown.task is not None:
                # An edit that is under way puts the next one onto the list.
                continue
            if self._text(shown, now) == shown.text:
                self._schedule(job_id, shown, now + self._interval(shown))
                continue
            self._budget -= 1
            self._running += 1
            shown.is_drawn = False
            shown.task = asyncio.create_task(self._edit(job_id, shown))
            # A task that is cancelled before its first step runs nothing of its own.
            shown.task.add_done_callback(self._make_room)

    def _make_room(self, _edit: asyncio.Task[None]) -> None:
        self._running -= 1

    def _let_go(self, job_id: UUID) -> asyncio.Task[None] | None:
        """Stop following a job; give its edit that is under way, or just taken back."""
        shown = self._shown.pop(job_id, None)
        if shown is None or shown.task is None:
            return None
        if not shown.is_drawn:
            shown.task.cancel()
        return shown.task

    async def _edit(self, job_id: UUID, shown: _Shown) -> None:
        # Of this task alone, which ends with the edit.
        structlog.contextvars.bind_contextvars(job_id=str(job_id))
        follow = True
        is_news = shown.status is not shown.shown_status
        try:
            await self._messenger.draw_status(
                shown.chat,
                shown.message_id,
                lambda: self._draw(job_id, shown),
                priority=Priority.STATE if is_news else Priority.PROGRESS,
            )
            self._metrics.notifications_sent_total.labels("status", "true").inc()
        except (HeldBackError, _InDoubtError):
            # Nothing was said, and what there is to say next will hold all of it.
            log.debug("status.edit_dropped", job_id=str(job_id))
        except ProviderError as error:
            self._metrics.notifications_sent_total.labels("status", "false").inc()
            follow = not isinstance(error, MessageGoneError | RecipientGoneError)
            if error.retry_after_s is not None:
                self._quiet_until = self._moments.monotonic() + error.retry_after_s
            log.debug("status.edit_failed", job_id=str(job_id), kind=type(error).__name__)
        except Exception as error:
            log.exception("status.edit_broken", job_id=str(job_id), exc_info=logged_bug(error))
        finally:
            shown.task = None
            shown.edited_at = self._moments.monotonic()
            if follow and self._shown.get(job_id) is shown:
                is_news = shown.status is not shown.shown_status
                pause_s = self._pace.edit_s if is_news else self._interval(shown)
                self._schedule(job_id, shown, shown.edited_at + pause_s)

    def _draw(self, job_id: UUID, shown: _Shown) -> tuple[str, Button | None]:
        """Say what is true when the turn has come."""
        if self._shown.get(job_id) is not shown or not self._is_ours(job_id):
            raise _InDoubtError
        shown.is_drawn = True
        shown.shown_status = shown.status
        shown.text = self._text(shown, self._moments.monotonic())
        return shown.text, shown.button

    def _schedule(self, job_id: UUID, shown: _Shown, at: float) -> None:
        shown.version = next(self._versions)
        heapq.heappush(self._due, (at, shown.version, job_id))

    def _interval(self, shown: _Shown) -> float:
        steps_s = shown.expected_s / RENDER_STEPS
        rendering = shown.status is JobStatus.RENDERING
        return max(self._pace.edit_s, steps_s) if rendering else self._pace.edit_s

    def _earliest(self, shown: _Shown) -> float:
        if shown.edited_at is None:
            return self._moments.monotonic()
        return shown.edited_at + self._pace.edit_s

    def _text(self, shown: _Shown, now: float) -> str:
        elapsed_s = now - shown.since
        if shown.share is not None:
            elapsed_s = max(elapsed_s, shown.share * shown.expected_s)
        state = progress(shown.status, elapsed_s=elapsed_s, expected_s=shown.expected_s)
        return self._texts.status(shown.language, shown.status, state)

    def _started(self, job: Job) -> float:
        """Tell since when the job is in this state, so that a successor shows no lower bar."""
        now = self._moments.monotonic()
        if job.status is not JobStatus.RENDERING or job.submitted_at is None:
            return now
        return now - max(0.0, (self._moments.now() - job.submitted_at).total_seconds())
