"""Serves an app on a free local port for as long as a `with` block lasts; for tests and benches."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

STARTED_CHECK_S = 0.01
START_TIMEOUT_S = 60.0
SHUTDOWN_TIMEOUT_S = 1


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the loop."""
        yield


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Give the base URL, e.g. `http://127.0.0.1:43123`; RuntimeError when it does not start."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        access_log=False,
        lifespan="on",
        log_level="error",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        ws="none",
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _started(server, running)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


async def _started(server: uvicorn.Server, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        # Uvicorn tells of its start by a flag only.
        while not server.started:
            if running.done():
                raise RuntimeError("the server did not start")
            await asyncio.sleep(STARTED_CHECK_S)
