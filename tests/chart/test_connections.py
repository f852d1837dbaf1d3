"""Pods times pools: what the processes open, what the chart counts, and what a server holds."""

from __future__ import annotations

import ast
import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import neurocards_bot.app
import neurocards_bot.settings
import neurocards_operator.app
import neurocards_operator.settings
import neurocards_worker.app
import neurocards_worker.settings
from neurocards.adapters.nats.connection import NatsConnection
from neurocards_sandbox.chat.jobs import JobReader
from support.chart import (
    CLOUD_NATIVE_PG,
    DEMO,
    EXTERNAL,
    FOLDER,
    PROMETHEUS,
    WEBHOOK,
    Chart,
    Manifest,
    RefusedError,
    Rendered,
    environment,
    main_container,
    merged,
)

SUPERUSERS = 3
"""`superuser_reserved_connections` of PostgreSQL."""
WORKERS_MANY = 900
"""More than any server holds."""
PROFILES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "demo": (DEMO, []),
    "polling": (EXTERNAL, []),
    "webhook": (merged(EXTERNAL, WEBHOOK), []),
    "small": (merged(EXTERNAL, WEBHOOK), ["values-small.yaml"]),
    "production": (merged(EXTERNAL, WEBHOOK), ["values-production.yaml"]),
    "large": (merged(EXTERNAL, WEBHOOK), ["values-production.yaml", "values-large.yaml"]),
}
BESIDE: dict[str, dict[str, Any]] = {
    "canary": {"worker": {"canary": {"enabled": True, "replicas": 3}}},
    "colours": {"bot": {"blueGreen": {"enabled": True, "green": {"replicas": 2}}}},
    "overflow": {
        "bot": {"database": {"maxOverflow": 3}},
        "worker": {"database": {"maxOverflow": 5}},
        "operator": {"replicas": 5, "database": {"maxOverflow": 7}},
    },
    "no operator": {"operator": {"enabled": False}, "scaling": {"enabled": False}},
    "no bot": {"bot": {"enabled": False}},
}
GIVEN = {"NEUROCARDS_TELEGRAM_TOKENS": "1:a", "DB_PASS": "p", "KIE_API_KEY": "k"}


class StoppedError(Exception):
    """The process has opened its pools and comes to NATS."""


@dataclass(frozen=True, slots=True)
class Process:
    load: Callable[[], Any]
    serve: Callable[[Any, asyncio.Event], Awaitable[None]]
    sources: Path


PROCESSES = {
    "bot": Process(
        neurocards_bot.settings.load, neurocards_bot.app.run, Path(neurocards_bot.app.__file__)
    ),
    "worker": Process(
        neurocards_worker.settings.load,
        neurocards_worker.app.serve,
        Path(neurocards_worker.app.__file__),
    ),
    "operator": Process(
        neurocards_operator.settings.load,
        neurocards_operator.app.serve,
        Path(neurocards_operator.app.__file__),
    ),
}


def sizes_of_the_pools(process: Process, container: Manifest) -> list[int]:
    """Start the process with the variables of its container until it wants NATS."""
    sizes: list[int] = []
    real = asyncpg.create_pool

    def create_pool(*words: Any, **options: Any) -> asyncpg.Pool:
        sizes.append(options["max_size"])
        return real(*words, **options)

    async def stop(_self: NatsConnection) -> None:
        raise StoppedError

    with pytest.MonkeyPatch.context() as patch:
        for name, entry in environment(container).items():
            patch.setenv(name, entry.get("value", GIVEN.get(name, "a-secret-of-the-test")))
        patch.delenv("PGSSLROOTCERT", raising=False)
        patch.setattr(asyncpg, "create_pool", create_pool)
        patch.setattr(NatsConnection, "__aenter__", stop)
        with pytest.raises(StoppedError):
            asyncio.run(_start(process))
    return sizes


async def _start(process: Process) -> None:
    await process.serve(process.load(), asyncio.Event())


def pools_in_the_sources(folder: Path) -> int:
    """Count the places of a package that open a pool or a connection that stays."""
    calls = [
        node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    return sum(name in ("open_database", "create_pool") for name in calls)


def pods(deployment: Manifest, workers_max: int) -> int:
    """Give the pods that a Deployment may have, while it is rolled out."""
    spec = deployment["spec"]
    replicas = spec.get("replicas", workers_max)
    strategy = spec.get("strategy", {})
    if strategy.get("type") == "Recreate":
        return int(replicas)
    surge = strategy.get("rollingUpdate", {}).get("maxSurge", "25%")
    if isinstance(surge, str):
        surge = math.ceil(replicas * int(surge.rstrip("%")) / 100)
    return int(replicas + surge)


def needed(rendered: Rendered, reserved: int) -> int:
    """Multiply the pods of what was rendered by the pools of the code."""
    scaling = rendered.kind("NeurocardsScaling")
    workers_max = scaling[0]["spec"]["replicas"]["max"] if scaling else 0
    total = reserved
    for deployment in rendered.kind("Deployment"):
        container = main_container(deployment)
        if container["name"] == "sandbox":
            total += chat_page()
            continue
        sizes = sizes_of_the_pools(PROCESSES[container["name"]], container)
        total += pods(deployment, workers_max) * sum(sizes)
    return total


def chat_page() -> int:
    """Give the connections of the demo's page."""

    async def size() -> int:
        return int(JobReader("postgresql://nowhere/")._pool.get_max_size())

    return asyncio.run(size())


def render(chart: Chart, profile: str, *layers: dict[str, Any]) -> Rendered:
    values, files = PROFILES[profile]
    return chart.render(
        values,
        *layers,
        files=[FOLDER / name for name in files],
        api=[CLOUD_NATIVE_PG, PROMETHEUS],
    )


def counted(chart: Chart, profile: str, layers: Sequence[dict[str, Any]]) -> int:
    """Ask the chart for its number, by a server that is too small for anything."""
    with pytest.raises(RefusedError) as refused:
        render(chart, profile, *layers, {"database": {"maxConnections": 20}})
    found = re.search(r"may need (\d+) connections", str(refused.value))
    assert found, refused.value
    return int(found[1])


@pytest.mark.parametrize("component", PROCESSES)
def test_no_pool_of_a_process_is_overlooked(chart_once: Chart, component: str) -> None:
    """One that is opened later than NATS, or beside the others, would be missing below."""
    container = main_container(
        render(chart_once, "webhook").find("Deployment", f"neurocards-{component}")
    )
    process = PROCESSES[component]
    sizes = sizes_of_the_pools(process, container)
    assert len(sizes) == pools_in_the_sources(process.sources.parent)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_chart_counts_what_the_processes_open(chart_once: Chart, profile: str) -> None:
    """C-22: pods of a rolling update times the pools of the code, and the reserve."""
    assert counted(chart_once, profile, []) == needed(render(chart_once, profile), 10)


@pytest.mark.parametrize("beside", BESIDE)
def test_the_chart_counts_what_stands_beside_as_well(chart_once: Chart, beside: str) -> None:
    """Canaries, both colours, overflowing pools; and nothing for what is not there."""
    room: dict[str, Any] = {"database": {"maxConnections": 1000, "reservedConnections": 17}}
    layers = (BESIDE[beside], room)
    rendered = render(chart_once, "webhook", *layers)
    assert counted(chart_once, "webhook", layers) == needed(rendered, 17)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_fits_its_server_up_to_the_last_connection(
    chart_once: Chart, profile: str
) -> None:
    """C-22: as it is, and on a server that has not one connection to spare."""
    assert render(chart_once, profile).kind("Deployment")
    least = counted(chart_once, profile, []) + SUPERUSERS
    assert render(chart_once, profile, {"database": {"maxConnections": least}}).manifests
    with pytest.raises(RefusedError, match=r"database\.maxConnections"):
        render(chart_once, profile, {"database": {"maxConnections": least - 1}})


@pytest.mark.parametrize("profile", PROFILES)
def test_one_worker_more_than_fits_is_refused(chart_once: Chart, profile: str) -> None:
    """C-22: the most workers that a profile's server holds, and one more."""

    def workers(most: int) -> dict[str, Any]:
        return {"scaling": {"spec": {"replicas": {"max": most}}}}

    rendered = render(chart_once, profile)
    planned = rendered.find("NeurocardsScaling", "workers")["spec"]["replicas"]["max"]
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    each = sum(sizes_of_the_pools(PROCESSES["worker"], worker))
    with pytest.raises(RefusedError) as refused:
        render(chart_once, profile, workers(WORKERS_MANY))
    told = re.search(r"may need (\d+) connections, and (\d+) of", str(refused.value))
    assert told
    fitting = WORKERS_MANY - math.ceil((int(told[1]) - int(told[2])) / each)
    assert planned <= fitting
    assert render(chart_once, profile, workers(fitting)).manifests
    with pytest.raises(RefusedError, match=r"database\.maxConnections"):
        render(chart_once, profile, workers(fitting + 1))
