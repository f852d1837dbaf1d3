"""The connections over which updates are posted: HTTP/1.1 with keep-alive and nothing else.

Not a general client: no redirects, no proxies, no cookies, as the production server has none.
A general client costs ten times the processor time per post, and a load test would measure it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import SplitResult, urlsplit

import httptools

CONNECT_TIMEOUT_S = 10
REPLY_BYTES_MAX = 1024 * 1024
IDLE_MAX = 100


class DeliveryError(Exception):
    """The post had no answer; the text is what getWebhookInfo shows."""


class ConnectError(DeliveryError):
    """Nobody listens; the update has not been sent."""


@dataclass(slots=True)
class WebhookReply:
    """An answer; the names of headers are in lower case."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Connection(asyncio.Protocol):
    """One connection; carries one post at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reply = WebhookReply()
        self._waiter: asyncio.Future[WebhookReply] | None = None
        self.is_usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of that class, and do the same.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(DeliveryError("Wrong response from the webhook"))

    def connection_lost(self, _exc: Exception | None) -> None:
        self._fail(DeliveryError("Webhook connection closed"))

    def on_status(self, status: bytes) -> None:
        self._reply.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._reply.body += body
        if len(self._reply.body) > REPLY_BYTES_MAX:
            self._fail(DeliveryError("Wrong response from the webhook"))

    def on_message_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._reply)

    def _fail(self, error: DeliveryError) -> None:
        self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def close(self) -> None:
        self.is_usable = False
        if self._transport is not None:
            self._transport.close()

    async def exchange(self, request: bytes, timeout_s: float) -> WebhookReply:
        """Send a request and wait for its reply; raises DeliveryError."""
        if self._transport is None or not self.is_usable:
            raise DeliveryError("Webhook connection closed")
        self._reply = WebhookReply()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._waiter
        except TimeoutError:
            self.close()
            raise DeliveryError("Read timeout expired") from None
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None


class WebhookClient:
    """Posts over connections that are kept open for the next post."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: dict[str, list[Connection]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookReply:
        """Raises ConnectError if nobody listens at the URL, DeliveryError if no answer came."""
        parts = urlsplit(url)
        connection = self._take_idle(parts) or await _connect(parts)
        reply = await connection.exchange(_request(parts, body, headers), self._timeout_s)
        idle = self._idle[_origin(parts)]
        if connection.is_usable and len(idle) < IDLE_MAX:
            idle.append(connection)
        else:
            connection.close()
        return reply

    def _take_idle(self, parts: SplitResult) -> Connection | None:
        idle = self._idle[_origin(parts)]
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                return connection
        return None

    def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


async def _connect(parts: SplitResult) -> Connection:
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    context = ssl.create_default_context() if is_tls else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(
                Connection, parts.hostname or "", port, ssl=context
            )
    except TimeoutError:
        raise ConnectError("Connection timed out") from None
    except ConnectionRefusedError:
        raise ConnectError("Connection refused") from None
    except ssl.SSLError as error:
        raise ConnectError(f"SSL error {error.reason}") from None
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"Failed to connect: {error}") from None
    return connection


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    all_headers = {"Host": parts.netloc, **headers, "Content-Length": str(len(body))}
    lines = [f"POST {target} HTTP/1.1", *(f"{key}: {val}" for key, val in all_headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
