"""docs/runbook.md: a section for every alert, and commands that work as they stand there."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.testing.world import USER_ID, VIOLATION, brought_to
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_operator.metrics import OperatorMetrics
from neurocards_worker.metrics import WorkerMetrics
from support.job_stream import made_stream
from support.ops_command import Ops
from support.postgres_world import PostgresWorld

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "charts" / "neurocards" / "files" / "alerts.yaml").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = list(
    dict.fromkeys(line for block in BLOCK.findall(RUNBOOK) for line in block.splitlines())
)
QUERIES = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
METRIC = re.compile(
    r"\b((?:neurocards|process|database|message)_\w+?)(?:_total|_sum|_count|_bucket)?\b(?!_)"
)
NEEDS_CLUSTER = ("logs", "workers scale", "stop", "restart")

OnWorld = Callable[[Callable[[PostgresWorld], Awaitable[Any]]], Any]


def test_every_alert_of_the_chart_has_its_section():
    alerts = re.findall(r"^  - alert: (\w+)$", ALERTS, re.MULTILINE)
    assert len(alerts) > 10
    assert [name for name in alerts if f"\n### {name}\n" not in RUNBOOK] == []


def test_the_runbook_names_every_group_of_commands():
    groups = {shlex.split(command)[2] for command in COMMANDS}
    assert groups >= {"doctor", "queue", "jobs", "keys", "user", "workers", "logs", "capacity"}
    assert groups >= {"db", "maintenance", "support-bundle", "stop", "restart", "recover"}


@pytest.mark.parametrize("section", ["High CPU", "High memory", "Slow queries"])
def test_a_symptom_has_its_section_with_metrics_that_there_are_and_commands(section: str):
    """S3-42, S3-43, G-18: the dashboards' names, as the processes give them."""
    text = RUNBOOK.partition(f"\n### {section}\n")[2].partition("\n### ")[0]
    queries = "\n".join(QUERIES.findall(text))
    named = set(METRIC.findall(queries))
    assert len(named) > 1
    assert named - _metrics() == set()
    assert BLOCK.findall(text)


def _metrics() -> set[str]:
    """Name every metric of the processes, without what its kind adds to the name."""
    registry = CollectorRegistry()
    for metrics in (BotMetrics, OutboxMetrics, WorkerMetrics, OperatorMetrics):
        metrics(registry)
    return {family.name for family in registry.collect()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_runbook_works_as_it_stands_there(
    *,
    ops: Ops,
    on_world: OnWorld,
    nats_url: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """G-18. Those for pods say that there is no cluster here, and nothing else goes wrong."""

    async def prepare(world: PostgresWorld) -> str:
        await world.keys.register(parse_keys({"KIE_API_KEY": "a"}))
        job = await brought_to(world, JobStatus.RENDERING)
        await world.jobs.fail(job.fence, VIOLATION)
        return str(job.id)

    monkeypatch.chdir(tmp_path)
    asyncio.run(made_stream(nats_url))
    job_id = on_world(prepare)
    told = command.replace("00000000-0000-0000-0000-000000000000", job_id)
    program, group, *words = shlex.split(told.replace(" 123", f" {USER_ID}"))
    assert (program, group) == ("neurocards", "ops")
    ran = ops(*words)
    if " ".join(words).startswith(NEEDS_CLUSTER) and "-f" not in words:
        assert (ran.code, "no cluster can be reached" in ran.err) == (1, True)
    elif words[:2] == ["jobs", "cancel"]:
        assert (ran.code, ran.out) == (
            1,
            "it is failed: a render that may be paid for is not cancelled\n",
        )
    else:
        assert (ran.code, ran.err) == (0, "")
