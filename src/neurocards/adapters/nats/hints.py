"""Hints on core NATS: words that may get lost, so nobody waits for them and nobody counts on them.

While NATS is away they are dropped, not kept: an old hint is worth nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from neurocards.adapters.nats.connection import NatsConnection, translated_errors
from neurocards.errors import QueueUnavailableError

log = structlog.get_logger(__name__)

FLUSH_TIMEOUT_S = 2
ANNOUNCE_TIMEOUT_S = 3.0
_AWAY = (QueueUnavailableError, nats.errors.Error, OSError, TimeoutError)

HintHandler = Callable[[str, bytes], None]
"""Gets the subject and the payload; must not block."""


class NatsHints:
    """The Hints port, and listening to hints."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection

    async def announce(self, subject: str, payload: bytes = b"") -> None:
        """Say something to whoever listens now; never raises for a broker that is away."""
        try:
            await self._connection.client.publish(subject, payload)
        except _AWAY as error:
            log.debug("hint.dropped", subject=subject, kind=type(error).__name__)

    async def announce_surely(self, subject: str, payload: bytes = b"") -> None:
        """Say something and wait until the server has it; QueueUnavailableError otherwise."""
        with translated_errors():
            client = self._connection.client
            async with asyncio.timeout(ANNOUNCE_TIMEOUT_S):
                await client.publish(subject, payload)
                await client.flush(timeout=FLUSH_TIMEOUT_S)

    @contextlib.asynccontextmanager
    async def listening(self, subjects: str, handler: HintHandler) -> AsyncIterator[None]:
        """Call `handler` for each hint on `subjects` (may hold wildcards), over reconnects too."""
        changed = asyncio.Event()
        tried = asyncio.Event()
        stop_telling = self._connection.on_connected(changed.set)
        task = asyncio.create_task(self._listen(subjects, handler, changed, tried), name="hints")
        try:
            await tried.wait()
            yield
        finally:
            stop_telling()
            task.cancel()
            await asyncio.wait({task})

    async def _listen(
        self, subjects: str, handler: HintHandler, changed: asyncio.Event, tried: asyncio.Event
    ) -> None:
        """Subscribe once per client: the client itself keeps subscriptions over reconnects."""

        async def on_message(message: Msg) -> None:
            try:
                handler(message.subject, message.data)
            except Exception:
                log.exception("hint.handler_failed", subject=message.subject)

        client: Client | None = None
        subscription: Subscription | None = None
        try:
            while True:
                changed.clear()
                with contextlib.suppress(*_AWAY):
                    if self._connection.client is not client:
                        client = self._connection.client
                        subscription = await client.subscribe(subjects, cb=on_message)
                        await client.flush(timeout=FLUSH_TIMEOUT_S)
                tried.set()
                await changed.wait()
        finally:
            if subscription is not None:
                with contextlib.suppress(*_AWAY):
                    await subscription.unsubscribe()
