"""One connection to NATS that never gives up.

The process starts and lives without NATS; whoever needs it gets QueueUnavailableError meanwhile.
The client library reconnects by itself after a broken connection, but gives up for good when the
server refuses it (changed credentials, too many connections); then a new client is made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import nats.errors
import structlog
from nats.aio.client import Client

from neurocards.errors import ConfigurationError, QueueUnavailableError
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
PING_INTERVAL_S = 10
PINGS_OUTSTANDING_MAX = 2
REFUSED_WAIT_S = 2.0
START_WAIT_S = 3.0
CHECK_TIMEOUT_S = 1
CLOSE_TIMEOUT_S = 2.0


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the client library raises into QueueUnavailableError."""
    try:
        yield
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise QueueUnavailableError(f"{type(error).__name__}: {error}") from error


class NatsConnection:
    """Connected from entering to leaving the context, as far as the network allows."""

    def __init__(self, settings: Broker, *, name: str, metrics: CommonMetrics) -> None:
        self._settings = settings
        self._name = name
        self._metrics = metrics
        self._client: Client | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._connected_once = asyncio.Event()
        self._failure_told = False
        self._closing = False
        self._listeners: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        self._require_credentials()
        self._supervisor = asyncio.create_task(self._supervise(), name="nats-connection")
        waiting = asyncio.create_task(self._connected_once.wait())
        await asyncio.wait(
            {waiting, self._supervisor},
            timeout=START_WAIT_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if self._supervisor.done():
            error = self._supervisor.exception()
            fault = f"NEUROCARDS_NATS_URL or NEUROCARDS_NATS_CREDENTIALS_FILE: {error}"
            raise ConfigurationError(fault) from error
        if not self.is_connected:
            log.warning("queue.absent_at_start", waited_s=START_WAIT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._metrics.queue_connected.set(0)

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The client that is connected now; QueueUnavailableError while there is none."""
        if self._client is None or not self._client.is_connected:
            raise QueueUnavailableError("NATS is not connected")
        return self._client

    async def check(self) -> None:
        """Raise QueueUnavailableError unless the server answers now."""
        with translated_errors():
            await self.client.flush(timeout=CHECK_TIMEOUT_S)

    def on_connected(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each connect and reconnect; give the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _require_credentials(self) -> None:
        """Refuse a file that cannot be read now: the client would look for it again for ever."""
        credentials = self._settings.nats_credentials_file
        if credentials is not None and not credentials.is_file():
            fault = f"NEUROCARDS_NATS_CREDENTIALS_FILE: there is no file {credentials}"
            raise ConfigurationError(fault)

    async def _supervise(self) -> None:
        while True:
            client = Client()
            closed = asyncio.Event()
            try:
                await client.connect(**self._options(closed))
                self._client = client
                self._announce_connected()
                await closed.wait()
            finally:
                await self._close(client)
            log.error("queue.connection_refused", reason=str(client.last_error))
            await asyncio.sleep(REFUSED_WAIT_S)

    def _options(self, closed: asyncio.Event) -> dict[str, Any]:
        async def on_closed() -> None:
            closed.set()

        settings = self._settings
        credentials = settings.nats_credentials_file
        password = settings.nats_password
        return {
            "servers": [part.strip() for part in settings.nats_url.split(",") if part.strip()],
            "name": self._name,
            "user": settings.nats_user,
            "password": password.get_secret_value() if password else None,
            "user_credentials": str(credentials) if credentials else None,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "max_reconnect_attempts": -1,
            # A fleet that lost its server together should not come back together.
            "reconnect_time_wait": RECONNECT_WAIT_S * random.uniform(1, 2),
            "ping_interval": PING_INTERVAL_S,
            "max_outstanding_pings": PINGS_OUTSTANDING_MAX,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
            "closed_cb": on_closed,
        }

    async def _close(self, client: Client) -> None:
        """Send what is still to be sent, in bounded time."""
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if client.is_connected:
                    await client.flush(timeout=CHECK_TIMEOUT_S)
                if client.is_connected or client.is_connecting or client.is_reconnecting:
                    await client.close()

    async def _on_error(self, error: Exception) -> None:
        # One line per outage: the library tells each of its attempts.
        if self.is_connected or not self._failure_told:
            log.warning("queue.error", kind=type(error).__name__, reason=str(error))
        self._failure_told = not self.is_connected

    async def _on_disconnected(self) -> None:
        self._metrics.queue_connected.set(0)
        if not self._closing:
            log.warning("queue.disconnected")

    async def _on_reconnected(self) -> None:
        self._metrics.queue_reconnects_total.inc()
        self._announce_connected()

    def _announce_connected(self) -> None:
        self._failure_told = False
        self._connected_once.set()
        self._metrics.queue_connected.set(1)
        log.info("queue.connected", name=self._name)
        for listener in tuple(self._listeners):
            listener()
