"""What the API server refuses by itself: each refusal names the field, in a sentence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from tools.cluster.api import KubernetesApi, Refusal

from neurocards.scaling_policies import PolicyError, read_policy
from support.scaling_documents import EVERYTHING
from support.scaling_objects import scaling

A_DURATION = "must be a duration such as"
AN_INSTANT = "must be an instant such as 2026-12-31T20:00:00Z"
AN_EDGE = "must be five fields of cron such as"
NIGHT = {"name": "night", "timeZone": "UTC", "start": "0 0 * * *", "end": "0 6 * * *", "min": 1}


def window(**values: Any) -> list[dict[str, Any]]:
    return [NIGHT | values]


WRONG: list[tuple[str, Any, str, str]] = [
    # field of the spec, its value, the field that is named, the words about it
    ("mode", "auto", "spec.mode", 'supported values: "Auto", "Observe", "Paused"'),
    ("mode", False, "spec.mode", "must be of type string"),
    ("pool", "Default", "spec.pool", "should match"),
    ("pool", "a.b", "spec.pool", "should match"),
    ("pool", "x" * 41, "spec.pool", "may not be more than 40"),
    ("jobsPerReplica", 0, "spec.jobsPerReplica", "greater than or equal to 1"),
    ("jobsPerReplica", 10_001, "spec.jobsPerReplica", "less than or equal to 10000"),
    ("jobsPerReplica", "20", "spec.jobsPerReplica", "must be of type integer"),
    ("jobsPerReplica", 2.5, "spec.jobsPerReplica", "must be of type integer"),
    ("scaleTargetRef", {"name": "-x"}, "spec.scaleTargetRef.name", "should match"),
    ("scaleTargetRef", {"kind": "deployment"}, "spec.scaleTargetRef.kind", "should match"),
    ("scaleTargetRef", {"apiVersion": "apps"}, "spec.scaleTargetRef.apiVersion", "should match"),
    ("replicas", {"min": 9, "max": 5}, "spec.replicas.min", "min must not be above max"),
    ("replicas", {"min": 101}, "spec.replicas.min", "min must not be above max"),
    ("replicas", {"base": 0}, "spec.replicas.base", "base must lie between min and max"),
    ("replicas", {"base": 9, "max": 5}, "spec.replicas.base", "base must lie between min and max"),
    ("replicas", {"min": -1}, "spec.replicas.min", "greater than or equal to 0"),
    ("replicas", {"max": 0}, "spec.replicas.max", "greater than or equal to 1"),
    ("replicas", {"max": 100_001}, "spec.replicas.max", "less than or equal to 100000"),
    ("replicas", 5, "spec.replicas", "must be of type object"),
    ("queue", {"steps": [{"add": 3}]}, "spec.queue.steps[0].queuedAbove", "Required value"),
    ("queue", {"steps": [{"queuedAbove": 3}]}, "spec.queue.steps[0].add", "Required value"),
    (
        "queue",
        {"steps": [{"queuedAbove": 1, "add": 0}]},
        "spec.queue.steps[0].add",
        "greater than or equal to 1",
    ),
    (
        "queue",
        {"steps": [{"queuedAbove": 1, "add": 1}] * 33},
        "spec.queue.steps",
        "must have at most 32 items",
    ),
    (
        "queue",
        {"waitSteps": [{"waitAbove": 15, "add": 3}]},
        "spec.queue.waitSteps[0].waitAbove",
        "must be of type string",
    ),
    (
        "queue",
        {"waitSteps": [{"waitAbove": "15", "add": 3}]},
        "spec.queue.waitSteps[0].waitAbove",
        A_DURATION,
    ),
    (
        "queue",
        {"levels": [{"replicas": 3}]},
        "spec.queue.levels[0]",
        "must have exactly one of queuedAbove and queuedBelow",
    ),
    (
        "queue",
        {"levels": [{"queuedAbove": 5, "queuedBelow": 3, "replicas": 3}]},
        "spec.queue.levels[0]",
        "must have exactly one of queuedAbove and queuedBelow",
    ),
    ("slo", {"percentile": 95}, "spec.slo.wait", "Required value"),
    ("slo", {"wait": "5 s"}, "spec.slo.wait", A_DURATION),
    ("slo", {"wait": "1.5h"}, "spec.slo.wait", A_DURATION),
    ("slo", {"wait": "9000h"}, "spec.slo.wait", "up to 366 days"),
    ("slo", {"wait": "5s", "percentile": 100}, "spec.slo.percentile", "less than or equal to 99"),
    (
        "slo",
        {"wait": "5s", "headroom": "Off"},
        "spec.slo.headroom",
        'supported values: "Auto", "Disabled"',
    ),
    ("schedules", window(start="0 0 * *"), "spec.schedules[0].start", AN_EDGE),
    ("schedules", window(end="at six"), "spec.schedules[0].end", AN_EDGE),
    ("schedules", window(start="0 0 * * ?"), "spec.schedules[0].start", "should match"),
    ("schedules", window(timeZone="UTC+3:00"), "spec.schedules[0].timeZone", "must be a zone"),
    ("schedules", window(timeZone=""), "spec.schedules[0].timeZone", "must be a zone"),
    ("schedules", window(name="New Year"), "spec.schedules[0].name", "should match"),
    ("schedules", window(min=9, max=5), "spec.schedules[0].min", "min must not be above max"),
    ("schedules", window(min=101), "spec.schedules", "must not be above replicas.max"),
    ("schedules", window(end="0 0 * * *"), "spec.schedules[0].end", "must differ from start"),
    (
        "schedules",
        window(end="2026-12-31T18:00"),
        "spec.schedules[0].end",
        "must be a local time if start is one",
    ),
    (
        "schedules",
        window(start="2026-12-31T18:00", end="2026-12-31T17:00"),
        "spec.schedules[0].end",
        "must be after start",
    ),
    (
        "schedules",
        [{key: value for key, value in NIGHT.items() if key != "min"}],
        "spec.schedules[0]",
        "must have min or max",
    ),
    ("schedules", [NIGHT, NIGHT], "spec.schedules[1]", "Duplicate value"),
    ("schedules", [{"name": "night", "min": 1}], "spec.schedules[0].timeZone", "Required value"),
    ("forecast", {"mode": "Off"}, "spec.forecast.mode", "supported values"),
    ("forecast", {"horizon": "5s"}, "spec.forecast.horizon", "from 1m up to 366 days"),
    ("idle", {"factor": "0.5"}, "spec.idle.after", "Required value"),
    ("idle", {"after": "59s"}, "spec.idle.after", "from 1m up to 366 days"),
    ("idle", {"after": "1h", "factor": "1.5"}, "spec.idle.factor", 'from "0" to "0.999"'),
    ("idle", {"after": "1h", "factor": 0.5}, "spec.idle.factor", "must be of type string"),
    ("behavior", {"scaleUp": {"hold": "-5s"}}, "spec.behavior.scaleUp.hold", A_DURATION),
    (
        "behavior",
        {"scaleDown": {"maxPercent": 0}},
        "spec.behavior.scaleDown.maxPercent",
        "greater than or equal to 1",
    ),
    (
        "limits",
        {"providerConcurrency": "auto"},
        "spec.limits.providerConcurrency",
        "must be Auto or a number of renders at a time",
    ),
    (
        "limits",
        {"providerConcurrency": 0},
        "spec.limits.providerConcurrency",
        "must be Auto or a number of renders at a time",
    ),
    (
        "limits",
        {"replicaHoursPerDay": -1},
        "spec.limits.replicaHoursPerDay",
        "greater than or equal to 0",
    ),
    ("evaluation", {"interval": "0s"}, "spec.evaluation.interval", "from 1s up to 366 days"),
    ("evaluation", {"staleAfter": ""}, "spec.evaluation.staleAfter", A_DURATION),
    ("override", {"until": "2026-12-31T20:00:00Z"}, "spec.override.replicas", "Required value"),
    ("override", {"replicas": 3}, "spec.override.until", "Required value"),
    ("override", {"replicas": 3, "until": "tomorrow"}, "spec.override.until", AN_INSTANT),
    (
        "override",
        {"replicas": 3, "until": "2026-12-31T20:00:00"},
        "spec.override.until",
        AN_INSTANT,
    ),
    ("override", {"replicas": 3, "until": []}, "spec.override.until", "must be of type string"),
    (
        "override",
        {"replicas": 3, "until": "2026-02-30T20:00:00Z"},
        "spec.override.until",
        "Invalid value",
    ),
    ("minReplicas", 3, "spec.minReplicas", "unknown field"),
    ("slo", {"wait": "5s", "p": 95}, "spec.slo.p", "unknown field"),
]


@pytest.mark.parametrize(("field", "value", "named", "words"), WRONG)
async def test_a_wrong_object_is_refused_with_a_sentence_that_names_the_field(
    api: KubernetesApi, field: str, value: Any, named: str, words: str
):
    """The reader of `neurocards scaling plan` refuses the same one."""
    wrong = scaling({field: value})
    with pytest.raises(Refusal) as refused:
        await api.create(wrong, namespace="default", dry_run=True)
    assert refused.value.code in {400, 422}
    about = [part for part in refused.value.message.split(", ") if named in part]
    assert about, refused.value.message
    assert words in refused.value.message
    with pytest.raises(PolicyError) as faulty:
        read_policy(wrong)
    assert str(faulty.value).startswith("spec.")


async def test_the_target_of_an_object_cannot_be_changed(api: KubernetesApi, namespace: str):
    """Otherwise nobody would look after the former target."""
    await api.create(scaling({}), namespace=namespace)
    patch = {"spec": {"scaleTargetRef": {"name": "other"}}}
    with pytest.raises(Refusal, match=r"spec\.scaleTargetRef: .*cannot be changed"):
        await api.patch(
            "neurocards.io/v1alpha1", "NeurocardsScaling", "workers", patch, namespace=namespace
        )


SPOILS: list[Any] = [
    *(None, True, 0, 1, -1, 5, 20.0, 2.5, 10**6, 10**9, "", " ", "0", "1", "0.5", "Off", "Auto"),
    *("Disabled", "x", "X", "а", "٣s", "5s", "59s", "90s", "1h30m", "30m1h", "8784h", "8785h"),
    *(
        "999999h",
        "99999999s",
        "UTC",
        "Asia/Tokyo",
        "0 1 * * *",
        "0  1 * * mon-fri",
        "*/5 1 1,15 * *",
    ),
    *("2026-12-31T18:00", "2026-12-31T18:00:00Z", "2027-01-02T03:04:05.678+03:00", "apps/v2"),
    *([], [{}], {}, {"x": 1}),
]
A_WHOLE_FRACTION = " = 20.0"
"""An integer to the schema and not to the rules; kubectl sends 20 for it."""
BEYOND_A_SCHEMA = (
    "names no zone of the time zone database",
    "cannot be read at",
    "which is not within",
    "names a day that never comes",
)


def spoilt() -> list[tuple[str, dict[str, Any]]]:
    """Give the object that uses every field with one value of it spoilt or taken away."""
    found: list[tuple[str, dict[str, Any]]] = []

    def visit(place: tuple[str | int, ...], node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            for value in (*SPOILS, KeyError):
                tree = yaml.safe_load(EVERYTHING)
                parent = tree["spec"]
                for step in place:
                    parent = parent[step]
                if value is KeyError:
                    del parent[key]
                else:
                    parent[key] = copy.deepcopy(value)
                path = ".".join(str(step) for step in (*place, key))
                found.append((f"{path} = {value!r}", tree))
            if isinstance(node[key], dict | list):
                visit((*place, key), node[key])

    visit((), yaml.safe_load(EVERYTHING)["spec"])
    return found


async def test_the_schema_and_the_reader_refuse_the_same_objects(api: KubernetesApi):
    """But for what a schema cannot see, and then the reader refuses; what both take means one."""
    differences: list[str] = []
    documents = spoilt()
    assert len(documents) > 2000
    for name, document in documents:
        document["metadata"] = {"name": "workers"}
        stored = await _stored(api, document)
        try:
            policy = read_policy(document)
        except PolicyError as error:
            seen = not any(words in str(error) for words in BEYOND_A_SCHEMA)
            if stored is not None and seen:
                differences.append(f"{name}: the reader alone refuses: {error}")
            continue
        if stored is None and not name.endswith(A_WHOLE_FRACTION):
            differences.append(f"{name}: the server alone refuses")
        elif stored is not None and read_policy(stored) != policy:
            differences.append(f"{name}: means something else once it is stored")
    assert not differences, "\n".join(differences)


async def _stored(api: KubernetesApi, document: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return await api.create(document, namespace="default", dry_run=True)
    except Refusal as refusal:
        if refusal.code not in {400, 422}:
            raise
        return None
