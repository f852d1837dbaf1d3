"""The stream of jobs and the consumer of each pool: there, and as the settings want them.

Invariants of the stream: it is a work queue that refuses what it cannot hold instead of dropping
the oldest job, and it holds one message per job at most, so publishing again is harmless. Its
time of creation tells whether the broker has lost its memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nats.errors
import structlog

from neurocards.adapters.nats.connection import NatsConnection, translated_errors
from neurocards.adapters.nats.subjects import JOB_SUBJECTS, STREAM, consumer_name, pool_subjects
from neurocards.errors import QueueUnavailableError
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

API_TIMEOUT_S = 2.0
MESSAGE_BYTES_MAX = 1024
DUPLICATE_WINDOW_S = 120
PULLS_WAITING_MAX = 4096
_NANOSECONDS = 10**9
_FIXED_AT_CREATION = frozenset({"max_waiting"})
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014


class ApiError(QueueUnavailableError):
    """JetStream refused a request; `code` is its own number of the error."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"JetStream: {description} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamDifferences:
    """The settings that differ from the wanted ones; None: it is not there at all."""

    stream: Mapping[str, Any] | None
    consumer: Mapping[str, Any] | None


class JobStream:
    """Sees to it that the stream and the consumers exist."""

    def __init__(
        self,
        connection: NatsConnection,
        settings: Broker,
        *,
        ack_wait_s: float,
        metrics: CommonMetrics,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._ack_wait_s = ack_wait_s
        self._metrics = metrics
        self._listeners: list[Callable[[], None]] = []

    def on_made(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the stream was missing and has been made here."""
        self._listeners.append(listener)

    async def ensure(self) -> datetime:
        """Make or change the stream if need be; give the time of its creation."""
        wanted = self._wanted_stream()
        info = await self._find(f"STREAM.INFO.{STREAM}", STREAM_NOT_FOUND)
        if info is None:
            self._metrics.queue_ensured_total.labels("stream").inc()
            log.info("queue.stream_made", stream=STREAM, config=wanted)
            info = await self._call(f"STREAM.CREATE.{STREAM}", wanted)
            for listener in self._listeners:
                listener()
        elif changes := _changes(info["config"], wanted):
            self._metrics.queue_ensured_total.labels("stream").inc()
            log.info("queue.stream_changed", stream=STREAM, changes=changes)
            info = await self._call(f"STREAM.UPDATE.{STREAM}", info["config"] | changes)
        return datetime.fromisoformat(info["created"])

    async def ensure_consumer(self, pool: str) -> None:
        """Make or change the pool's consumer if need be, and the stream before it."""
        await self.ensure()
        name = consumer_name(pool)
        wanted = self._wanted_consumer(pool)
        info = await self._find(f"CONSUMER.INFO.{STREAM}.{name}", CONSUMER_NOT_FOUND)
        changes = wanted if info is None else _changes(info["config"], wanted)
        if not changes:
            return
        self._metrics.queue_ensured_total.labels("consumer").inc()
        log.info("queue.consumer_set", consumer=name, made=info is None, changes=changes)
        config = (info["config"] if info else {}) | changes
        request = {"stream_name": STREAM, "config": config}
        await self._call(f"CONSUMER.CREATE.{STREAM}.{name}.{wanted['filter_subject']}", request)

    async def differences(self, pool: str) -> StreamDifferences:
        """Tell what `ensure_consumer` would change, without changing it."""
        stream = await self._find(f"STREAM.INFO.{STREAM}", STREAM_NOT_FOUND)
        if stream is None:
            return StreamDifferences(None, None)
        name = consumer_name(pool)
        consumer = await self._find(f"CONSUMER.INFO.{STREAM}.{name}", CONSUMER_NOT_FOUND)
        return StreamDifferences(
            _changes(stream["config"], self._wanted_stream()),
            None if consumer is None else _changes(consumer["config"], self._wanted_consumer(pool)),
        )

    async def backlog(self, pool: str) -> tuple[int, int]:
        """Tell how many messages of the pool wait, and how many workers hold."""
        info = await self._call(f"CONSUMER.INFO.{STREAM}.{consumer_name(pool)}")
        return int(info["num_pending"]), int(info["num_ack_pending"])

    async def asking(self, pool: str) -> int:
        """Tell how many workers wait for a message: each has one pull at the server, or none."""
        info = await self._find(f"CONSUMER.INFO.{STREAM}.{consumer_name(pool)}", CONSUMER_NOT_FOUND)
        return 0 if info is None else int(info["num_waiting"])

    async def unclaimed(self, pool: str) -> int:
        """Tell how many messages of the pool are in the stream, whoever may fetch them."""
        request = {"subjects_filter": pool_subjects(pool)}
        info = await self._call(f"STREAM.INFO.{STREAM}", request)
        return sum((info["state"].get("subjects") or {}).values())

    def _wanted_stream(self) -> dict[str, Any]:
        return {
            "name": STREAM,
            "subjects": [JOB_SUBJECTS],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "discard_new_per_subject": True,
            "max_msgs_per_subject": 1,
            "max_msgs": self._settings.nats_messages_max,
            "max_msg_size": MESSAGE_BYTES_MAX,
            "num_replicas": self._settings.nats_replicas,
            "duplicate_window": DUPLICATE_WINDOW_S * _NANOSECONDS,
        }

    def _wanted_consumer(self, pool: str) -> dict[str, Any]:
        # No `backoff` list: it would override the delays that workers ask for. No limit of
        # deliveries: a message beyond it would stay in the stream for ever, seen by nobody.
        return {
            "durable_name": consumer_name(pool),
            "filter_subject": pool_subjects(pool),
            "deliver_policy": "all",
            "replay_policy": "instant",
            "ack_policy": "explicit",
            "ack_wait": int(self._ack_wait_s * _NANOSECONDS),
            "max_deliver": -1,
            "max_ack_pending": self._settings.max_ack_pending,
            "max_waiting": PULLS_WAITING_MAX,
        }

    async def _find(self, subject: str, not_found: int) -> dict[str, Any] | None:
        try:
            return await self._call(subject)
        except ApiError as error:
            if error.code == not_found:
                return None
            raise

    async def _call(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        payload = b"" if body is None else json.dumps(body).encode()
        with translated_errors():
            try:
                reply = await self._connection.client.request(
                    f"$JS.API.{subject}", payload, timeout=API_TIMEOUT_S
                )
            except nats.errors.NoRespondersError as error:
                raise QueueUnavailableError("JetStream is not enabled or not ready") from error
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            fault = answer["error"]
            raise ApiError(fault.get("err_code", 0), fault.get("description", ""))
        return answer


def _changes(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what must change in place. What the settings do not name belongs to the operator."""
    return {
        key: value
        for key, value in wanted.items()
        if key not in _FIXED_AT_CREATION and present.get(key) != value
    }
