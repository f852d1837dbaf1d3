"""`/metrics`, `/livez` and `/readyz` of a process, on a port of their own.

It is served in the loop of the process and never touches its signals. `/livez` says that the
loop turns, and where a process says more about its loops, that they turn, too; nothing else: a
process must not be restarted because PostgreSQL is away. `/readyz`
runs the checks and says no while one fails or the process drains.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from neurocards.errors import ConfigurationError
from neurocards.settings import Telemetry

log = structlog.get_logger(__name__)

SHUTDOWN_S = 1
_READY = 200
_NOT_READY = 503


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must work before this process can do its part; `run` raises if it does not."""

    name: str
    run: Callable[[], Awaitable[object]]
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    name: str
    ok: bool
    took_ms: float
    reason: str = ""
    """What kind of error it was: anybody may read that."""
    text: str = ""
    """The whole error, which may hold addresses and passwords; only for those who may know them."""


class Readiness:
    """Whether this process can do its part now, and whether it lives at all.

    `is_alive` is for a process whose loops may stand still while it goes on answering.
    """

    def __init__(
        self, checks: Sequence[Check] = (), *, is_alive: Callable[[], bool] = lambda: True
    ) -> None:
        self._checks = tuple(checks)
        self._draining = False
        self.is_alive = is_alive

    def start_draining(self) -> None:
        """Say no from now on: this process finishes what it has and takes nothing new."""
        self._draining = True

    async def report(self) -> tuple[int, dict[str, object]]:
        """Run all checks at once; give the HTTP status and the body."""
        results = await run_checks(self._checks)
        checks = {
            result.name: {"ok": result.ok, "took_ms": result.took_ms}
            | ({"reason": result.reason} if result.reason else {})
            for result in results
        }
        if self._draining:
            return _NOT_READY, {"status": "draining", "checks": checks}
        if all(result.ok for result in results):
            return _READY, {"status": "ready", "checks": checks}
        return _NOT_READY, {"status": "not ready", "checks": checks}


async def run_checks(checks: Sequence[Check]) -> Sequence[CheckResult]:
    """Run all of them at once; none raises, none takes longer than it may."""
    return await asyncio.gather(*(_run(check) for check in checks))


async def _run(check: Check) -> CheckResult:
    started = time.perf_counter()
    reason = text = ""
    try:
        async with asyncio.timeout(check.timeout_s):
            await check.run()
    except TimeoutError:
        reason = text = f"no answer within {check.timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check raises, the answer is no
        # The text may hold an address with a password; the kind tells enough.
        reason, text = type(error).__name__, str(error)
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    return CheckResult(check.name, not reason, took_ms, reason, text)


def probe_routes(readiness: Readiness, registry: CollectorRegistry) -> list[Route]:
    """Give the routes, for a process that serves them on a port it has already."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type)

    async def livez(_request: Request) -> Response:
        if readiness.is_alive():
            return JSONResponse({"status": "alive"})
        return JSONResponse({"status": "stuck"}, status_code=_NOT_READY)

    async def readyz(_request: Request) -> Response:
        status, body = await readiness.report()
        return JSONResponse(body, status_code=status)

    return [
        Route("/metrics", metrics),
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/healthz", readyz),
    ]


class ProbeServer:
    """Serves the probes from entering to leaving the context; `port` is the real one."""

    def __init__(
        self, settings: Telemetry, readiness: Readiness, registry: CollectorRegistry
    ) -> None:
        self._settings = settings
        app = Starlette(routes=probe_routes(readiness, registry))
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        listener = _listen(self._settings.metrics_host, self._settings.metrics_port)
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="probes")
        log.info("probes.listening", host=self._settings.metrics_host, port=self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._server.should_exit = True
            await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process: it has work to hand over before it ends."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        fault = f"NEUROCARDS_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigurationError(fault) from error
    listener.setblocking(False)
    return listener
