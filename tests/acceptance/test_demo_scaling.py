"""The demo scales its workers as the operator would: more for a crowd, fewer afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from neurocards.domain.scaling_policy import (
    Behavior,
    Evaluation,
    ForecastMode,
    ForecastRule,
    Headroom,
    Objective,
    Replicas,
    ScalingPolicy,
)
from neurocards_sandbox.chat.jobs import JobReader, JobView
from neurocards_sandbox.demo import board
from neurocards_sandbox.demo.crowd import Crowd
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.session import EXIT_USAGE, run_demo
from neurocards_sandbox.demo.stack import DemoStack

ORDERS = 12
WAIT_S = 600.0
POLICY = ScalingPolicy(
    name="demo",
    replicas=Replicas(min=1, base=1, max=3),
    jobs_per_replica=2,
    slo=Objective(wait_s=2, headroom=Headroom.DISABLED),
    forecast=ForecastRule(mode=ForecastMode.DISABLED),
    behavior=Behavior(down_hold_s=3),
    evaluation=Evaluation(interval_s=1, stale_after_s=30),
)


async def until(condition: Callable[[], Any], watching: asyncio.Task[None]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert not watching.done(), watching.exception()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    return found


async def until_all_ended(
    crowd: Crowd, database_url: str, watching: asyncio.Task[None]
) -> Sequence[JobView]:
    """Give the jobs of a crowd when all of its orders are accepted and have ended."""
    deadline = time.monotonic() + WAIT_S
    async with JobReader(database_url) as jobs:
        while True:
            found = [job for user in crowd.user_ids for job in await jobs.of_user(user)]
            if len(found) == ORDERS and all(job.is_finished for job in found):
                return found
            assert not watching.done(), watching.exception()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)


async def explanation(database_url: str) -> dict[str, Any]:
    """Ask the command in a process of its own, as a person would."""
    command = ["-m", "neurocards.cli", "scaling", "explain", "demo", "-n", "demo", "--database"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *("--output", "json"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NEUROCARDS_DATABASE_URL": database_url},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    explained: dict[str, Any] = json.loads(out)
    return explained


async def test_workers_come_with_a_crowd_and_go_after_it_and_no_order_is_lost(
    tmp_path: Path,
):
    """Orders through the bot by invented users; each gets his video although workers were ended."""
    options = DemoOptions(
        data_dir=tmp_path / "data", port=0, render_s=8.0, height_max=240, policy=POLICY
    )
    async with DemoStack(options, lambda _words: None) as stack:
        watching = asyncio.create_task(stack.watch())
        file = stack.plan.scaling_file
        first = await until(lambda: board.read(file), watching)
        assert (first["workers"]["wanted"], first["reason"]) == (1, "Base")

        crowd = Crowd(stack.telegram_url, bot_id=stack.plan.secrets.bot_id, orders=ORDERS)
        assert crowd.begin(1, "en")
        assert not crowd.begin(1, "en")
        await until(lambda: stack.fleet.replicas == POLICY.replicas.max, watching)
        found = await until_all_ended(crowd, stack.plan.page_database_url, watching)
        assert [job.status for job in found] == ["done"] * ORDERS
        await until(lambda: stack.fleet.replicas == 1 and not stack.fleet.going, watching)
        assert crowd.progress is not None
        assert crowd.progress.as_json() == {"wanted": ORDERS, "accepted": ORDERS, "refused": 0}

        explained = await explanation(stack.plan.operator_url)
        assert explained["replicas"] == 1
        assert {"Base", "Objective", "ReplicasMax"} <= {
            reason["source"] for reason in explained["reasons"]
        }
        watching.cancel()
        await asyncio.wait({watching})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Deployment", "is no policy"),
        ("spec: {replicas: {min: 1, max: 17}}", "more than the 16 workers of a demo"),
    ],
)
def test_a_policy_that_the_demo_cannot_follow_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
):
    """With exit code 2 and a sentence."""
    head = "apiVersion: neurocards.io/v1alpha1\n"
    head += "" if text.startswith("kind") else "kind: NeurocardsScaling\n"
    policy = tmp_path / "policy.yaml"
    policy.write_text(head + text, encoding="utf-8")
    assert run_demo(DemoOptions(data_dir=tmp_path / "data", port=0), policy) == EXIT_USAGE
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
