"""The simulator inside a test: a running server, its control API and a webhook to deliver to.

For tests of the simulator and of whatever talks to it. Knows no client library: a test brings
the real one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurocards_sandbox.telegram.server import running, serving
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.world import World

CONTROL_TIMEOUT_S = 60
PATIENCE_S = 20.0
POLL_S = 0.01


async def eventually(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds; raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - the state is not ours to signal
            await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator."""

    url: str
    world: World
    http: httpx.AsyncClient

    async def control(
        self, path: str, body: dict[str, Any] | None = None, *, method: str = ""
    ) -> Any:
        """One control call: POST with a body, else GET; raises for an error status."""
        verb = method or ("GET" if body is None else "POST")
        reply = await self.http.request(verb, f"/sim{path}", json=body)
        reply.raise_for_status()
        return reply.json()

    async def say(self, user_id: int, text: str = "hello") -> Any:
        """A user writes; returns the message's view."""
        reply = await self.control(f"/chats/{user_id}/send", {"text": text})
        return reply["messages"][0]

    async def send_file(
        self, user_id: int, kind: str, name: str, data: bytes, **more: str
    ) -> httpx.Response:
        """A user sends a file."""
        return await self.http.post(
            f"/sim/chats/{user_id}/send", data={"kind": kind, **more}, files={"file": (name, data)}
        )

    async def call(self, method: str, token: str = "42:TEST", **values: Any) -> httpx.Response:  # noqa: S107 - a token of nobody
        """One raw call of the Bot API."""
        return await self.http.post(f"/bot{token}/{method}", json=values)


@asynccontextmanager
async def simulator(settings: TelegramSandboxSettings | None = None) -> AsyncIterator[Simulator]:
    """A simulator on a free port for as long as the block runs."""
    async with running(settings) as (url, app):
        timeout = httpx.Timeout(CONTROL_TIMEOUT_S)
        async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as http:
            yield Simulator(url, app.state.world, http)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One request that a webhook got."""

    at: float
    path: str
    headers: dict[str, str]
    update: dict[str, Any]
    client_port: int


@dataclass(slots=True)
class WebhookReceiver:
    """A webhook that remembers what it got and answers as `answer` says."""

    answer: Callable[[Delivered], Response] = lambda _: Response()
    pause_s: float = 0.0
    delivered: list[Delivered] = field(default_factory=list)
    url: str = ""
    in_flight: int = 0
    in_flight_max: int = 0

    async def handle(self, request: Request) -> Response:
        at = asyncio.get_running_loop().time()
        update = json.loads(await request.body())
        delivered = Delivered(
            at=at,
            path=request.url.path,
            headers=dict(request.headers),
            update=update,
            client_port=request.client.port if request.client else 0,
        )
        self.delivered.append(delivered)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight, self.in_flight_max)
        await asyncio.sleep(self.pause_s)
        self.in_flight -= 1
        return self.answer(delivered)

    @property
    def texts(self) -> list[str]:
        return [one.update.get("message", {}).get("text", "") for one in self.delivered]


@asynccontextmanager
async def webhook_receiver(port: int = 0) -> AsyncIterator[WebhookReceiver]:
    """A webhook's server on its own port."""
    receiver = WebhookReceiver()
    app = Starlette(routes=[Route("/{path:path}", receiver.handle, methods=["POST"])])
    config = uvicorn.Config(app, access_log=False, log_level="warning", lifespan="off")
    async with serving(uvicorn.Server(config), "127.0.0.1", port) as url:
        receiver.url = url
        yield receiver
