"""`neurocards ops` on a real API server: workers scaled, stopped and started again by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from tools.cluster.api import KubernetesApi

from neurocards.scaling_policies import API_VERSION, KIND
from support.ops_command import Ran, ops_command
from support.scaling_objects import Tree, scaling
from support.statements import load

SQL = load("operations")
APPS, DEPLOYMENT = "apps/v1", "Deployment"
TARGET = {"apiVersion": APPS, "kind": DEPLOYMENT, "name": "neurocards-worker"}
BEFORE_STOP = "neurocards.io/replicas-before-stop"

Ops = Callable[..., Awaitable[Ran]]


class ClusterOfTests(Protocol):
    @property
    def kubeconfig(self) -> Path: ...


def _deployment(component: str, replicas: int) -> Tree:
    ours = {
        "app.kubernetes.io/part-of": "neurocards",
        "app.kubernetes.io/component": component,
    }
    container = {"name": component, "image": "example.invalid/neurocards:none"}
    return {
        "apiVersion": APPS,
        "kind": DEPLOYMENT,
        "metadata": {"name": f"neurocards-{component}", "labels": ours},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": ours},
            "template": {"metadata": {"labels": ours}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture
async def ops(
    *,
    cluster: ClusterOfTests,
    api: KubernetesApi,
    namespace: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ops:
    """The command, and a release with three bots, five workers and a scaling object."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("NEUROCARDS_OPS_NAMESPACE", namespace)
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", database_url)
    await api.create(scaling({"scaleTargetRef": TARGET}), namespace=namespace)
    for component, replicas in (("bot", 3), ("worker", 5)):
        await api.create(_deployment(component, replicas), namespace=namespace)
    command = ops_command(monkeypatch, capsys)

    async def run(*words: str) -> Ran:
        return await asyncio.to_thread(command, *words)

    return run


async def _override(api: KubernetesApi, namespace: str) -> Tree | None:
    tree = await api.read(API_VERSION, KIND, "workers", namespace=namespace)
    found: Tree | None = tree["spec"].get("override")
    return found


async def test_workers_are_scaled_by_hand_for_a_while(
    ops: Ops, api: KubernetesApi, namespace: str, pool: asyncpg.Pool
):
    """S0-6, S0-8, S0-9, S2-12: the policy decides again when the time is over, or when told so."""
    before = datetime.now(UTC)
    scaled = await ops("workers", "scale", "7", "--for", "1h", "-o", "json")
    assert (scaled.code, scaled.err) == (0, "")
    override = await _override(api, namespace)
    assert override is not None
    assert override["replicas"] == 7
    lasts_s = (datetime.fromisoformat(override["until"]) - before).total_seconds()
    assert 3590 < lasts_s < 3700
    assert (await ops("workers", "scale", "--auto")).out == "the policy decides again\n"
    assert await _override(api, namespace) is None
    rows = [(row["action"], row["result"]) for row in await pool.fetch(SQL["operations"])]
    assert rows == [("workers.scale", "begun"), ("workers.scale", "done")] * 2


async def test_a_step_counts_from_what_runs_now(ops: Ops, api: KubernetesApi, namespace: str):
    """S2-19"""
    unknown = await ops("workers", "scale", "+2")
    assert (unknown.code, "give a number" in unknown.err) == (1, True)
    status = {"status": {"replicas": 5}}
    await api.patch(API_VERSION, KIND, "workers", status, namespace=namespace, part="/status")
    for step, expected in (("+2", 7), ("-2", 3), ("-9", 0)):
        assert (await ops("workers", "scale", step)).code == 0
        override = await _override(api, namespace)
        assert override is not None
        assert override["replicas"] == expected


async def test_what_runs_is_shown_beside_the_leases(ops: Ops):
    """S0-7, S1-27"""
    seen = (await ops("workers", "status", "-o", "json")).json
    assert seen["scaling"]["mode"] == "Auto"
    rows = {(row["component"], row["replicas"]) for row in seen["deployments"]}
    assert rows == {("bot", 3), ("worker", 5)}


async def test_everything_is_stopped_and_started_again_as_it_was(
    ops: Ops, api: KubernetesApi, namespace: str
):
    """S2-17, S2-18: both can be repeated."""

    async def bot() -> Tree:
        return await api.read(APPS, DEPLOYMENT, "neurocards-bot", namespace=namespace)

    for _ in range(2):
        assert (await ops("stop", "--bot")).code == 0
        override = await _override(api, namespace)
        assert override is not None
        assert override["replicas"] == 0
        stopped = await bot()
        assert stopped["spec"]["replicas"] == 0
        assert stopped["metadata"]["annotations"][BEFORE_STOP] == "3"
    for _ in range(2):
        restarted = await ops("restart", "-o", "json")
        assert sorted(restarted.json["result"]["restarted"]) == [
            "neurocards-bot",
            "neurocards-worker",
        ]
        assert await _override(api, namespace) is None
        started = await bot()
        assert started["spec"]["replicas"] == 3
        assert BEFORE_STOP not in started["metadata"].get("annotations", {})
        stamp = started["spec"]["template"]["metadata"]["annotations"]
        assert "kubectl.kubernetes.io/restartedAt" in stamp


async def test_what_the_server_refuses_is_a_sentence_and_stands_in_the_record(
    ops: Ops, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEUROCARDS_OPS_SCALING_NAME", "nobody")
    ran = await ops("workers", "scale", "5")
    assert (ran.code, ran.out) == (1, "")
    assert "the API server refused: 404" in ran.err
    results = [row["result"] for row in await pool.fetch(SQL["operations"])]
    assert results == ["begun", "failed: the API server refused: 404 Not Found"]


async def test_without_pods_there_are_no_lines(ops: Ops):
    """S0-15, S2-11"""
    ran = await ops("logs", "operator")
    assert (ran.code, ran.out) == (0, "")
