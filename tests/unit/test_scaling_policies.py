"""Reading a NeurocardsScaling: every field, and every fault by the name of its field."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from neurocards.domain.scaling_policy import (
    Behavior,
    Evaluation,
    ForecastMode,
    ForecastRule,
    Headroom,
    HighLevel,
    IdleRule,
    Limits,
    LowLevel,
    Mode,
    Objective,
    Override,
    ProviderLimit,
    QueueRules,
    QueueStep,
    Replicas,
    ScalingPolicy,
    Target,
    WaitStep,
)
from neurocards.domain.schedule import Schedule
from neurocards.errors import ConfigurationError
from neurocards.scaling_policies import PolicyError, load_policy, read_policy
from support.scaling_documents import EVERYTHING
from support.scaling_pool import POLICIES

NIGHT = {"name": "a", "timeZone": "UTC", "start": "0 0 * * *", "end": "0 1 * * *"}
LEAP = {**NIGHT, "start": "0 0 30 2 *", "min": 1}
A_DURATION = "must be a duration such as 90s, 15m or 1h30m"


def tree() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(EVERYTHING))


def spec(**values: Any) -> dict[str, Any]:
    return {"apiVersion": "neurocards.io/v1alpha1", "kind": "NeurocardsScaling", "spec": values}


def faults(document: object) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        read_policy(document)
    assert str(refused.value) == "\n".join(str(fault) for fault in refused.value.faults)
    return str(refused.value).splitlines()


def test_every_field_is_read():
    assert read_policy(tree()) == ScalingPolicy(
        name="workers",
        target=Target("apps/v1", "StatefulSet", "renderers"),
        pool="default",
        mode=Mode.OBSERVE,
        replicas=Replicas(1, 2, 100),
        jobs_per_replica=7,
        queue=QueueRules(
            (QueueStep(100, 10), QueueStep(500, 20)),
            (WaitStep(900, 10),),
            (HighLevel(200, 50),),
            (LowLevel(10, 10),),
        ),
        slo=Objective(10, 90, Headroom.DISABLED),
        schedules=(
            Schedule("evening", "Europe/Moscow", "0 19 * * *", "0 23 * * *", 50),
            Schedule("eve", "Europe/Moscow", "2026-12-31T18:00", "2027-01-01T04:00", None, 9),
        ),
        forecast=ForecastRule(ForecastMode.AUTO, 1800),
        idle=IdleRule(5400, 250),
        behavior=Behavior(5, 90, 50),
        limits=Limits(ProviderLimit.AUTO, 480),
        evaluation=Evaluation(20, 90),
        override=Override(0, datetime(2026, 12, 31, 20, tzinfo=UTC)),
    )


def test_what_is_left_out_has_its_default():
    assert read_policy(spec()) == ScalingPolicy()
    assert read_policy(spec(replicas={"min": 3})).replicas == Replicas(3, 3, 100)
    assert read_policy(spec(slo=None, idle=None, override=None, queue=None)) == ScalingPolicy()
    assert read_policy(spec(limits={"providerConcurrency": 600})).limits == Limits(600)
    assert read_policy(spec(jobsPerReplica=7.0)).jobs_per_replica == 7
    assert read_policy(spec(idle={"after": "1h"})).idle == IdleRule(3600, 500)
    assert read_policy(spec(idle={"after": "1h", "factor": "0"})).idle == IdleRule(3600, 0)


def test_an_instant_without_quotes_is_an_instant_too():
    document = yaml.safe_load(EVERYTHING.replace('"2026-12-31T20:00:00Z"', "2026-12-31T20:00:00Z"))
    assert read_policy(document) == read_policy(tree())


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_ready_made_policy_is_a_policy(path: Path):
    assert load_policy(path).faults == ()


def test_the_ready_made_policies_are_those_of_the_documentation():
    names = {path.stem for path in POLICIES.glob("*.yaml")}
    assert names == {"absolute", "classic", "single", "single-lean", "small", "standard"}


def test_the_two_single_policies_differ_in_what_they_promise():
    rich, lean = load_policy(POLICIES / "single.yaml"), load_policy(POLICIES / "single-lean.yaml")
    assert (rich.jobs_per_replica, lean.jobs_per_replica) == (1, 1)
    assert rich.replicas == lean.replicas == Replicas(0, 0, 50)
    assert rich.slo == Objective(5, 95, Headroom.AUTO)
    assert lean.slo == Objective(15, 95, Headroom.DISABLED)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("mode", "auto", "spec.mode: must be one of Auto, Observe, Paused, not 'auto'"),
        ("pool", 3, "spec.pool: must be of type text, not 3"),
        ("jobsPerReplica", 0, "spec.jobsPerReplica: must be 1-10000, not 0"),
        ("jobsPerReplica", True, "spec.jobsPerReplica: must be of type integer, not True"),
        ("jobsPerReplica", 2.5, "spec.jobsPerReplica: must be of type integer, not 2.5"),
        ("jobsPerReplica", "20", "spec.jobsPerReplica: must be of type integer, not '20'"),
        ("replicas", {"max": 0}, "spec.replicas.max: must be 1-100000, not 0"),
        ("replicas", {"min": 9, "max": 5}, "spec.replicas.min: is above max (5)"),
        (
            "replicas",
            {"min": 1, "base": 9, "max": 5},
            "spec.replicas.base: is outside min-max (1-5)",
        ),
        ("replicas", 5, "spec.replicas: must be a mapping of fields"),
        ("queue", {"steps": 3}, "spec.queue.steps: must be of type list, not 3"),
        ("queue", {"steps": [{"add": 3}]}, "spec.queue.steps[0].queuedAbove: is missing"),
        (
            "queue",
            {"steps": [{"queuedAbove": 1, "add": 0}]},
            "spec.queue.steps[0].add: must be 1-100000, not 0",
        ),
        ("queue", {"steps": [7]}, "spec.queue.steps[0]: must be a mapping of fields"),
        ("queue", {"waitSteps": [{"add": 3}]}, "spec.queue.waitSteps[0].waitAbove: is missing"),
        (
            "queue",
            {"waitSteps": [{"waitAbove": 15, "add": 3}]},
            f"spec.queue.waitSteps[0].waitAbove: {A_DURATION}, not 15",
        ),
        (
            "queue",
            {"levels": [{"replicas": 3}]},
            "spec.queue.levels[0]: must have exactly one of queuedAbove and queuedBelow",
        ),
        (
            "queue",
            {"levels": [{"queuedAbove": 5, "queuedBelow": 3, "replicas": 3}]},
            "spec.queue.levels[0]: must have exactly one of queuedAbove and queuedBelow",
        ),
        ("slo", {"percentile": 95}, "spec.slo.wait: is missing"),
        (
            "slo",
            {"wait": ""},
            f"spec.slo.wait: {A_DURATION}, not ''",
        ),
        ("slo", {"wait": "9000h"}, "spec.slo.wait: must be 0-31622400 seconds, not '9000h'"),
        (
            "slo",
            {"wait": "5s", "percentile": 100},
            "spec.slo.percentile: must be 50-99, not 100",
        ),
        (
            "slo",
            {"wait": "5s", "headroom": False},
            "spec.slo.headroom: must be one of Disabled, Auto, not False",
        ),
        (
            "schedules",
            [LEAP],
            "spec.schedules[0].start: '0 0 30 2 *' names a day that never comes: day 30 of month 2",
        ),
        (
            "schedules",
            [
                {
                    "name": "a",
                    "timeZone": "MSK-3",
                    "start": "0 0 * * *",
                    "end": "0 1 * * *",
                    "min": 1,
                }
            ],
            "spec.schedules[0].timeZone: names no zone of the time zone database: 'MSK-3'",
        ),
        (
            "schedules",
            [NIGHT],
            "spec.schedules[0]: has neither min nor max, so it says nothing",
        ),
        (
            "schedules",
            [{**NIGHT, "min": 1}, {**NIGHT, "max": 1}],
            "spec.schedules[1].name: 'a' is there already",
        ),
        (
            "schedules",
            [{**NIGHT, "min": 9, "max": 5}],
            "spec.schedules[0].min: is above the max of its window (5)",
        ),
        (
            "schedules",
            [{**NIGHT, "timeZone": None, "min": 1}],
            "spec.schedules[0].timeZone: is missing",
        ),
        ("schedules", [{}] * 33, "spec.schedules: has 33 entries, more than 32"),
        (
            "forecast",
            {"horizon": "5s"},
            "spec.forecast.horizon: must be 60-31622400 seconds, not '5s'",
        ),
        ("idle", {"factor": "0.5"}, "spec.idle.after: is missing"),
        (
            "idle",
            {"after": "1h", "factor": "1.5"},
            'spec.idle.factor: must be text from "0" to "0.999", not \'1.5\'',
        ),
        (
            "idle",
            {"after": "1h", "factor": 0.5},
            "spec.idle.factor: must be of type text, not 0.5",
        ),
        (
            "behavior",
            {"scaleDown": {"maxPercent": 0}},
            "spec.behavior.scaleDown.maxPercent: must be 1-100, not 0",
        ),
        (
            "limits",
            {"providerConcurrency": "auto"},
            "spec.limits.providerConcurrency: must be Auto or a number of renders at a time",
        ),
        (
            "limits",
            {"providerConcurrency": 0},
            "spec.limits.providerConcurrency: must be 1-10000000, not 0",
        ),
        (
            "evaluation",
            {"interval": "0s"},
            "spec.evaluation.interval: must be 1-31622400 seconds, not '0s'",
        ),
        ("override", {"until": "2026-12-31T20:00:00Z"}, "spec.override.replicas: is missing"),
        (
            "override",
            {"replicas": 3, "until": "tomorrow"},
            "spec.override.until: must be an instant such as 2026-12-31T20:00:00Z",
        ),
        (
            "override",
            {"replicas": 3, "until": "2026-12-31T20:00:00"},
            "spec.override.until: must be an instant such as 2026-12-31T20:00:00Z",
        ),
        ("minReplicas", 3, "spec.minReplicas: is no field of a NeurocardsScaling"),
        ("slo", {"wait": "5s", "p": 95}, "spec.slo.p: is no field of a NeurocardsScaling"),
    ],
)
def test_each_fault_names_its_field(field: str, value: Any, fault: str):
    assert fault in faults(spec(**{field: value}))


def test_all_faults_are_told_at_once():
    wrong = {
        "pool": 3,
        "mode": "x",
        "replicas": {"min": 5, "max": -1},
        "schedules": [LEAP],
        "limits": {"replicaHoursPerDay": -1},
        "slos": {},
    }
    assert faults(spec(**wrong)) == [
        "spec.pool: must be of type text, not 3",
        "spec.mode: must be one of Auto, Observe, Paused, not 'x'",
        "spec.replicas.max: must be 1-100000, not -1",
        "spec.limits.replicaHoursPerDay: must be 0-2400000, not -1",
        "spec.slos: is no field of a NeurocardsScaling",
        "spec.schedules[0].start: '0 0 30 2 *' names a day that never comes: day 30 of month 2",
    ]


def test_something_else_is_refused_by_its_kind():
    assert faults({"apiVersion": "v1", "kind": "Pod"}) == [
        "apiVersion: must be neurocards.io/v1alpha1",
        "kind: must be NeurocardsScaling",
    ]
    assert faults(None)[0] == "document: must be a mapping of fields"


def test_a_fault_is_a_fault_of_the_configuration():
    assert issubclass(PolicyError, ConfigurationError)


def test_a_file_that_is_no_yaml_is_a_fault_of_that_file(tmp_path: Path):
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(b"spec: {")
    with pytest.raises(PolicyError, match=r"broken\.yaml: is no YAML"):
        load_policy(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match=r"broken\.yaml: is no YAML"):
        load_policy(broken)
