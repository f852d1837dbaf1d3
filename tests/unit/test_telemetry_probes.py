"""Probes tell the truth about this process and never wait for ever."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from neurocards.telemetry.metrics import CommonMetrics
from neurocards.telemetry.probes import Check, Readiness, probe_routes


async def _fine() -> None:
    return


async def _refused() -> None:
    raise ConnectionRefusedError("postgresql://bot:hunter2@db")


async def _hangs() -> None:
    await asyncio.Event().wait()


async def test_ready_when_every_check_passes() -> None:
    status, body = await Readiness([Check("postgres", _fine), Check("nats", _fine)]).report()
    assert (status, body["status"]) == (200, "ready")


async def test_not_ready_when_one_check_fails_and_the_reason_holds_no_address() -> None:
    status, body = await Readiness([Check("postgres", _refused), Check("nats", _fine)]).report()
    assert (status, body["status"]) == (503, "not ready")
    checks = body["checks"]
    assert isinstance(checks, dict)
    assert checks["postgres"]["reason"] == "ConnectionRefusedError"
    assert checks["nats"]["ok"] is True
    assert "hunter2" not in str(body)


async def test_a_check_that_hangs_is_cut_off_at_its_own_limit() -> None:
    async with asyncio.timeout(10):
        status, body = await Readiness([Check("nats", _hangs, timeout_s=0.01)]).report()
    assert status == 503
    assert "no answer within 0.01 s" in str(body)


async def test_a_draining_process_is_not_ready() -> None:
    readiness = Readiness([Check("postgres", _fine)])
    readiness.start_draining()
    status, body = await readiness.report()
    assert (status, body["status"]) == (503, "draining")


async def test_being_alive_asks_nobody() -> None:
    readiness = Readiness([Check("postgres", _hangs, timeout_s=3600)])
    routes = {route.path: route for route in probe_routes(readiness, CollectorRegistry())}
    assert set(routes) == {"/metrics", "/livez", "/readyz", "/healthz"}
    response = await asyncio.wait_for(routes["/livez"].endpoint(None), timeout=10)
    assert response.status_code == 200


def test_metrics_keep_the_names_that_dashboards_know() -> None:
    registry = CollectorRegistry()
    metrics = CommonMetrics(registry)
    metrics.notifications_sent_total.labels("delivered", "true").inc()
    metrics.api_requests_total.labels("/queue_stats", "GET", "200").inc()
    metrics.database_query_seconds.labels("claim_job").observe(0.003)
    metrics.database_connections.labels("main", "busy").set(3)
    samples = {
        sample.name: sample.value for metric in registry.collect() for sample in metric.samples
    }
    assert samples["notifications_sent_total"] == 1
    assert samples["api_requests_total"] == 1
    assert samples["database_query_seconds_count"] == 1
    assert samples["database_connections"] == 3
    assert samples["neurocards_build_info"] == 1


def test_two_processes_in_one_interpreter_count_apart() -> None:
    first, second = CommonMetrics(CollectorRegistry()), CommonMetrics(CollectorRegistry())
    first.queue_reconnects_total.inc()
    value = second.registry.get_sample_value("neurocards_queue_reconnects_total")
    assert value == 0
