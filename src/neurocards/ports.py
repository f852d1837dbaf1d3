"""What the product needs of the outside, as protocols; adapters and fakes both keep them.

Every method that changes a job takes a Fence and answers whether the fence still held. False
means that another worker, the user or the reaper owns the job now: stop and touch nothing.

Errors: adapters raise only what `neurocards.errors` names. A store raises StoreUnavailableError,
a queue QueueUnavailableError, a provider ProviderError or a subclass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from uuid import UUID

from neurocards.domain.failures import ClassifiedFailure
from neurocards.domain.jobs import Fence, Job, JobStatus, ProviderTask
from neurocards.domain.keys import KeyAnswer, ProviderKey
from neurocards.domain.orders import Order, OrderOptions, Template
from neurocards.domain.photos import PhotoFacts
from neurocards.domain.script import Script


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """Tell the moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Tell seconds that never jump."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    job: Job


@dataclass(frozen=True, slots=True)
class HeldByAnother:
    """Another worker holds a live lease for about `for_s` more seconds."""

    for_s: float


@dataclass(frozen=True, slots=True)
class NotDue:
    """The job is postponed; the reaper will publish it again."""

    for_s: float


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The job is finished, or there is no such job; its message can go."""

    status: JobStatus | None


Claim = Claimed | HeldByAnother | NotDue | NothingToDo


class JobStore(Protocol):
    """The worker's view of the table of jobs; every write is fenced."""

    async def claim(self, job_id: UUID, *, worker: str, lease_s: float) -> Claim: ...

    async def renew_leases(
        self, fences: Collection[tuple[UUID, int]], *, lease_s: float
    ) -> frozenset[UUID]:
        """Prolong the leases of (job id, attempt) pairs in one statement; tell which still hold."""
        ...

    async def release(self, fences: Collection[tuple[UUID, int]]) -> int:
        """Hand jobs over: end their leases without counting a loss and put them into the outbox."""
        ...

    async def store_script(self, fence: Fence, script: Script) -> bool: ...

    async def start_submitting(self, fence: Fence, *, may_reach_provider: bool) -> bool:
        """scripting -> submitting. With `may_reach_provider`, count a submission before it is made.

        False there means that a provider task is stored already and none will be created.
        """
        ...

    async def count_resubmission(self, fence: Fence) -> bool:
        """Mark that a lost submission is repeated: one more submission and one orphan."""
        ...

    async def store_task(self, fence: Fence, task: ProviderTask) -> bool:
        """submitting -> rendering."""
        ...

    async def start_fetching(self, fence: Fence) -> bool: ...

    async def start_delivering(self, fence: Fence) -> bool: ...

    async def mark_fallback_sent(self, fence: Fence) -> bool:
        """Record, before it is sent, that the video goes out as a new message."""
        ...

    async def mark_parked_notice(self, fence: Fence) -> bool: ...

    async def finish(
        self, fence: Fence, *, result_file_id: str | None, undelivered: bool
    ) -> bool: ...

    async def mark_notice_sent(self, job_id: UUID) -> bool:
        """True the first time only: the short notice after a delivery goes out once."""
        ...

    async def postpone(
        self,
        fence: Fence,
        *,
        after_s: float,
        reason: str,
        failure: ClassifiedFailure | None = None,
        new_task: bool = False,
    ) -> bool:
        """running -> queued, due after `after_s`. With a failure it counts as one of the tries.

        `new_task` forgets the provider's task: only after the provider said that it failed.
        """
        ...

    async def fail(self, fence: Fence, failure: ClassifiedFailure) -> bool:
        """-> failed, with the refund, in one transaction."""
        ...


class KeyStore(Protocol):
    """Health and sliding window of the provider keys, shared by the fleet."""

    async def register(self, keys: Sequence[ProviderKey]) -> None: ...

    async def take(
        self, fingerprints: Collection[str], *, window_s: float, limit: int
    ) -> KeyAnswer: ...

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None: ...


class TemplateStore(Protocol):
    async def templates(self) -> Sequence[Template]:
        """List the active templates in menu order."""
        ...

    async def template(self, template_id: str) -> Template | None:
        """Find one, active or not: an accepted order keeps its template."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    tg_user_id: int
    language: str
    balance: int
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    id: UUID
    bot_id: int
    tg_user_id: int
    chat_id: int
    photo_file_id: str
    caption: str
    template_id: str | None
    options: OrderOptions
    price_credits: int
    language: str
    message_id: int | None = None
    job_id: UUID | None = None


class AcceptOutcome(StrEnum):
    CREATED = "created"
    EXISTS = "exists"
    NO_CREDIT = "no_credit"
    NO_DRAFT = "no_draft"


@dataclass(frozen=True, slots=True)
class Acceptance:
    outcome: AcceptOutcome
    job_id: UUID | None
    balance: int
    price_credits: int | None
    language: str


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    bot_id: int
    update_id: int
    draft_id: UUID
    job_id: UUID
    tg_user_id: int
    chat_id: int
    message_id: int
    pool: str
    deadline_s: float


@dataclass(frozen=True, slots=True)
class HistoryItem:
    job_id: UUID
    status: JobStatus
    template_id: str
    result_file_id: str | None
    price_credits: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class QueueStats:
    """`processing` counts live running jobs; `wait_s_mean` is the mean age of the queued ones."""

    queued: int
    processing: int
    wait_s_mean: float


class OrderStore(Protocol):
    """The bot's view: users, drafts, acceptance, history."""

    async def welcome(
        self, tg_user_id: int, *, bot_id: int, language: str, welcome_credits: int
    ) -> User:
        """Make the user on the first call and give the welcome credits once per bot and user."""
        ...

    async def user(self, tg_user_id: int) -> User | None: ...

    async def set_language(self, tg_user_id: int, language: str) -> None: ...

    async def set_blocked(self, tg_user_id: int, *, blocked: bool) -> None: ...

    async def was_applied(self, bot_id: int, update_id: int) -> bool: ...

    async def mark_applied(self, bot_id: int, update_id: int) -> None: ...

    async def save_draft(self, draft: Draft) -> None:
        """Insert it, or leave the stored one as it is when the id exists."""
        ...

    async def draft(self, draft_id: UUID, *, tg_user_id: int) -> Draft | None: ...

    async def choose(
        self,
        draft_id: UUID,
        *,
        tg_user_id: int,
        template_id: str | None = None,
        options: OrderOptions | None = None,
        price_credits: int | None = None,
    ) -> Draft | None:
        """Change a draft that is not accepted yet; None when it is, or is not this user's."""
        ...

    async def accept(self, request: AcceptRequest) -> Acceptance: ...

    async def cancel(self, job_id: UUID, *, tg_user_id: int) -> tuple[JobStatus, bool] | None:
        """Give the job's state and whether this call cancelled and refunded it."""
        ...

    async def running_job(self, tg_user_id: int) -> HistoryItem | None:
        """Find the newest job of the user that has not ended."""
        ...

    async def history(
        self, tg_user_id: int, *, before: UUID | None, limit: int
    ) -> Sequence[HistoryItem]:
        """List delivered jobs, newest first; `before` pages on."""
        ...

    async def requeue_undelivered(self, tg_user_id: int, *, bot_id: int) -> int:
        """Queue again what could not be shown in the last 14 days; tell how many jobs."""
        ...

    async def queue_stats(self) -> QueueStats: ...


class DialogueStore(Protocol):
    """State of a dialogue, of any replica; the key is (bot, chat, user, thread, business, destiny)."""

    async def state(self, key: tuple[int, int, int, int, str, str]) -> str | None: ...

    async def set_state(
        self, key: tuple[int, int, int, int, str, str], state: str | None
    ) -> None: ...

    async def data(self, key: tuple[int, int, int, int, str, str]) -> Mapping[str, object]: ...

    async def set_data(
        self, key: tuple[int, int, int, int, str, str], data: Mapping[str, object]
    ) -> None: ...

    async def update_data(
        self, key: tuple[int, int, int, int, str, str], data: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Merge in one statement, so two replicas lose nothing of each other."""
        ...

    def lock(self, key: tuple[int, int, int, int, str, str]) -> AbstractAsyncContextManager[None]:
        """Let one replica at a time into this dialogue; StoreUnavailableError after the time limit."""
        ...


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    id: int
    job_id: UUID
    pool: str


class Outbox(Protocol):
    async def relay(
        self,
        publish: Callable[[Sequence[OutboxMessage]], Awaitable[Collection[int]]],
        *,
        batch: int,
    ) -> int:
        """Hand locked rows to `publish`, delete those whose ids it answers, tell how many rows."""
        ...

    async def enqueue_due(self, *, batch: int, unseen_s: float) -> int:
        """Put due retries, jobs with an expired lease and queued jobs without a message in it.

        `unseen_s`: how long a queued job may stay unclaimed before its message counts as lost.
        """
        ...

    async def enqueue_all(self) -> int:
        """Put every job that is not finished in it: the broker has lost its memory."""
        ...

    async def ensure_partitions(self) -> int: ...

    async def forget_updates(self, *, older_than_s: float, batch: int) -> int: ...


class Publisher(Protocol):
    async def publish(self, messages: Sequence[OutboxMessage]) -> Collection[int]:
        """Store messages in the broker; tell the ids that it holds now (or held already)."""
        ...


class Delivery(Protocol):
    """One message that waits for its acknowledgement."""

    @property
    def job_id(self) -> UUID: ...

    async def ack(self) -> None:
        """Acknowledge and wait for the broker's word."""
        ...

    async def nak(self, *, after_s: float = 0.0) -> None: ...

    async def in_progress(self) -> None: ...


class JobQueue(Protocol):
    def deliveries(self, *, free_slots: Callable[[], int]) -> AsyncIterator[Delivery]:
        """Yield messages, never more at once than there are free slots; survives restarts."""
        ...


class Hints(Protocol):
    """Words on core NATS that may get lost: they only make things faster."""

    async def announce(self, subject: str, payload: bytes = b"") -> None: ...


class ScriptWriter(Protocol):
    async def write(self, order: Order, template: Template, photo: bytes) -> Script:
        """Write the script for an order; `photo` is a JPEG without metadata."""
        ...


class RenderState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN_TASK = "unknown_task"


@dataclass(frozen=True, slots=True)
class Render:
    state: RenderState
    result_url: str | None = None
    failure: ClassifiedFailure | None = None
    share: float | None = None


class VideoProvider(Protocol):
    """One transport for all models; `model` names the dialect that is spoken."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def upload(self, key: ProviderKey, photo: bytes, *, file_name: str) -> str:
        """Upload a JPEG; give the address that the model can read."""
        ...

    async def create(
        self,
        key: ProviderKey,
        *,
        prompt: str,
        image_url: str,
        options: OrderOptions,
        callback_url: str | None,
    ) -> str:
        """Order a render and give its task id. OutcomeUnknownError: it may have been ordered."""
        ...

    async def render(self, key: ProviderKey, task_id: str) -> Render: ...

    async def fetch(self, url: str, target: Path) -> None:
        """Download the mp4: allow-listed host, pinned address, caps of size and time, magic."""
        ...


@dataclass(frozen=True, slots=True)
class VideoFacts:
    width: int
    height: int
    duration_s: float
    bytes: int


class Messenger(Protocol):
    """What a worker says to a user; `bot_id` picks the token.

    Raises RecipientGoneError, MessageGoneError, OutcomeUnknownError, or ProviderError with
    `retry_after_s` when there is too much of it.
    """

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes: ...

    async def edit_status(
        self, bot_id: int, chat_id: int, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        """Change the text of the status message; silent when it says so already."""
        ...

    async def replace_with_video(
        self, bot_id: int, chat_id: int, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        """Put the video in the place of the status message.

        Gives its file id; None when Telegram says that the message is already like that.
        """
        ...

    async def send_video(
        self, bot_id: int, chat_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str: ...

    async def send_text(self, bot_id: int, chat_id: int, html: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Button:
    text: str
    data: str


class PhotoInspector(Protocol):
    """Looks at foreign bytes in a process of its own, with limits of memory and time."""

    async def inspect(self, photo: bytes) -> PhotoFacts:
        """Raise PhotoUnusableError with the reason, or tell the facts."""
        ...

    async def cleaned(self, photo: bytes) -> bytes:
        """Give the photo as an upright RGB JPEG without metadata, scaled to the allowed side."""
        ...
