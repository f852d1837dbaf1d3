"""One job message that was delivered and waits for its acknowledgement."""

from __future__ import annotations

import json
from uuid import UUID

import nats.errors
import structlog

from neurocards.adapters.nats.connection import NatsConnection, translated_errors

log = structlog.get_logger(__name__)

ACK_TIMEOUT_S = 2.0
_NANOSECONDS = 10**9
_DELIVERED_FIELD = 4
"""In `$JS.ACK.<stream>.<consumer>.<delivered>...`; the longer form has two fields more."""
_SHORT_FORM_FIELDS = 9


class NatsDelivery:
    """The Delivery port; holds no more than the address that its acknowledgement goes to."""

    __slots__ = ("_connection", "_job_id", "_reply")

    def __init__(self, connection: NatsConnection, reply: str, job_id: UUID) -> None:
        self._connection = connection
        self._reply = reply
        self._job_id = job_id

    @property
    def job_id(self) -> UUID:
        return self._job_id

    @property
    def is_redelivery(self) -> bool:
        fields = self._reply.split(".")
        shift = 0 if len(fields) == _SHORT_FORM_FIELDS else 2
        return fields[_DELIVERED_FIELD + shift] != "1"

    async def ack(self) -> None:
        """Acknowledge and wait for the broker's word; QueueUnavailableError without it.

        A lost acknowledgement does no harm after the commit: the message comes again, its job
        turns out to be finished, and it is acknowledged again.
        """
        with translated_errors():
            try:
                await self._connection.client.request(self._reply, timeout=ACK_TIMEOUT_S)
            except nats.errors.NoRespondersError:
                # The consumer is gone, and the message with it: nothing is left to acknowledge.
                log.debug("queue.ack_without_consumer", job_id=str(self._job_id))

    async def nak(self, *, after_s: float = 0.0) -> None:
        """Give the message back; it is delivered again after `after_s`."""
        body = b"-NAK"
        if after_s > 0:
            body += b" " + json.dumps({"delay": int(after_s * _NANOSECONDS)}).encode()
        await self._say(body)

    async def in_progress(self) -> None:
        await self._say(b"+WPI")

    async def terminate(self) -> None:
        """Tell the broker never to deliver this message again."""
        await self._say(b"+TERM")

    async def _say(self, body: bytes) -> None:
        with translated_errors():
            await self._connection.client.publish(self._reply, body)
