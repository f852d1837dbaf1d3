"""The real operator as a process of its own, with the rights that its documentation names."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tools.cluster.access import Access
from tools.cluster.api import KubernetesApi

from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
ACCOUNT = "operator"
RBAC = "rbac.authorization.k8s.io"
RULES: list[dict[str, list[str]]] = [
    {
        "apiGroups": ["neurocards.io"],
        "resources": ["neurocardsscalings"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "apiGroups": ["neurocards.io"],
        "resources": ["neurocardsscalings/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": ["apps"],
        "resources": ["deployments", "statefulsets", "replicasets"],
        "verbs": ["get"],
    },
    {
        "apiGroups": ["apps"],
        "resources": ["deployments/scale", "statefulsets/scale", "replicasets/scale"],
        "verbs": ["patch"],
    },
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    },
]
"""The whole of what docs/operator.md says that it needs."""


async def account_token(api: KubernetesApi, namespace: str) -> str:
    """Make the operator's account in a namespace, with RULES there and nothing elsewhere."""
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    role = {"apiGroup": RBAC, "kind": "Role", "name": ACCOUNT}
    metadata = {"name": ACCOUNT}
    version = f"{RBAC}/v1"
    trees: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": RULES},
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [subject],
        },
    ]
    for tree in trees:
        await api.create(tree, namespace=namespace)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 7200},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{ACCOUNT}/token"
    token: str = (await api.post(path, request))["status"]["token"]
    return token


class OperatorProcess:
    def __init__(self, child: ChildProcess, probes_url: str) -> None:
        self.child = child
        self.probes_url = probes_url

    async def until_up(self) -> None:
        """Wait until it serves its probes; whether it is ready is another question."""
        async with httpx.AsyncClient() as client, asyncio.timeout(READY_WITHIN_S):
            while await self._livez(client) != httpx.codes.OK:
                assert self.child.is_running, self.child.log_tail()
                await asyncio.sleep(0.05)

    async def _livez(self, client: httpx.AsyncClient) -> int:
        try:
            return (await client.get(f"{self.probes_url}/livez", timeout=5)).status_code
        except httpx.HTTPError:
            return 0

    async def readiness(self) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=60) as client:
            report: dict[str, Any] = (await client.get(f"{self.probes_url}/readyz")).json()
            return report

    async def metric(self, series: str, /, **labels: str) -> float | None:
        """Read one sample of /metrics; None when there is none."""
        async with httpx.AsyncClient(timeout=60) as client:
            text = (await client.get(f"{self.probes_url}/metrics")).text
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == series and all(
                f'{label}="{wanted}"' in head for label, wanted in labels.items()
            ):
                return float(value)
        return None

    async def stop(self) -> int | None:
        await self.child.stop(timeout_s=STOP_WITHIN_S)
        return self.child.exit_code

    async def kill(self) -> None:
        await self.child.kill()

    def freeze(self) -> None:
        """Let it stand still, as a process without a processor."""
        self.child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.signal(signal.SIGCONT)


@asynccontextmanager
async def running_operator(
    folder: Path, access: Access, environment: Mapping[str, str]
) -> AsyncIterator[OperatorProcess]:
    """Start an operator and wait until it is up; end it afterwards."""
    name = f"operator-{secrets.token_hex(3)}"
    port = free_port()
    kubeconfig = access.write(folder / f"{name}.kubeconfig")
    child = ChildProcess(
        name,
        [sys.executable, "-m", "neurocards_operator"],
        log_path=folder / f"{name}.log",
        environment={
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": name,
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_METRICS_PORT": str(port),
            **environment,
        },
    )
    operator = OperatorProcess(child, f"http://127.0.0.1:{port}")
    try:
        await operator.until_up()
        yield operator
    finally:
        operator.thaw()
        await operator.stop()
