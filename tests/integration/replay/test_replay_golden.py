"""The rivals are exact: the emulators answer as the real programs did, vector by vector.

The vectors in tests/golden were written by the real controller of Kubernetes 1.36.4 and the real
cron scaler and scale executor of KEDA 2.21.0; `bench/golden` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neurocards.replay.cron import CronError
from neurocards.replay.hpa import (
    Autoscaler,
    ExternalMetric,
    HorizontalController,
    Pods,
    TargetType,
    behavior_from,
)
from neurocards.replay.keda import CronTrigger, ScaledObject, ScaleExecutor

GOLDEN = Path(__file__).parents[2] / "golden"
CRON_REPLICAS = 7
Sequence = tuple[dict[str, Any], list[dict[str, Any]]]


def sequences(name: str) -> list[Sequence]:
    """A line with a number opens a sequence; the lines up to the next one are its steps."""
    found: list[Sequence] = []
    for line in map(json.loads, (GOLDEN / name).read_text(encoding="utf-8").splitlines()):
        if "sequence" in line:
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found


def compare(name: str, answers: Callable[[Sequence], Iterator[int]], key: str) -> int:
    """Count the vectors; show the first ones that differ."""
    count, differing = 0, []
    for sequence in sequences(name):
        for step, answer in zip(sequence[1], answers(sequence), strict=True):
            count += 1
            if answer != step[key]:
                differing.append((sequence[0]["sequence"], step, answer))
    assert not differing, differing[:5]
    return count


def autoscaler_answers(sequence: Sequence) -> Iterator[int]:
    head, steps = sequence
    controller = HorizontalController(
        Autoscaler(
            min=head["min"],
            max=head["max"],
            metrics=tuple(
                ExternalMetric(metric["target_milli"], TargetType(metric["type"]))
                for metric in head["metrics"]
            ),
            behavior=behavior_from(head.get("behavior")),
            stabilization_s=head["stabilization_s"],
            tolerance=head["tolerance"],
        )
    )
    for step in steps:
        pods = Pods(spec=step["spec"], status=step["status"], ready=step["ready"])
        yield controller.reconcile(step["at"], pods, step["values_milli"])


def cron_trigger(head: dict[str, Any]) -> CronTrigger:
    return CronTrigger(
        start=head["start"],
        end=head["end"],
        time_zone=head["timezone"],
        replicas=CRON_REPLICAS,
    )


def cron_answers(sequence: Sequence) -> Iterator[int]:
    head, steps = sequence
    if not steps:
        return
    trigger = cron_trigger(head)
    for step in steps:
        yield trigger.value(step["at"])


def scaled_object_answers(sequence: Sequence) -> Iterator[int]:
    head, steps = sequence
    cooldown_s = 300 if head["cooldown_s"] is None else head["cooldown_s"]
    executor = ScaleExecutor(ScaledObject(head["min"], head["idle"], cooldown_s))
    for step in steps:
        yield executor.poll(
            step["at"], step["replicas"], active=step["active"], error=step["error"]
        )


def test_the_autoscaler_answers_as_the_real_controller_did():
    assert compare("hpa.jsonl", autoscaler_answers, "desired") >= 2000


def test_the_cron_trigger_answers_as_the_real_scaler_did():
    assert compare("cron.jsonl", cron_answers, "value") >= 2000


def test_the_scaled_object_answers_as_the_real_executor_did():
    assert compare("scaled_object.jsonl", scaled_object_answers, "desired") >= 1000


def test_a_cron_trigger_that_keda_refuses_is_refused():
    refused = [head for head, _ in sequences("cron.jsonl") if head.get("refused")]
    assert len(refused) > 10
    for head in refused:
        with pytest.raises(CronError):
            cron_trigger(head)


def test_the_vectors_reach_what_they_are_for():
    heads = [head for head, _ in sequences("hpa.jsonl")]
    steps = [step for _, steps in sequences("hpa.jsonl") for step in steps]
    assert any("behavior" not in head for head in heads)
    assert any("behavior" in head for head in heads)
    assert any(len(head["metrics"]) > 1 for head in heads)
    assert any(step["status"] > step["spec"] for step in steps), "no roll-out among them"
    assert any(None in step["values_milli"] for step in steps), "no lost metric among them"
    zones = {head["timezone"] for head, _ in sequences("cron.jsonl")}
    assert {"America/New_York", "Europe/Berlin", "Africa/Cairo"} <= zones
