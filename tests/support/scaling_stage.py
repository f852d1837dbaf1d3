"""A namespace with a deployment, objects that scale it, and operators: what the tests look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from tools.cluster.access import Access
from tools.cluster.api import KubernetesApi

from neurocards.scaling_policies import API_VERSION, KIND
from support.operator_process import (
    ACCOUNT,
    RBAC,
    RULES,
    OperatorProcess,
    account_token,
    running_operator,
)
from support.scaled_shop import ScaledShop
from support.scaling_objects import Tree, scaling

WITHIN_S = 90.0
DEPLOYMENT = "worker"
APPS = "apps/v1"
_Found = TypeVar("_Found")
QUICK = {"NEUROCARDS_LEASE_DURATION_S": "3", "NEUROCARDS_API_TIMEOUT_S": "1"}
LEAN: Tree = {
    "scaleTargetRef": {"kind": "Deployment", "name": DEPLOYMENT},
    "replicas": {"min": 1, "base": 1, "max": 50},
    "jobsPerReplica": 1,
    "slo": {"wait": "10s", "headroom": "Disabled"},
    "forecast": {"mode": "Disabled"},
    "behavior": {"scaleDown": {"hold": "1s"}},
    "evaluation": {"interval": "2s", "staleAfter": "5s"},
}
"""One replica for each job, and nothing else."""


async def until(
    look: Callable[[], Awaitable[_Found | None]], *, within_s: float = WITHIN_S, what: str = ""
) -> _Found:
    """Look again and again until something is found."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise AssertionError(f"not within {within_s:g} s: {what}") from error


class ScalingStage:
    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        folder: Path,
        *,
        access: Callable[[str], Access],
        shop: ScaledShop,
        environment: Mapping[str, str],
    ) -> None:
        self.api, self.namespace, self.folder = api, namespace, folder
        self._access, self.shop = access, shop
        self.environment = dict(environment)
        self._token: str | None = None

    @asynccontextmanager
    async def operator(self, **environment: str) -> AsyncIterator[OperatorProcess]:
        if self._token is None:
            self._token = await account_token(self.api, self.namespace)
        settings = {**QUICK, **self.environment, **environment}
        async with running_operator(self.folder, self._access(self._token), settings) as operator:
            yield operator

    async def deployment(self, replicas: int, *, name: str = DEPLOYMENT, **spec: Any) -> None:
        await self.api.create(_deployment(name, replicas, spec), namespace=self.namespace)

    async def policy(self, *, name: str = "workers", **spec: Any) -> None:
        await self.api.create(scaling(LEAN | spec, name=name), namespace=self.namespace)

    async def change_policy(self, *, name: str = "workers", **spec: Any) -> None:
        await self.api.patch(API_VERSION, KIND, name, {"spec": spec}, namespace=self.namespace)

    async def object(self, name: str = "workers") -> Tree:
        return await self.api.read(API_VERSION, KIND, name, namespace=self.namespace)

    async def take_right_away(self, group: str, resource: str) -> None:
        """Let the operator's account lose its rights to a kind of objects."""
        rules = [
            rule
            for rule in RULES
            if not (group in rule["apiGroups"] and resource in rule["resources"])
        ]
        version = f"{RBAC}/v1"
        await self.api.patch(version, "Role", ACCOUNT, {"rules": rules}, namespace=self.namespace)

    async def replicas(self, name: str = DEPLOYMENT) -> int:
        tree = await self.api.read(APPS, "Deployment", name, namespace=self.namespace)
        return int(tree["spec"]["replicas"])

    async def until_replicas(self, count: int, *, within_s: float = WITHIN_S) -> None:
        async def look() -> bool:
            return await self.replicas() == count

        try:
            await until(look, within_s=within_s, what=f"{count} replicas")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.told()}") from error

    async def told(self, name: str = "workers") -> str:
        """Give the status for the message of a test that fails."""
        tree = await self.api.find(API_VERSION, KIND, name, namespace=self.namespace)
        return "there is no object" if tree is None else str(tree.get("status"))

    async def until_condition(
        self, kind: str, reason: str, *, name: str = "workers", answer: str | None = None
    ) -> Tree:
        """Wait until a condition has this reason (and answer); give it."""

        async def look() -> Tree | None:
            status = (await self.object(name)).get("status", {})
            for condition in status.get("conditions", []):
                if (condition["type"], condition["reason"]) == (kind, reason):
                    return condition if answer in {None, condition["status"]} else None
            return None

        try:
            return await until(look, what=f"{kind}={reason}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.told(name)}") from error


def _deployment(name: str, replicas: int, spec: Mapping[str, Any]) -> Tree:
    labels = {"app": name}
    container = {"name": "worker", "image": "neurocards-worker"}
    return {
        "apiVersion": APPS,
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }
