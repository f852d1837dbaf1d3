"""The life of a job: its states, the events that move it and the one table of legal arrows.

The same table stands in three more places: the CHECK constraint of the table `jobs`, the picture
in `docs/state-machine.md` and the rule machine of the tests. A test compares all four.

Invariant: a job ends in exactly one of `done`, `failed` or `cancelled`; the last two carry a
refund, `done` never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from neurocards.domain.fetching import NOTHING_BROKE_OFF, FetchFailures

if TYPE_CHECKING:
    from uuid import UUID

    from neurocards.domain.orders import Order
    from neurocards.domain.script import Script

TRIES_MAX = 3
"""Failures of class RATE_LIMIT or TEMPORARY after which the job is given up."""

LEASE_LOSSES_MAX = 20
"""Workers that may die under one job before it counts as a job that kills workers."""


class JobStatus(StrEnum):
    """Where a job stands; the value is what the database stores."""

    QUEUED = "queued"
    SCRIPTING = "scripting"
    SUBMITTING = "submitting"
    RENDERING = "rendering"
    FETCHING = "fetching"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATUSES

    @property
    def is_running(self) -> bool:
        return self in RUNNING_STATUSES


TERMINAL_STATUSES = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})
RUNNING_STATUSES = frozenset(
    {
        JobStatus.SCRIPTING,
        JobStatus.SUBMITTING,
        JobStatus.RENDERING,
        JobStatus.FETCHING,
        JobStatus.DELIVERING,
    }
)


class JobEvent(StrEnum):
    """What can happen to a job."""

    CLAIMED = "claimed"
    SCRIPT_READY = "script_ready"
    TASK_CREATED = "task_created"
    RENDERED = "rendered"
    FETCHED = "fetched"
    DELIVERED = "delivered"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"
    USER_RETURNED = "user_returned"


class IllegalTransitionError(Exception):
    """The event cannot happen to a job in this state."""

    def __init__(self, status: JobStatus, event: JobEvent) -> None:
        super().__init__(f"a job that is {status} cannot be {event}")
        self.status = status
        self.event = event


_ALIVE = (JobStatus.QUEUED, *sorted(RUNNING_STATUSES))

ARROWS: dict[JobEvent, dict[JobStatus, JobStatus]] = {
    # A claim of a job that another worker left in a running state changes no state: the
    # successor goes on where the first one stopped, under a higher attempt.
    JobEvent.CLAIMED: {
        JobStatus.QUEUED: JobStatus.SCRIPTING,
        **{status: status for status in RUNNING_STATUSES},
    },
    JobEvent.SCRIPT_READY: {JobStatus.SCRIPTING: JobStatus.SUBMITTING},
    JobEvent.TASK_CREATED: {JobStatus.SUBMITTING: JobStatus.RENDERING},
    JobEvent.RENDERED: {JobStatus.RENDERING: JobStatus.FETCHING},
    JobEvent.FETCHED: {JobStatus.FETCHING: JobStatus.DELIVERING},
    JobEvent.DELIVERED: {JobStatus.DELIVERING: JobStatus.DONE},
    JobEvent.POSTPONED: dict.fromkeys(RUNNING_STATUSES, JobStatus.QUEUED),
    JobEvent.GIVEN_UP: dict.fromkeys(_ALIVE, JobStatus.FAILED),
    JobEvent.CANCELLED: {
        JobStatus.QUEUED: JobStatus.CANCELLED,
        JobStatus.SCRIPTING: JobStatus.CANCELLED,
    },
    # Only for a video that could not be shown because the user had blocked the bot.
    JobEvent.USER_RETURNED: {JobStatus.DONE: JobStatus.QUEUED},
}
"""For each event the states in which it can happen, and the state after it."""


def transition(status: JobStatus, event: JobEvent) -> JobStatus:
    """Tell the state after the event, or raise IllegalTransitionError."""
    after = ARROWS[event].get(status)
    if after is None:
        raise IllegalTransitionError(status, event)
    return after


def legal_arrows() -> frozenset[tuple[JobStatus, JobStatus]]:
    """Give every (old, new) pair of different states that some event allows."""
    return frozenset(
        (before, after)
        for arrows in ARROWS.values()
        for before, after in arrows.items()
        if before is not after
    )


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write to a job: valid while attempt and status are still the stored ones."""

    job_id: UUID
    attempt: int
    status: JobStatus


@dataclass(frozen=True, slots=True)
class ChatAddress:
    """Where a message goes: `bot_id` picks the token, `chat_id` the chat."""

    bot_id: int
    chat_id: int


@dataclass(frozen=True, slots=True)
class ProviderTask:
    """A render that the provider has accepted, and that is paid for."""

    provider: str
    model: str
    task_id: str
    key_fingerprint: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a worker sees it after its claim; no user data beyond what the work needs."""

    id: UUID
    bot_id: int
    tg_user_id: int
    chat_id: int
    status_message_id: int
    pool: str
    status: JobStatus
    attempt: int
    tries: int
    lease_losses: int
    language: str
    order: Order
    price_credits: int
    created_at: datetime
    deadline_at: datetime
    script: Script | None = None
    task: ProviderTask | None = None
    submissions: int = 0
    """createTask calls that may have reached the provider since it last said `fail`."""
    submitted_at: datetime | None = None
    rendered_at: datetime | None = None
    """When the provider first said that its task succeeded."""
    delivery_began_at: datetime | None = None
    """From here on the video may stand in the chat, so the job is never refunded blindly."""
    fallback_sent_at: datetime | None = None
    parked_notice_at: datetime | None = None
    fetch_failures: FetchFailures = NOTHING_BROKE_OFF
    """Downloads of its finished video that broke off, since one was whole."""

    @property
    def fence(self) -> Fence:
        return Fence(self.id, self.attempt, self.status)

    @property
    def is_cancellable(self) -> bool:
        """Tell whether its user may still cancel it: no render can have been ordered."""
        is_early = self.status in ARROWS[JobEvent.CANCELLED]
        return is_early and self.task is None and self.submissions == 0

    @property
    def chat(self) -> ChatAddress:
        return ChatAddress(self.bot_id, self.chat_id)
