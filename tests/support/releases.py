"""Releases of the demo on a real node: their values, and what must be waited for."""

from __future__ import annotations

import json
import time
from typing import Any

from support.kubectl import Kubectl

SMALL: dict[str, Any] = {
    "demo": {
        "enabled": True,
        "timeFactor": 10,
        "cachedRenders": True,
        "heightMax": 240,
        "welcomeCredits": 20,
    },
    "worker": {
        "concurrency": 5,
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}},
    },
    "bot": {"resources": {"requests": {"cpu": "20m", "memory": "128Mi"}}},
    "scaling": {
        "spec": {
            "replicas": {"min": 1, "base": 1, "max": 6},
            "slo": {"percentile": 95, "wait": "5s"},
            "behavior": {"scaleDown": {"hold": "15s"}},
            "evaluation": {"interval": "5s"},
        }
    },
}
"""A demo that fits two processors: renders of 30 s, made once, and at most six pods of 5 jobs."""
WORKER, BOT, OPERATOR = "neurocards-worker", "neurocards-bot", "neurocards-operator"
_LOOK_S = 1.0


def replicas_of(kubectl: Kubectl, deployment: str = WORKER) -> tuple[int, int]:
    """Give how many pods are wanted, and how many are ready."""
    tree = json.loads(kubectl.run("get", "deployment", deployment, "--output", "json"))
    return int(tree["spec"]["replicas"]), int(tree["status"].get("readyReplicas", 0))


def pods_of(kubectl: Kubectl, component: str) -> list[str]:
    """Name the pods of a component that are not on their way out."""
    chosen = f"app.kubernetes.io/component={component}"
    tree = json.loads(kubectl.run("get", "pods", "--selector", chosen, "--output", "json"))
    alive = [pod for pod in tree["items"] if "deletionTimestamp" not in pod["metadata"]]
    return [str(pod["metadata"]["name"]) for pod in alive]


def until_rolled_out(kubectl: Kubectl, *deployments: str, within_s: int = 300) -> None:
    for name in deployments:
        kubectl.run(
            *("rollout", "status", f"deployment/{name}", f"--timeout={within_s}s"),
            within_s=within_s + 30,
        )


def seconds_since(began: float) -> float:
    return round(time.monotonic() - began, 1)
