"""The probes over real HTTP, in the loop of a process that keeps its own signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry

from neurocards.errors import ConfigurationError
from neurocards.settings import Telemetry
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.telemetry.probes import Check, ProbeServer, Readiness


def _settings(port: int = 0) -> Telemetry:
    return Telemetry(metrics_host="127.0.0.1", metrics_port=port)


async def _fine() -> None:
    return


async def test_probes_and_metrics_are_served_on_a_free_port() -> None:
    registry = CollectorRegistry()
    CommonMetrics(registry).queue_reconnects_total.inc()
    readiness = Readiness([Check("nats", _fine)])
    async with (
        ProbeServer(_settings(), readiness, registry) as server,
        httpx.AsyncClient() as client,
    ):
        client.base_url = httpx.URL(f"http://127.0.0.1:{server.port}")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/livez")).json() == {"status": "alive"}
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=")
        assert "neurocards_queue_reconnects_total 1.0" in metrics.text
        readiness.start_draining()
        drained = await client.get("/readyz")
        assert (drained.status_code, drained.json()["status"]) == (503, "draining")
        assert (await client.get("/livez")).status_code == 200


async def test_the_process_keeps_its_own_signals() -> None:
    heard = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.set)
    try:
        async with ProbeServer(_settings(), Readiness(), CollectorRegistry()):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(heard.wait(), timeout=10)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with ProbeServer(_settings(port), Readiness(), CollectorRegistry()):
                pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with ProbeServer(_settings(), Readiness(), CollectorRegistry()) as server:
        port = server.port
    async with ProbeServer(_settings(port), Readiness(), CollectorRegistry()) as again:
        assert again.port == port
