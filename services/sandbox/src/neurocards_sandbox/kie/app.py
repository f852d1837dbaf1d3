"""Wires the simulator into one FastAPI app: API, upload host and result host under one address.

Invariant: starting it makes no connection; ending it ends every process and task it began.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from neurocards_sandbox.kie.envelopes import Envelopes
from neurocards_sandbox.kie.gate import Gate
from neurocards_sandbox.kie.routes_control import control_router
from neurocards_sandbox.kie.routes_files import files_router
from neurocards_sandbox.kie.routes_jobs import jobs_router
from neurocards_sandbox.kie.settings import KieSandboxSettings
from neurocards_sandbox.kie.simulator import KieSimulator
from neurocards_sandbox.simulation.edge import RequestLog, SandboxEdge

CONNECTIONS_MAX = 128


def create_app(settings: KieSandboxSettings) -> FastAPI:
    """Give the app; it needs a server that runs the lifespan."""
    log = RequestLog()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            folder = settings.data_dir
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
            client = httpx.AsyncClient(limits=limits, trust_env=False)
            http = await stack.enter_async_context(client)
            simulator = KieSimulator(settings, folder, http)
            stack.push_async_callback(simulator.close)
            await simulator.start()
            _mount(app, simulator, http, log)
            yield

    app = FastAPI(title="KIE simulator", lifespan=lifespan, docs_url="/sim/docs", redoc_url=None)
    app.add_middleware(SandboxEdge, log=log)
    return app


def _mount(app: FastAPI, simulator: KieSimulator, http: httpx.AsyncClient, log: RequestLog) -> None:
    envelopes = Envelopes(http_status_from_code=simulator.settings.http_status_from_code)
    gate = Gate(simulator, envelopes)
    app.include_router(jobs_router(simulator, envelopes, gate))
    app.include_router(files_router(simulator, gate, http))
    app.include_router(control_router(simulator, log))
