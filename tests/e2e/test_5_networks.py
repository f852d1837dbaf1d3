"""Networks: who may speak to whom, by the rules, and by trial where they are enforced."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from tools.images.builder import TAG

from e2e.conftest import Installed
from support.e2e_record import Record
from support.kubectl import Kubectl, KubectlError
from support.real_node import RealNode
from support.releases import BOT, OPERATOR, SMALL, WORKER, pods_of, until_rolled_out

TITLE = "5. Networks"
ENFORCES_VARIABLE = "E2E_ENFORCES_POLICIES"
POLICIES: dict[str, Any] = {"networkPolicy": {"enabled": True}}
SERVERS = (("neurocards-postgres", 5432), ("neurocards-nats", 4222))
METRICS_PORT = 9090
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
except OSError:
    print("closed")
else:
    print("open")
"""
Selector = dict[str, Any]


@pytest.fixture
async def kubectl(installed: Installed) -> Kubectl:
    """The shared release, with its policies switched on."""
    place = installed.place
    await place.helm.release("upgrade", SMALL, POLICIES, flags=("--wait",), timeout_s=400)
    await asyncio.to_thread(until_rolled_out, place.kubectl, BOT, WORKER, OPERATOR)
    return place.kubectl


async def test_every_pod_is_closed_but_for_what_its_policies_name(
    kubectl: Kubectl, installed: Installed, node: RealNode, record: Record
):
    """Of each running pod: a policy selects it for both directions, and the product works on."""
    pods = json.loads(kubectl.run("get", "pods", "--output", "json"))["items"]
    policies = json.loads(kubectl.run("get", "networkpolicies", "--output", "json"))["items"]
    for pod in pods:
        mine = [one for one in policies if _selects(one["spec"]["podSelector"], pod)]
        directions = {kind for one in mine for kind in one["spec"]["policyTypes"]}
        assert directions == {"Ingress", "Egress"}, pod["metadata"]["name"]
    told = await installed.place.helm.run("test", "--logs", within_s=400)
    assert "a video of" in told
    enforced = "obeys" if _enforces(node) else "does not obey"
    record.tell(
        TITLE,
        f"{len(policies)} policies, and each of {len(pods)} pods is selected by one for both "
        f"directions; `helm test` passes with them. The network of this node {enforced} policies.",
    )


async def test_a_stranger_reaches_neither_servers_nor_metrics(kubectl: Kubectl, node: RealNode):
    """And a worker reaches PostgreSQL and NATS. Closed ports are tried where they are enforced."""
    (worker, *_) = await asyncio.to_thread(pods_of, kubectl, "worker")
    for host, port in SERVERS:
        assert await _tried(kubectl, worker, host, port) == "open"
    address = kubectl.run("get", "pod", worker, "--output", "jsonpath={.status.podIP}")
    await asyncio.to_thread(_start_stranger, kubectl)
    answers = {
        f"{host}:{port}": await _tried(kubectl, "stranger", host, port)
        for host, port in (*SERVERS, (address, METRICS_PORT))
    }
    # Where nothing is enforced the stranger shows that the probe itself can tell open from closed.
    wanted = "closed" if _enforces(node) else "open"
    assert set(answers.values()) == {wanted}, answers
    await asyncio.to_thread(kubectl.run, "delete", "pod", "stranger", "--wait=false")


def _enforces(node: RealNode) -> bool:
    if node.enforces_policies is not None:
        return node.enforces_policies
    return os.environ.get(ENFORCES_VARIABLE, "1") == "1"


def _selects(selector: Selector, pod: dict[str, Any]) -> bool:
    labels = pod["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    wanted = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in wanted)
    return all(labels.get(one["key"]) in one["values"] for one in wanted)


def _start_stranger(kubectl: Kubectl) -> None:
    kubectl.run("delete", "pod", "stranger", "--ignore-not-found")
    kubectl.run(
        *("run", "stranger", f"--image=neurocards-sandbox:{TAG}", "--restart=Never"),
        *("--command", "--", "sleep", "600"),
    )
    kubectl.run("wait", "--for=condition=Ready", "pod/stranger", "--timeout=90s")


async def _tried(kubectl: Kubectl, pod: str, host: str, port: int) -> str:
    command = ("exec", pod, "--", "python", "-c", CONNECT, host, str(port))
    try:
        return (await asyncio.to_thread(kubectl.run, *command)).strip()
    except KubectlError as error:
        pytest.fail(f"the probe did not run: {error}")
