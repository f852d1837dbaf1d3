"""A stage with a Kubernetes control plane beside it, and the real operator between the two.

Nodes and pods are played by KWOK: what is measured is the operator, and no worker works.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml  # type: ignore[import-untyped]
from tools.cluster.api import KubernetesApi
from tools.cluster.binaries import build
from tools.cluster.control_plane import ControlPlane

from bench.stage import Program, Stage
from neurocards.scaling_policies import API_VERSION, KIND
from neurocards_sandbox.embedded.ports import free_port

NAMESPACE = "default"
OPERATOR_USER = f"system:serviceaccount:{NAMESPACE}:operator"
_DEFINITION = Path(__file__).parents[1] / "charts/neurocards/crds/neurocardsscaling.yaml"
_TOKEN_S = 24 * 3600
Tree = dict[str, Any]


class ScalingStage:
    """Use it as `async with ScalingStage(folder) as stage`; `operator()` starts the operator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = Stage(folder / "stage")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            binaries = build()
            plane = ControlPlane(self.folder / "cluster", binaries, audited=True)
            self.plane = await self._stack.enter_async_context(plane)
            self.api = await self._stack.enter_async_context(KubernetesApi(plane.access))
            await self.api.create(yaml.safe_load(_DEFINITION.read_text(encoding="utf-8")))
            # The stage last, so that it ends first: the operator is one of its programs.
            await self._stack.enter_async_context(self.stage)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def operator(self, **environment: str) -> Program:
        """Start the operator under an account of its own, so that the audit log knows it."""
        token = await self._account("operator")
        path = self.plane.access_with(token).write(self.folder / "operator.kubeconfig")
        port = free_port()
        return await self.stage.start(
            "operator",
            ["-m", "neurocards_operator"],
            port,
            health="/readyz",
            environment={
                "KUBECONFIG": str(path),
                "NEUROCARDS_METRICS_PORT": str(port),
                "NEUROCARDS_POD_NAMESPACE": NAMESPACE,
                **environment,
            },
        )

    async def deployment(self, name: str, replicas: int) -> None:
        await self.api.create(_deployment(name, replicas), namespace=NAMESPACE)

    async def policy(self, name: str, spec: Mapping[str, Any]) -> None:
        tree = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name},
            "spec": dict(spec),
        }
        await self.api.create(tree, namespace=NAMESPACE)

    async def _account(self, name: str) -> str:
        """Make an account with every right; give a token of it."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        await self.api.create(account, namespace=NAMESPACE)
        subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": role | {"name": "cluster-admin"},
            "subjects": [subject],
        }
        await self.api.create(binding)
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_S},
        }
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token"
        token: str = (await self.api.post(path, request))["status"]["token"]
        return token


def _deployment(name: str, replicas: int) -> Tree:
    labels = {"app": name}
    container = {"name": "worker", "image": "neurocards-worker"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
