"""An HTTP client before which requests wait in line until a connection is free for them.

httpx looks at every waiting request for every connection whenever anything changes. With a
thousand jobs that ask at once, that alone kept the worker busy: two thirds of its processor time,
while nothing else got its turn. Here a waiting request costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx


class QueuingClient(httpx.AsyncClient):
    """As many requests as `limits.max_connections` are under way; a pool timeout limits the wait.

    A request has its turn until its answer is closed.
    """

    def __init__(self, *, limits: httpx.Limits, **options: Any) -> None:
        super().__init__(limits=limits, **options)
        self._turns = asyncio.Semaphore(limits.max_connections or 1)

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send the request in its turn; PoolTimeout when that does not come in time."""
        await self._turn(request)
        try:
            response = await super().send(
                request, stream=stream, auth=auth, follow_redirects=follow_redirects
            )
        except BaseException:
            self._turns.release()
            raise
        if response.is_closed:
            self._turns.release()
        else:
            body = cast("httpx.AsyncByteStream", response.stream)
            response.stream = _HeldStream(body, self._turns.release)
        return response

    async def _turn(self, request: httpx.Request) -> None:
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(limits.get("pool")):
                await self._turns.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free", request=request) from None


class _HeldStream(httpx.AsyncByteStream):
    """The body of an answer; its turn ends when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, release: Callable[[], None]) -> None:
        self._inner = inner
        self._release: Callable[[], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            yield part

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            release, self._release = self._release, None
            if release is not None:
                release()
