"""Stores job messages in the stream, many at once.

It waits for all acknowledgements together, with one reply subject for each message. (The client
library's own `publish_async` never ends for a message that the stream refuses.)
Invariant: an id is answered only when the broker holds the job's message now, or held it already.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from neurocards.adapters.nats.connection import NatsConnection, translated_errors
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.nats.subjects import STREAM, job_body, job_subject
from neurocards.errors import QueueUnavailableError
from neurocards.ports.queue import OutboxMessage
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

PUBLISH_TIMEOUT_S = 2.0
"""Nobody answers a request that was under way when the connection broke."""
_STORE_FAILED = 10077
_ONE_PER_SUBJECT = "per subject"
_NO_RESPONDERS = "503"


class _Outcome(Enum):
    STORED = auto()
    ALREADY_THERE = auto()
    NO_STREAM = auto()
    REFUSED = auto()
    UNANSWERED = auto()


@dataclass(frozen=True, slots=True)
class _Reply:
    outcome: _Outcome
    reason: str = ""


class NatsPublisher:
    """The Publisher port on JetStream."""

    def __init__(
        self, connection: NatsConnection, stream: JobStream, metrics: CommonMetrics
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._metrics = metrics
        self._replies: _Replies | None = None

    async def publish(self, messages: Sequence[OutboxMessage]) -> Collection[int]:
        """Store messages; QueueUnavailableError when the broker took none of them."""
        if not messages:
            return frozenset()
        outcomes = await self._publish_once(messages)
        lost = [message for message in messages if outcomes[message.id] is _Outcome.NO_STREAM]
        if lost:
            await self._stream.ensure()
            outcomes |= await self._publish_once(lost)
        for outcome in outcomes.values():
            self._metrics.queue_messages_total.labels(outcome.name.lower()).inc()
        held = {
            message_id
            for message_id, outcome in outcomes.items()
            if outcome in {_Outcome.STORED, _Outcome.ALREADY_THERE}
        }
        if not held:
            raise QueueUnavailableError(f"none of {len(messages)} messages was stored")
        return held

    async def _publish_once(self, messages: Sequence[OutboxMessage]) -> dict[int, _Outcome]:
        waiting: dict[asyncio.Future[_Reply], int] = {}
        try:
            with translated_errors():
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await self._send(messages, waiting)
            await asyncio.wait(waiting, timeout=PUBLISH_TIMEOUT_S)
            replies = {
                number: future.result() for future, number in waiting.items() if future.done()
            }
        finally:
            for future in waiting:
                future.cancel()
        refused = [reply.reason for reply in replies.values() if reply.outcome is _Outcome.REFUSED]
        if refused:
            log.warning("queue.publish_refused", count=len(refused), reason=refused[0])
        return {
            message.id: replies[message.id].outcome
            if message.id in replies
            else _Outcome.UNANSWERED
            for message in messages
        }

    async def _send(
        self, messages: Sequence[OutboxMessage], waiting: dict[asyncio.Future[_Reply], int]
    ) -> None:
        replies = await self._open_replies()
        for message in messages:
            reply, future = replies.expect()
            waiting[future] = message.id
            await replies.client.publish(
                job_subject(message.pool, message.job_id),
                job_body(message.job_id),
                reply=reply,
                headers={
                    "Nats-Expected-Stream": STREAM,
                    # Of the row, not of the job: a repeat must not be swallowed.
                    "Nats-Msg-Id": f"{message.job_id}:{message.id}",
                },
            )

    async def _open_replies(self) -> _Replies:
        client = self._connection.client
        if self._replies is None or self._replies.client is not client:
            replies = _Replies(client)
            await replies.open()
            self._replies = replies
        return self._replies


class _Replies:
    """The acknowledgements that are waited for, by the subject on which they come."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._inbox = client.new_inbox()
        self._count = 0
        self._waiting: dict[str, asyncio.Future[_Reply]] = {}

    async def open(self) -> None:
        await self.client.subscribe(f"{self._inbox}.*", cb=self._on_reply)

    def expect(self) -> tuple[str, asyncio.Future[_Reply]]:
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._waiting.pop(reply, None))
        self._waiting[reply] = future
        return reply, future

    async def _on_reply(self, message: Msg) -> None:
        future = self._waiting.get(message.subject)
        if future is not None and not future.done():
            future.set_result(_read(message))


def _read(message: Msg) -> _Reply:
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        return _Reply(_Outcome.NO_STREAM)
    error = json.loads(message.data).get("error")
    if error is None:
        return _Reply(_Outcome.STORED)
    reason = f"{error.get('description')} ({error.get('err_code')})"
    # The same number says that the whole stream is full: only the words tell.
    if error.get("err_code") == _STORE_FAILED and _ONE_PER_SUBJECT in reason:
        return _Reply(_Outcome.ALREADY_THERE)
    return _Reply(_Outcome.REFUSED, reason)
