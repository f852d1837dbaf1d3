"""The end of a release and of its namespace, whatever the operator does meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.conftest import Place
from support.e2e_record import Record
from support.kubectl import Kubectl, KubectlError
from support.releases import OPERATOR, SMALL, seconds_since, until_rolled_out

GONE_WITHIN_S = 300
CRASHES_WITHIN_S = 240
TITLE = "8. Uninstall and deletion of the namespace"
CRASHING: dict[str, Any] = {
    "operator": {"extraEnv": [{"name": "NEUROCARDS_METRICS_PORT", "value": "no number"}]}
}


@pytest.mark.parametrize("operator", ["alive", "dead", "crash-looping"])
async def test_the_end_does_not_wait_for_the_operator(
    operator: str, new_place: Callable[[str], Place], record: Record
):
    """`helm uninstall --wait`, then a new release whose namespace is deleted."""
    place = new_place("helm4")
    took_s = []
    for end in (_uninstall, _delete_namespace):
        values = [SMALL, CRASHING] if operator == "crash-looping" else [SMALL]
        await place.helm.release("install", *values)
        await asyncio.to_thread(_bring_to, operator, place.kubectl)
        began = time.monotonic()
        await end(place)
        took_s.append(seconds_since(began))
    record.tell(
        TITLE,
        f"- operator {operator}: uninstalled in {took_s[0]} s, namespace gone in {took_s[1]} s",
    )


def _bring_to(operator: str, kubectl: Kubectl) -> None:
    if operator == "crash-looping":
        _until_crashing(kubectl)
        return
    until_rolled_out(kubectl, OPERATOR, within_s=400)
    if operator == "dead":
        kubectl.run("scale", f"deployment/{OPERATOR}", "--replicas=0")
        kubectl.run(
            *("wait", "--for=delete", "pod", "--selector"),
            *("app.kubernetes.io/component=operator", "--timeout=90s"),
        )


def _until_crashing(kubectl: Kubectl) -> None:
    """Wait for the second crash at least."""
    chosen = ("--selector", "app.kubernetes.io/component=operator", "--output", "json")
    deadline = time.monotonic() + CRASHES_WITHIN_S
    while time.monotonic() < deadline:
        for pod in json.loads(kubectl.run("get", "pods", *chosen))["items"]:
            for one in pod["status"].get("containerStatuses", []):
                if one["restartCount"] >= 1 and "waiting" in one["state"]:
                    return
        time.sleep(1)
    pytest.fail("the operator does not crash")


async def _uninstall(place: Place) -> None:
    await place.helm.run(
        *("uninstall", "--wait", "--timeout", f"{GONE_WITHIN_S}s"), within_s=GONE_WITHIN_S + 60
    )
    kinds = "nscale,deployments,statefulsets,jobs,services"
    left = await asyncio.to_thread(place.kubectl.run, "get", kinds, "--output", "name")
    assert left.split() == []


async def _delete_namespace(place: Place) -> None:
    name = place.namespace
    await asyncio.to_thread(
        place.kubectl.run,
        *("delete", "namespace", name, f"--timeout={GONE_WITHIN_S}s"),
        within_s=GONE_WITHIN_S + 60,
    )
    with pytest.raises(KubectlError, match="not found"):
        await asyncio.to_thread(place.kubectl.run, "get", "namespace", name)
