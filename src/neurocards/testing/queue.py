"""The job queue and the hints in memory, with the behaviour that the contract suite asks for.

One `MemoryBroker` is one NATS server: what is published by any of its publishers reaches one of
its queues. It forgets everything on `wipe`, as the real one may.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from neurocards.errors import QueueUnavailableError
from neurocards.ports.queue import OutboxMessage

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Message:
    job_id: UUID
    pool: str
    holder: MemoryDelivery | None = None


class MemoryBroker:
    """Messages of all pools; one per job, held until acknowledged."""

    def __init__(self, *, ack_wait_s: float = 60.0, messages_max: int = 1_000_000) -> None:
        self.ack_wait_s = ack_wait_s
        self.messages_max = messages_max
        self.is_available = True
        self.created = datetime(2026, 1, 1, tzinfo=UTC)
        self._messages: dict[UUID, _Message] = {}
        self._waiting: dict[str, deque[_Message]] = {}
        self._queues: list[MemoryJobQueue] = []
        self._hint_handlers: list[tuple[str, Callable[[str, bytes], None]]] = []

    def go_away(self) -> None:
        self.is_available = False

    def come_back(self) -> None:
        self.is_available = True
        self.wake()

    def wipe(self) -> None:
        """Forget all messages, as a server whose store was lost."""
        self._messages.clear()
        self._waiting.clear()
        self.created += timedelta(days=1)

    async def stream_created(self) -> datetime:
        self.require_available()
        return self.created

    @property
    def job_ids(self) -> frozenset[UUID]:
        """The jobs of which a message is stored."""
        return frozenset(self._messages)

    def require_available(self) -> None:
        if not self.is_available:
            raise QueueUnavailableError("the broker is away")

    def store(self, message: OutboxMessage) -> bool:
        """Store a message; False when there is no room for it."""
        if message.job_id in self._messages:
            return True
        if len(self._messages) >= self.messages_max:
            return False
        stored = _Message(message.job_id, message.pool)
        self._messages[message.job_id] = stored
        self.offer(stored)
        return True

    def offer(self, message: _Message) -> None:
        """Make a stored message ready for the next worker."""
        if self._messages.get(message.job_id) is not message:
            return
        message.holder = None
        self._waiting.setdefault(message.pool, deque()).append(message)
        self.wake()

    def take(self, pool: str) -> _Message | None:
        waiting = self._waiting.get(pool)
        return waiting.popleft() if waiting else None

    def forget(self, message: _Message) -> None:
        if self._messages.get(message.job_id) is message:
            del self._messages[message.job_id]

    def attach(self, queue: MemoryJobQueue) -> None:
        self._queues.append(queue)

    def wake(self) -> None:
        for queue in self._queues:
            queue.slots_freed()

    def say(self, subject: str, payload: bytes) -> None:
        for pattern, handler in tuple(self._hint_handlers):
            if fnmatch.fnmatchcase(subject, pattern.replace(">", "*")):
                try:
                    handler(subject, payload)
                except Exception:
                    log.exception("hint.handler_failed", subject=subject)

    @contextlib.asynccontextmanager
    async def listening(
        self, subjects: str, handler: Callable[[str, bytes], None]
    ) -> AsyncIterator[None]:
        entry = (subjects, handler)
        self._hint_handlers.append(entry)
        try:
            yield
        finally:
            self._hint_handlers.remove(entry)


class MemoryPublisher:
    """The Publisher port; `published` keeps every message that was handed over."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self.published: list[OutboxMessage] = []

    async def publish(self, messages: Sequence[OutboxMessage]) -> Collection[int]:
        self._broker.require_available()
        held = {message.id for message in messages if self._broker.store(message)}
        self.published += [message for message in messages if message.id in held]
        if messages and not held:
            raise QueueUnavailableError("there is no room for any message")
        return held


class MemoryDelivery:
    """The Delivery port; comes again after `ack_wait_s` without a word."""

    def __init__(self, broker: MemoryBroker, message: _Message) -> None:
        self._broker = broker
        self._message = message
        message.holder = self
        self._timer: asyncio.TimerHandle | None = None
        self._wait()

    @property
    def job_id(self) -> UUID:
        return self._message.job_id

    async def ack(self) -> None:
        # As with JetStream a late acknowledgement counts, whoever holds the message now.
        self._broker.require_available()
        self._stop_waiting()
        self._broker.forget(self._message)

    async def nak(self, *, after_s: float = 0.0) -> None:
        self._broker.require_available()
        if self._message.holder is not self:
            return
        self._stop_waiting()
        if after_s > 0:
            self._timer = asyncio.get_running_loop().call_later(after_s, self._give_back)
        else:
            self._give_back()

    async def in_progress(self) -> None:
        self._broker.require_available()
        if self._message.holder is self:
            self._stop_waiting()
            self._wait()

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._broker.ack_wait_s, self._give_back)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self) -> None:
        if self._message.holder is self:
            self._broker.offer(self._message)


@dataclass
class MemoryJobQueue:
    """The JobQueue port for one pool."""

    broker: MemoryBroker
    pool: str = "default"
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.broker.attach(self)

    def slots_freed(self) -> None:
        self._changed.set()

    async def deliveries(
        self, *, free_slots: Callable[[], int]
    ) -> AsyncGenerator[MemoryDelivery, None]:
        while True:
            self._changed.clear()
            message = None
            if self.broker.is_available and free_slots() > 0:
                message = self.broker.take(self.pool)
            if message is None:
                await self._changed.wait()
            else:
                yield MemoryDelivery(self.broker, message)


class MemoryHints:
    """The Hints port; `announced` keeps what was said."""

    def __init__(self, broker: MemoryBroker | None = None) -> None:
        self._broker = broker or MemoryBroker()
        self.announced: list[tuple[str, bytes]] = []

    async def announce(self, subject: str, payload: bytes = b"") -> None:
        if self._broker.is_available:
            self.announced.append((subject, payload))
            self._broker.say(subject, payload)

    async def announce_surely(self, subject: str, payload: bytes = b"") -> None:
        if not self._broker.is_available:
            raise QueueUnavailableError("the broker is away")
        await self.announce(subject, payload)

    @contextlib.asynccontextmanager
    async def listening(
        self, subjects: str, handler: Callable[[str, bytes], None]
    ) -> AsyncIterator[None]:
        """Call `handler` for each hint on `subjects` (may hold wildcards)."""
        async with self._broker.listening(subjects, handler):
            yield
