"""Users, drafts, acceptance and dialogues, as the bot sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from neurocards.domain.inbound import InboundLimit
from neurocards.domain.jobs import JobStatus
from neurocards.domain.orders import Order, OrderOptions


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


class AdmissionOutcome(StrEnum):
    ADMITTED = "admitted"
    APPLIED = "applied"
    """It was carried out before, or refused."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Admission:
    """`tell`: the first refusal since the bucket was full. `wait_s`: until it is full again."""

    outcome: AdmissionOutcome
    tell: bool = False
    wait_s: float = 0.0


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
    status_message_id: int = 0
    """The message that follows the job and becomes the video."""


@dataclass(frozen=True, slots=True)
class PastOrder:
    """What a job was ordered with, and how it stands."""

    order: Order
    status: JobStatus


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What an update that cancels the newest job came to; `status` is the one after it."""

    job_id: UUID
    status: JobStatus
    status_message_id: int
    cancelled: bool


@dataclass(frozen=True, slots=True)
class QueueStats:
    """`processing` counts live running jobs; `wait_s_mean` is the mean age of the queued ones.

    `workers_decided`: replicas that the operator wants; None when it has decided nothing lately.
    """

    queued: int
    processing: int
    wait_s_mean: float
    workers_decided: int | None = None


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

    async def admit(
        self, bot_id: int, update_id: int, *, tg_user_id: int, cost: int, limit: InboundLimit
    ) -> Admission:
        """Tell whether to carry an update out: not twice, and not beyond the limit of its sender.

        One round trip. A refused update counts as applied from then on; the one that was admitted
        last is admitted again for nothing.
        """
        ...

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
        caption: str | None = None,
    ) -> Draft | None:
        """Change a draft that is not accepted yet; None when it is, or is not this user's."""
        ...

    async def discard(self, draft_id: UUID, *, tg_user_id: int) -> bool:
        """Delete a draft that is not accepted yet; False when it is, or is not this user's."""
        ...

    async def accept(self, request: AcceptRequest) -> Acceptance: ...

    async def cancel(self, job_id: UUID, *, tg_user_id: int) -> tuple[JobStatus, bool] | None:
        """Give the job's state and whether this call cancelled and refunded it."""
        ...

    async def cancel_newest(
        self, bot_id: int, update_id: int, *, tg_user_id: int
    ) -> Cancellation | None:
        """Cancel the newest job of the user at this bot that has not ended; None without one.

        An update cancels one job at most: brought again, it finds that job and no other.
        """
        ...

    async def past_order(self, job_id: UUID, *, tg_user_id: int, bot_id: int) -> PastOrder | None:
        """Give the order of this user's job at this bot; None when he has no such job there."""
        ...

    async def history(
        self, tg_user_id: int, *, before: UUID | None, limit: int, bot_id: int | None = None
    ) -> Sequence[HistoryItem]:
        """List delivered jobs, newest first; `before` pages on.

        `bot_id` keeps those of one bot: Telegram's file ids mean nothing to another.
        """
        ...

    async def requeue_undelivered(self, tg_user_id: int, *, bot_id: int) -> int:
        """Queue again what could not be shown in the last 14 days; tell how many videos.

        Ends without a video that the user could not be told of are to be told again.
        """
        ...

    async def queue_stats(self) -> QueueStats: ...


class DialogueKey(NamedTuple):
    """Whose dialogue; the fields are those of aiogram's StorageKey."""

    bot_id: int
    chat_id: int
    user_id: int
    thread_id: int = 0
    business_connection_id: str = ""
    destiny: str = "default"


class DialogueStore(Protocol):
    """State of the dialogues, so that any replica can go on with any of them."""

    async def state(self, key: DialogueKey) -> str | None: ...

    async def set_state(self, key: DialogueKey, state: str | None) -> None: ...

    async def data(self, key: DialogueKey) -> Mapping[str, object]: ...

    async def set_data(self, key: DialogueKey, data: Mapping[str, object]) -> None: ...

    async def update_data(
        self, key: DialogueKey, data: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Merge in one statement, so two replicas lose nothing of each other."""
        ...

    def lock(self, key: DialogueKey) -> AbstractAsyncContextManager[None]:
        """Let one handler at a time into this dialogue; StoreUnavailableError after a limit."""
        ...
