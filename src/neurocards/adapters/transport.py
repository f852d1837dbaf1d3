"""One HTTP exchange with limits, for every adapter that speaks JSON over httpx.

It tells apart the two cases that matter when money is spent: the request was certainly not sent,
or nobody knows. Errors are raised without the httpx error behind them, since its request holds
the address, and the address of a Telegram method holds the bot's token.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx

REPLY_BYTES_MAX = 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
POOL_TIMEOUT_S = 10.0

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class NotSentError(Exception):
    """The request has certainly not reached the other side."""


class NoAnswerError(Exception):
    """The request may have been carried out; no usable answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json_object(self) -> dict[str, Any] | None:
        """Give the body as a JSON object, or None when it is anything else."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None


def time_limits(*, io_s: float, connect_s: float = CONNECT_TIMEOUT_S) -> httpx.Timeout:
    return httpx.Timeout(connect=connect_s, read=io_s, write=io_s, pool=POOL_TIMEOUT_S)


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    total_s: float,
    bytes_max: int = REPLY_BYTES_MAX,
) -> Answer:
    """Send a request and read the whole reply within `total_s` seconds and `bytes_max` bytes."""
    try:
        async with asyncio.timeout(total_s):
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                body = await _limited_body(response, bytes_max)
            finally:
                await response.aclose()
    except _NOT_SENT as error:
        raise NotSentError(_name(error)) from None
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise NoAnswerError(_name(error)) from None
    return Answer(response.status_code, response.headers, body)


async def _limited_body(response: httpx.Response, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > bytes_max:
            raise NoAnswerError(f"the reply is larger than {bytes_max} bytes")
    return bytes(body)


def _name(error: BaseException) -> str:
    """Say what happened without the address: only the kind of the error."""
    return type(error).__name__
