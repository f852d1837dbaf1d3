"""`kubectl neurocards scaling explain` on a real API server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Protocol

from tools.cluster.api import KubernetesApi

from neurocards.scaling_policies import API_VERSION, KIND
from support.scaling_objects import scaling

STATUS = {
    "replicas": 2,
    "queue": 57,
    "decision": {
        "replicas": 10,
        "reason": "ReplicasMax",
        "message": "10 replicas: the policy allows 10 at most",
        "at": "2026-11-24T23:00:00Z",
        "contributions": [
            {"kind": "limit", "source": "ReplicasMax", "replicas": 10, "text": "10 at most"}
        ],
    },
}


class ClusterOfTests(Protocol):
    @property
    def kubeconfig(self) -> Path: ...


async def plugin(cluster: ClusterOfTests, *words: str) -> tuple[int | None, str, str]:
    """Run the program under the name that kubectl looks for."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("kubectl-neurocards")),
        *("scaling", "explain", *words),
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_last_decision_is_read_from_the_object(
    cluster: ClusterOfTests, api: KubernetesApi, namespace: str
):
    """A sentence and a table, or JSON; before any decision it says that there is none."""
    await api.create(scaling({}), namespace=namespace)
    code, out, err = await plugin(cluster, "workers", "-n", namespace)
    assert (code, out) == (1, "")
    assert "no decision about workers" in err

    await api.patch(
        API_VERSION, KIND, "workers", {"status": STATUS}, namespace=namespace, part="/status"
    )
    code, out, _ = await plugin(cluster, "workers", "-n", namespace)
    assert code == 0
    assert out.startswith(f"{namespace}/workers: 10 replicas: the policy allows 10 at most\n")
    assert ">  limit  ReplicasMax  10" in out
    code, out, _ = await plugin(cluster, "workers", "-n", namespace, "-o", "json")
    assert code == 0
    assert json.loads(out)["binding"] == "ReplicasMax"


async def test_an_object_that_is_not_there_is_said_to_be_missing(
    cluster: ClusterOfTests, namespace: str
):
    """With the name and the namespace."""
    code, _, err = await plugin(cluster, "nobody", "-n", namespace)
    assert code == 1
    assert f"there is no NeurocardsScaling nobody in the namespace {namespace}" in err
