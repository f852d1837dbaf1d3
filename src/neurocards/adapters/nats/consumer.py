"""Takes job messages from the stream: one subscription, and one pull that waits at the server.

The pull waits at the server, so a message is delivered the moment it is published. Every way in
which it can get lost ends in a new one: the connection was made anew, the server says that it is
over, the consumer is gone, or nothing was heard for two heartbeats.
Invariant: never more messages are held than there are free slots; what arrives beyond them (from
a pull of the time before a reconnect) is handed back at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.delivery import NatsDelivery
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.nats.subjects import STREAM, consumer_name, parse_job
from neurocards.errors import QueueUnavailableError
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

PULL_EXPIRES_S = 30.0
HEARTBEAT_S = 5.0
SILENCE_S_MAX = 2.2 * HEARTBEAT_S
SATURATED_LOOK_S = 0.1
"""The net under `slots_freed`."""
TROUBLE_WAIT_S = 0.1
TROUBLE_WAIT_S_MAX = 2.0
CLOSE_TIMEOUT_S = 2.0
_NANOSECONDS = 10**9
_ROUNDING_S = 0.01
_AWAY = (QueueUnavailableError, nats.errors.Error, OSError, TimeoutError)

_HEARTBEAT = "100"
_IN_GOOD_ORDER = frozenset({"404", "408"})
"""Statuses that end a pull because its time is up."""


class NatsJobQueue:
    """The JobQueue port for one pool."""

    def __init__(
        self, connection: NatsConnection, stream: JobStream, *, pool: str, metrics: CommonMetrics
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._pool = pool
        self._metrics = metrics
        self._changed = asyncio.Event()

    def slots_freed(self) -> None:
        self._changed.set()

    async def deliveries(
        self, *, free_slots: Callable[[], int]
    ) -> AsyncGenerator[NatsDelivery, None]:
        """Yield deliveries until the iterator is closed; see the port."""
        puller = _Puller(
            self._connection,
            self._stream,
            pool=self._pool,
            metrics=self._metrics,
            free_slots=free_slots,
            changed=self._changed,
        )
        stop_telling = self._connection.on_connected(puller.start_anew)
        try:
            while True:
                yield await puller.next()
        finally:
            stop_telling()
            await puller.close()


class _Puller:
    """The state of one iteration over the deliveries."""

    def __init__(
        self,
        connection: NatsConnection,
        stream: JobStream,
        *,
        pool: str,
        metrics: CommonMetrics,
        free_slots: Callable[[], int],
        changed: asyncio.Event,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._pool = pool
        self._metrics = metrics
        self._free_slots = free_slots
        self._changed = changed
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer_name(pool)}"
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._arrived: deque[NatsDelivery] = deque()
        self._asked = 0
        """Messages that the waiting pull may still bring."""
        self._pull_number = 0
        self._heard_at = 0.0
        self._consumer_seen = False
        self._refused = False
        self._trouble_wait_s = 0.0
        self._closing = False

    def start_anew(self) -> None:
        """Forget the pull: it waited on a connection that is no more."""
        self._asked = 0
        self._consumer_seen = False
        self._refused = False
        self._trouble_wait_s = 0.0
        self._changed.set()

    async def next(self) -> NatsDelivery:
        while True:
            self._changed.clear()
            look_again_s = await self._keep_pulling()
            if self._arrived:
                return self._arrived.popleft()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(look_again_s):
                    await self._changed.wait()

    async def close(self) -> None:
        """Stop pulling and hand back what was fetched and not yielded, in bounded time."""
        self._closing = True
        with contextlib.suppress(*_AWAY):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._subscription is not None and self._connection.is_connected:
                    # Handles what is on its way, where dropping it would cost an `ack_wait`.
                    await self._subscription.drain()  # type: ignore[no-untyped-call]
        with contextlib.suppress(*_AWAY):
            while self._arrived:
                await self._arrived.popleft().nak()

    async def _keep_pulling(self) -> float:
        """See to it that a pull waits if a slot is free; tell when to look again, in seconds."""
        if not self._connection.is_connected:
            return SILENCE_S_MAX
        try:
            if self._refused:
                self._refused = False
                raise QueueUnavailableError("the server refused the pull")
            await self._subscribe()
            if not self._consumer_seen:
                await self._stream.ensure_consumer(self._pool)
                self._consumer_seen = True
            return await self._pull()
        except _AWAY as error:
            longer_s = max(TROUBLE_WAIT_S, 2 * self._trouble_wait_s)
            self._trouble_wait_s = min(longer_s, TROUBLE_WAIT_S_MAX)
            log.warning("queue.pull_failed", reason=str(error), again_in_s=self._trouble_wait_s)
            return self._trouble_wait_s

    async def _subscribe(self) -> None:
        client = self._connection.client
        if client is self._client:
            return
        self._inbox = client.new_inbox()
        self._subscription = await client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        self._client = client

    async def _pull(self) -> float:
        silence_s = time.monotonic() - self._heard_at
        if self._asked and silence_s > SILENCE_S_MAX:
            log.warning("queue.pull_lost", silence_s=round(silence_s, 1))
            self._asked = 0
            await self._stream.ensure_consumer(self._pool)
        if not self._asked:
            count = self._free_slots() - len(self._arrived)
            if count <= 0:
                return SATURATED_LOOK_S
            await self._ask_for(count)
        return self._heard_at + SILENCE_S_MAX - time.monotonic() + _ROUNDING_S

    async def _ask_for(self, count: int) -> None:
        self._pull_number += 1
        self._asked = count
        self._heard_at = time.monotonic()
        request = {
            "batch": count,
            "expires": int(PULL_EXPIRES_S * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_S * _NANOSECONDS),
        }
        await self._connection.client.publish(
            self._next_subject, json.dumps(request).encode(), reply=self._pull_reply()
        )

    def _pull_reply(self) -> str:
        return f"{self._inbox}.{self._pull_number}"

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        if message.reply:
            self._trouble_wait_s = 0.0
            await self._on_job(message)
        elif message.headers and message.subject == self._pull_reply():
            self._on_status(message.headers)

    def _on_status(self, headers: dict[str, str]) -> None:
        status = headers.get("Status", "")
        if status == _HEARTBEAT:
            self._trouble_wait_s = 0.0
            return
        self._asked = 0
        if status not in _IN_GOOD_ORDER:
            log.info("queue.pull_ended", status=status, reason=headers.get("Description", ""))
            self._consumer_seen = False
            self._refused = True
        self._changed.set()

    async def _on_job(self, message: Msg) -> None:
        self._asked = max(0, self._asked - 1)
        job_id = parse_job(message.subject, message.data)
        if job_id is None:
            self._count("malformed")
            log.error("queue.message_malformed", subject=message.subject, size=len(message.data))
            await message.term()
            self._changed.set()
            return
        delivery = NatsDelivery(self._connection, message.reply, job_id)
        if self._closing or len(self._arrived) >= self._free_slots():
            self._count("handed_back")
            await delivery.nak()
            return
        self._count("redelivered" if delivery.is_redelivery else "delivered")
        self._arrived.append(delivery)
        self._changed.set()

    def _count(self, outcome: str) -> None:
        self._metrics.queue_messages_total.labels(outcome).inc()
