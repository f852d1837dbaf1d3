"""What the operator reads of a workload and its pods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from neurocards.domain.scaling_policy import Target as TargetReference
from neurocards_operator.target import (
    DELETION_COST,
    Pod,
    costs_to_set,
    path_of,
    pod_of,
    start_s_of,
    target_of,
)

MADE = datetime(2026, 11, 24, 12, tzinfo=UTC)


def workload(**status: int) -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": "7"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"b": "2", "a": "1"}}},
        "status": status,
    }


def pod(name: str, *, cost: int = 0, start_s: float | None = None, age_s: float = 0) -> Pod:
    return Pod(name, cost, MADE - timedelta(seconds=age_s), start_s)


def test_pods_of_a_former_template_are_what_the_controller_has_not_replaced():
    rolling = target_of(workload(replicas=5, updatedReplicas=2, readyReplicas=4))
    assert (rolling.replicas, rolling.ready, rolling.old_pods) == (3, 4, 3)
    assert rolling.selector == "a=1,b=2"


@pytest.mark.parametrize("status", [{}, {"replicas": 3}, {"replicas": 3, "updatedReplicas": 3}])
def test_a_workload_that_says_little_is_not_in_a_rollout(status: dict[str, int]):
    assert target_of(workload(**status)).old_pods == 0


def test_only_workloads_whose_scale_is_known_can_be_targets():
    stateful = TargetReference("apps/v1", "StatefulSet", "w")
    assert path_of("shop", stateful) == "/apis/apps/v1/namespaces/shop/statefulsets/w"
    assert path_of("shop", TargetReference("batch/v1", "Job", "w")) is None


def test_a_pod_tells_how_long_it_took_to_be_ready():
    tree: dict[str, Any] = {
        "metadata": {"name": "w-1", "creationTimestamp": "2026-11-24T12:00:00Z"},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T12:00:09Z"}
            ]
        },
    }
    assert pod_of(tree).start_s == 9
    tree["status"]["conditions"][0]["status"] = "False"
    tree["metadata"]["annotations"] = {DELETION_COST: "12"}
    assert (pod_of(tree).start_s, pod_of(tree).cost) == (None, 12)
    tree["metadata"]["annotations"] = {DELETION_COST: "many"}
    assert pod_of(tree).cost == 0


def test_the_start_is_the_median_of_the_newest_pods():
    """A pod that was ready, was not, and is again, seems to have started for hours."""
    pods = [pod(f"w-{number}", start_s=10 + number, age_s=number) for number in range(5)]
    assert start_s_of([*pods, pod("again", start_s=7200), pod("new")]) == 12
    old = [pod(f"old-{number}", start_s=500, age_s=900) for number in range(40)]
    assert start_s_of([*pods * 4, *old]) == 12
    assert start_s_of([pod("new")]) is None


def test_the_cost_of_a_pod_is_what_it_has_in_hand_written_only_where_it_differs():
    """S0-8: idle pods leave first."""
    pods = [pod("idle"), pod("busy"), pod("known", cost=4), pod("freed", cost=9)]
    jobs = {"busy": 3, "known": 4, "elsewhere": 8}
    assert costs_to_set(pods, jobs, at_most=10) == {"busy": 3, "freed": 0}


def test_where_many_pods_are_off_those_by_most_come_first():
    pods = [pod(f"w-{number}") for number in range(200)]
    jobs = {f"w-{number}": number for number in range(200)}
    costs = costs_to_set(pods, jobs, at_most=100)
    assert sorted(costs.values()) == list(range(100, 200))
