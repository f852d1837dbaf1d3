"""What a policy scales, and its pods, as values read from the API server's objects. No I/O."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from neurocards.domain.scaling_policy import Target as TargetReference

SLOTS_VARIABLE = "WORKER_CONCURRENCY"
"""How many jobs a pod carries at once, as the worker reads it."""
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PLURALS = {
    ("apps/v1", "Deployment"): "deployments",
    ("apps/v1", "ReplicaSet"): "replicasets",
    ("apps/v1", "StatefulSet"): "statefulsets",
}
START_S_MAX = 600.0
STARTS_COUNTED = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A scalable workload at one moment; `old_pods` belong to a former template.

    `slots`: jobs at once of a pod, None where its template does not say.
    """

    replicas: int
    ready: int
    old_pods: int
    resource_version: str
    selector: str
    slots: int | None = None


def path_of(namespace: str, reference: TargetReference) -> str | None:
    """Give the path of the target; None for a kind that cannot be scaled here."""
    plural = _PLURALS.get((reference.api_version, reference.kind))
    if plural is None:
        return None
    return f"/apis/{reference.api_version}/namespaces/{namespace}/{plural}/{reference.name}"


def supported_kinds() -> str:
    return ", ".join(f"{kind} of {version}" for version, kind in _PLURALS)


def target_of(tree: Mapping[str, Any]) -> Target:
    """Read a workload; what a controller has not written yet is zero."""
    spec, status = tree.get("spec", {}), tree.get("status", {})
    there = int(status.get("replicas", 0))
    updated = int(status.get("updatedReplicas", there))
    return Target(
        replicas=int(spec.get("replicas", 1)),
        ready=int(status.get("readyReplicas", 0)),
        old_pods=max(0, there - updated) if "updatedReplicas" in status else 0,
        resource_version=str(tree["metadata"]["resourceVersion"]),
        selector=_selector(spec.get("selector") or {}),
        slots=_slots(spec.get("template") or {}),
    )


def _slots(template: Mapping[str, Any]) -> int | None:
    for container in (template.get("spec") or {}).get("containers") or []:
        for variable in container.get("env") or []:
            if variable.get("name") == SLOTS_VARIABLE and str(variable.get("value")).isdigit():
                return int(variable["value"])
    return None


def _selector(selector: Mapping[str, Any]) -> str:
    labels = [f"{name}={value}" for name, value in sorted(selector.get("matchLabels", {}).items())]
    return ",".join(labels)


@dataclass(frozen=True, slots=True)
class Pod:
    """`start_s`: from its making to its readiness, None while it is not ready."""

    name: str
    cost: int
    made_at: datetime
    start_s: float | None


def pod_of(tree: Mapping[str, Any]) -> Pod:
    metadata = tree["metadata"]
    made_at = datetime.fromisoformat(metadata["creationTimestamp"])
    conditions = tree.get("status", {}).get("conditions", [])
    ready = [one for one in conditions if one.get("type") == "Ready"]
    start_s = None
    if ready and ready[0].get("status") == "True" and ready[0].get("lastTransitionTime"):
        ready_at = datetime.fromisoformat(ready[0]["lastTransitionTime"])
        start_s = (ready_at - made_at).total_seconds()
    cost = str((metadata.get("annotations") or {}).get(DELETION_COST, "0"))
    number = int(cost) if cost.lstrip("-").isdigit() else 0
    return Pod(metadata["name"], number, made_at, start_s)


def start_s_of(pods: Iterable[Pod]) -> float | None:
    """Give the median start of the newest pods; None when there is nothing to go by.

    A pod that lost its readiness and found it again seems to have started slowly: what took longer
    than ten minutes is not counted, and the median bears the rest.
    """
    newest = sorted(pods, key=lambda pod: pod.made_at, reverse=True)
    starts = [pod.start_s for pod in newest if pod.start_s is not None]
    starts = [start_s for start_s in starts if 0 <= start_s <= START_S_MAX][:STARTS_COUNTED]
    return statistics.median(starts) if starts else None


def costs_to_set(
    pods: Iterable[Pod], jobs_by_worker: Mapping[str, int], *, at_most: int
) -> dict[str, int]:
    """Give the deletion cost of each pod whose annotation says something else.

    Its cost is the number of jobs in its hands, so that idle pods go first. Where there are more
    than `at_most`, those that are off by most.
    """
    off = [(jobs_by_worker.get(pod.name, 0), pod) for pod in pods]
    changed = [(jobs, pod) for jobs, pod in off if jobs != pod.cost]
    changed.sort(key=lambda entry: (-abs(entry[0] - entry[1].cost), entry[1].name))
    return {pod.name: jobs for jobs, pod in changed[:at_most]}
