"""Wires the simulator into a FastAPI app. It keeps nothing on disk and connects to nobody."""

from __future__ import annotations

from fastapi import FastAPI

from neurocards_sandbox.openai.routes_api import api_router
from neurocards_sandbox.openai.routes_control import control_router
from neurocards_sandbox.openai.settings import OpenAiSandboxSettings
from neurocards_sandbox.openai.simulator import OpenAiSimulator
from neurocards_sandbox.simulation.edge import RequestLog, SandboxEdge


def create_app(settings: OpenAiSandboxSettings) -> FastAPI:
    """Give the app; the client's base_url is its address + `/v1`."""
    log = RequestLog()
    simulator = OpenAiSimulator(settings)
    app = FastAPI(title="OpenAI simulator", docs_url="/sim/docs", redoc_url=None)
    app.include_router(api_router(simulator))
    app.include_router(control_router(simulator, log))
    app.add_middleware(SandboxEdge, log=log)
    return app
