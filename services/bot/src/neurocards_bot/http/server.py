"""The FastAPI app out of its routes, and the server that runs it inside our loop.

Signals belong to the process, not to the server: `stop` ends it after the requests in hand.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import neurocards
from neurocards.errors import ConfigurationError
from neurocards_bot.metrics import BotMetrics

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than the pause between two of Telegram's calls, shorter than a forgotten connection."""


def build_app(routes: Sequence[APIRouter], metrics: BotMetrics) -> FastAPI:
    app = FastAPI(
        title="Neurocards bot",
        version=neurocards.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for router in routes:
        app.include_router(router)
    app.add_middleware(CountRequests, metrics=metrics)
    return app


class CountRequests:
    """Counts requests by the route's template, so that the labels stay bounded."""

    def __init__(self, app: ASGIApp, metrics: BotMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            endpoint = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if endpoint != "other" else "other"
            self._metrics.api_requests_total.labels(endpoint, method, str(status)).inc()


class HttpServer:
    """Serves between entering `run` and `stop`; `port` is the real one."""

    def __init__(self, app: FastAPI, *, host: str, port: int, drain_s: float) -> None:
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(drain_s) or 1,
            )
        )

    async def run(self) -> None:
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Take no new connection; `run` returns when the requests in hand are answered."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        fault = f"NEUROCARDS_HTTP_PORT: cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigurationError(fault) from error
    listener.setblocking(False)
    return listener
