"""The simulator as a server of its own, with connections that a fault can really cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from neurocards_sandbox.telegram.app import ABORT_EXTENSION, create_app
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.world import World

STARTED_POLL_S = 0.01
SHUTDOWN_S = 3
KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none is closed under a request."""


class AbortableProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose requests carry a way to cut their connection."""

    def on_headers_complete(self) -> None:
        extensions = {ABORT_EXTENSION: self.transport.abort}
        self.scope["extensions"] = extensions  # type: ignore[typeddict-item]
        super().on_headers_complete()


class SandboxServer(uvicorn.Server):
    """A server that does not wait for long polls and event streams when it is to stop."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._world.end_waiting()
        await super().shutdown(sockets)


def make_server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=AbortableProtocol,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return SandboxServer(config, app.state.world)


async def serve(host: str, port: int, settings: TelegramSandboxSettings | None = None) -> None:
    """Serve until SIGINT or SIGTERM; a taken port is named and ends the process with status 3."""
    await make_server(create_app(settings), host, port).serve()


@asynccontextmanager
async def serving(server: uvicorn.Server, host: str, port: int) -> AsyncIterator[str]:
    """Run a server inside the present loop; yields its base URL. Port 0 takes a free one."""
    listener = socket.create_server((host, port))
    task = asyncio.create_task(server._serve([listener]))  # noqa: SLF001 - leaves signals alone
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(STARTED_POLL_S)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def running(
    settings: TelegramSandboxSettings | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[str, FastAPI]]:
    """The simulator inside the present loop; yields (base URL, app)."""
    app = create_app(settings)
    async with serving(make_server(app, host, port), host, port) as url:
        yield url, app
