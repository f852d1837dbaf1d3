"""From the outbox over the broker to a worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from neurocards.domain.jobs import JobStatus


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    id: int
    job_id: UUID
    pool: str


@dataclass(frozen=True, slots=True)
class OverdueJob:
    """An order that nobody began in time, and where its user can be told."""

    job_id: UUID
    bot_id: int
    chat_id: int
    status_message_id: int
    language: str


class OutboxMessages(Protocol):
    """The part of the outbox that a relay needs."""

    async def relay(
        self,
        publish: Callable[[Sequence[OutboxMessage]], Awaitable[Collection[int]]],
        *,
        batch: int,
    ) -> int:
        """Hand locked rows to `publish`, delete those whose ids it answers, tell how many rows."""
        ...

    async def depth(self) -> tuple[int, float]:
        """Tell how many messages wait and how old the oldest is, in seconds."""
        ...


class Outbox(OutboxMessages, Protocol):
    """The whole of it: what the reaper keeps in order besides."""

    async def enqueue_due(self, *, batch: int, unseen_s: float) -> int:
        """Put due retries, jobs with an expired lease and queued jobs without a message in it.

        `unseen_s`: how long a queued job may stay unclaimed before its message counts as lost;
        the longer it waits, the longer the next time, up to tenfold.
        """
        ...

    async def enqueue_all(self, *, batch: int) -> int:
        """Put every job in it that is due or at work: the broker has lost its memory.

        Each batch is a transaction of its own; after an error some of it may have been done.
        """
        ...

    async def end_overdue(self, *, batch: int, grace_s: float) -> Sequence[OverdueJob]:
        """Fail and refund queued jobs that are `grace_s` past their deadline; tell which.

        Never one that a provider may be working on: that is a worker's to look for.
        """
        ...

    async def enqueue_untold(self, *, batch: int, after_s: float) -> int:
        """Put jobs in it that ended `after_s` ago and whose users may not know how."""
        ...

    async def mark_told(self, job_ids: Collection[UUID]) -> int:
        """Remember that the users of these ended jobs know; tell of how many it was not known."""
        ...

    async def ensure_partitions(self) -> int: ...

    async def forget_updates(self, *, older_than_s: float, batch: int) -> int: ...

    async def forget_inbound_buckets(self, *, batch: int) -> int:
        """Forget full buckets of senders, which say nothing; tell how many."""
        ...

    async def forget_outbound_buckets(self, *, batch: int) -> int:
        """Forget full buckets of chats that nobody has silenced; tell how many."""
        ...

    async def forget_drafts(self, *, older_than_s: float, batch: int) -> int:
        """Forget drafts that nobody has touched for so long, accepted or not; tell how many."""
        ...

    async def forget_dialogues(self, *, older_than_s: float, batch: int) -> int:
        """Forget what was said in dialogues that nobody has touched for so long; tell how many."""
        ...

    async def stray_jobs(self, *, count_max: int) -> int:
        """Count jobs that are in no partition of a month, up to a limit; there should be none."""
        ...

    async def recent_jobs(self, *, since_s: float) -> Mapping[JobStatus, int]:
        """Count the jobs that were accepted within so many seconds, by what they are now."""
        ...


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
    def deliveries(self, *, free_slots: Callable[[], int]) -> AsyncGenerator[Delivery, None]:
        """Yield messages, never more at once than there are free slots; survives restarts.

        A slot must count as taken when the next message is asked for. Close the iterator
        (`contextlib.aclosing`) to hand back what was fetched and not yielded.
        """
        ...

    def slots_freed(self) -> None:
        """Say that `free_slots` may have risen, so that nothing waits for a look at the clock."""
        ...


class Hints(Protocol):
    """Words on core NATS that may get lost: they only make things faster."""

    async def announce(self, subject: str, payload: bytes = b"") -> None:
        """Say something to whoever listens now; silent while the broker is away."""
        ...

    async def announce_surely(self, subject: str, payload: bytes = b"") -> None:
        """Say it and wait for the broker's word; QueueUnavailableError when it does not come."""
        ...


class HintListener(Protocol):
    def listening(
        self, subjects: str, handler: Callable[[str, bytes], None]
    ) -> AbstractAsyncContextManager[None]:
        """Call `handler(subject, payload)` for each hint; `subjects` may hold wildcards.

        The handler must not block.
        """
        ...
