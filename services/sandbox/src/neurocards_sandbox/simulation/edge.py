"""The outermost layer of a simulator: a bounded log of requests, and connections that break.

A handler that returns `DroppedConnection` has its connection aborted without a byte of reply,
which is what a client sees when a provider's front end dies. Invariant: the log holds no header,
no query and no body, so it can be shown to anybody.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGGED_REQUESTS_MAX = 5_000


class DroppedConnection(Response):
    """The reply that is none: hang up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if not await self.hang_up(receive):
            # On a server whose transport is out of reach an unfinished reply breaks it too.
            headers = [(b"content-length", b"1024")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    @staticmethod
    async def hang_up(receive: Receive) -> bool:
        """Abort the connection; False when the server does not let us."""
        # ASGI has no word for "hang up"; Uvicorn's cycle object owns the transport.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            return False
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
        return True


class RequestLog:
    """The last requests, newest last; `note` lets a handler add what only it knows."""

    def __init__(self, requests_max: int = LOGGED_REQUESTS_MAX) -> None:
        self._requests: deque[dict[str, Any]] = deque(maxlen=requests_max)

    def add(self, request: dict[str, Any]) -> None:
        self._requests.append(request)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        newest_first = reversed(self._requests)
        return [request for request, _ in zip(newest_first, range(limit), strict=False)]

    def clear(self) -> None:
        self._requests.clear()


class SandboxEdge:
    """Pure ASGI, since a middleware built on response objects costs a task per request."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/sim/"):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        notes: dict[str, Any] = {}
        scope["sandbox.notes"] = notes
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        finally:
            self._log.add(
                {
                    "time": time.time(),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "took_ms": round((time.perf_counter() - started) * 1000, 2),
                    **notes,
                }
            )
