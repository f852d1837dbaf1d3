"""What the operator does in the cluster, one method for each right that it needs there.

All of it raises ClusterError. Writing replicas carries the version of the object that was read: if
anybody has changed it since, the write is refused and the decision is made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from neurocards.domain.scaling_policy import Target as TargetReference
from neurocards_operator.api import KubernetesApi
from neurocards_operator.errors import ClusterError
from neurocards_operator.roster import Key, Known, known_of
from neurocards_operator.target import DELETION_COST, Pod, Target, path_of, pod_of, target_of

GROUP, VERSION, PLURAL = "neurocards.io", "v1alpha1", "neurocardsscalings"
PAGE_OBJECTS = 500
COSTS_AT_ONCE = 8
_API = f"/apis/{GROUP}/{VERSION}"


class ScalingCluster:
    def __init__(self, api: KubernetesApi, *, namespaces: tuple[str, ...]) -> None:
        self._api = api
        self._namespaces = namespaces

    async def check(self) -> None:
        """Raise unless the API server answers and knows the objects of this operator."""
        await self._api.get(_API)

    async def objects(self) -> list[Known]:
        """List every NeurocardsScaling that this operator follows."""
        paths = [f"{_API}/namespaces/{name}/{PLURAL}" for name in self._namespaces]
        found: list[Known] = []
        for path in paths or [f"{_API}/{PLURAL}"]:
            found += [known_of(tree) for tree in await self._all(path)]
        return found

    async def target(self, namespace: str, reference: TargetReference) -> Target:
        path = path_of(namespace, reference)
        if path is None:
            raise ValueError(f"{reference.kind} of {reference.api_version} cannot be scaled")
        return target_of(await self._api.get(path))

    async def autoscalers(self, namespace: str) -> dict[tuple[str, str], str]:
        """Name the HorizontalPodAutoscaler of each kind and name of a target that has one."""
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        names: dict[tuple[str, str], str] = {}
        for tree in await self._all(path):
            aim = tree.get("spec", {}).get("scaleTargetRef", {})
            names[aim.get("kind", ""), aim.get("name", "")] = tree["metadata"]["name"]
        return names

    async def scale(
        self, namespace: str, reference: TargetReference, replicas: int, *, resource_version: str
    ) -> None:
        path = f"{path_of(namespace, reference)}/scale"
        metadata = {"resourceVersion": resource_version}
        await self._api.merge(path, {"metadata": metadata, "spec": {"replicas": replicas}})

    async def write_status(self, known: Known, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Patch the status of this very object; give the object as it is then."""
        namespace, name = known.key
        path = f"{_API}/namespaces/{namespace}/{PLURAL}/{name}/status"
        return await self._api.merge(path, {"metadata": {"uid": known.uid}, "status": patch})

    async def pods(self, namespace: str, selector: str) -> list[Pod]:
        path = f"/api/v1/namespaces/{namespace}/pods"
        trees = await self._all(path, labelSelector=selector)
        return [pod_of(tree) for tree in trees if "deletionTimestamp" not in tree["metadata"]]

    async def set_costs(self, namespace: str, costs: Mapping[str, int]) -> int:
        """Write the deletion costs of pods; tell how many could not be written."""
        gate = asyncio.Semaphore(COSTS_AT_ONCE)

        async def write(pod: str, cost: int) -> bool:
            body = {"metadata": {"annotations": {DELETION_COST: str(cost)}}}
            async with gate:
                try:
                    await self._api.merge(f"/api/v1/namespaces/{namespace}/pods/{pod}", body)
                except ClusterError:
                    return False
            return True

        written = await asyncio.gather(*(write(pod, cost) for pod, cost in costs.items()))
        return written.count(False)

    async def post_event(self, key: Key, body: Mapping[str, Any]) -> None:
        await self._api.create(f"/api/v1/namespaces/{key.namespace}/events", body)

    async def _all(self, path: str, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        following = ""
        while True:
            page = {"limit": str(PAGE_OBJECTS)} | ({"continue": following} if following else {})
            tree = await self._api.get(path, **query, **page)
            items += tree.get("items") or []
            following = (tree.get("metadata") or {}).get("continue") or ""
            if not following:
                return items
