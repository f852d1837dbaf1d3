"""The part of the Kubernetes API that tests and benchmarks speak, as plain HTTP.

Not a client for the product: no caches, no retries, no types. What the server says is handed on as
it is, its refusals above all, because they are what is tested.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from tools.cluster.access import Access

Tree = dict[str, Any]
TIMEOUT_S = 30.0
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_MERGE = "application/merge-patch+json"
_PLURALS = {
    "CustomResourceDefinition": "customresourcedefinitions",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "NetworkPolicy": "networkpolicies",
    "NeurocardsScaling": "neurocardsscalings",
    "StorageClass": "storageclasses",
}
_CLUSTER_WIDE = frozenset(
    {
        "Namespace",
        "Node",
        "CustomResourceDefinition",
        "ClusterRole",
        "ClusterRoleBinding",
        "PersistentVolume",
        "StorageClass",
    }
)


class Refusal(Exception):  # noqa: N818 - an answer of the server, which tests look at
    """The server said no; `code` and the sentence of its Status are kept."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class KubernetesApi:
    """Use it as `async with KubernetesApi(access) as api`. Unknown fields are refused, not lost."""

    def __init__(self, access: Access, *, user_agent: str = "neurocards-tests") -> None:
        self._http = httpx.AsyncClient(
            base_url=access.server,
            verify=access.context(),
            headers={**access.headers(), "User-Agent": user_agent},
            timeout=TIMEOUT_S,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def create(
        self, tree: Mapping[str, Any], *, namespace: str | None = None, dry_run: bool = False
    ) -> Tree:
        path = _path(tree["apiVersion"], tree["kind"], namespace)
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return _tree(await self._http.post(path, json=tree, params=query))

    async def read(
        self, api: str, kind: str, name: str, *, namespace: str | None = None, part: str = ""
    ) -> Tree:
        path = f"{_path(api, kind, namespace)}/{name}{part}"
        return _tree(await self._http.get(path))

    async def find(
        self, api: str, kind: str, name: str, *, namespace: str | None = None
    ) -> Tree | None:
        """Read an object; None if there is none."""
        try:
            return await self.read(api, kind, name, namespace=namespace)
        except Refusal as refusal:
            if refusal.code == httpx.codes.NOT_FOUND:
                return None
            raise

    async def list(
        self, api: str, kind: str, *, namespace: str | None = None, **query: str
    ) -> list[Tree]:
        tree = _tree(await self._http.get(_path(api, kind, namespace), params=query))
        items: list[Tree] = tree["items"]
        return items

    async def table(self, api: str, kind: str, *, namespace: str | None = None) -> Tree:
        """List objects as the columns that `kubectl get` prints."""
        path = _path(api, kind, namespace)
        return _tree(await self._http.get(path, headers={"Accept": _TABLE}))

    async def patch(
        self,
        api: str,
        kind: str,
        name: str,
        tree: Mapping[str, Any],
        *,
        namespace: str | None = None,
        part: str = "",
    ) -> Tree:
        """Send a merge patch to the object or to a part of it (`/status`, `/scale`)."""
        path = f"{_path(api, kind, namespace)}/{name}{part}"
        headers = {"Content-Type": _MERGE}
        query = {"fieldValidation": "Strict"}
        body = json.dumps(tree)
        return _tree(await self._http.patch(path, content=body, headers=headers, params=query))

    async def delete(
        self,
        api: str,
        kind: str,
        name: str,
        *,
        namespace: str | None = None,
        grace_s: int | None = None,
    ) -> None:
        """Delete an object; `grace_s` instead of the time that a pod itself asks for."""
        query = {} if grace_s is None else {"gracePeriodSeconds": str(grace_s)}
        _tree(await self._http.delete(f"{_path(api, kind, namespace)}/{name}", params=query))

    async def watch(
        self, api: str, kind: str, *, namespace: str | None = None, **query: str
    ) -> AsyncIterator[Tree]:
        """Give each event as it comes; it ends when the server or the caller ends it."""
        parameters = {"watch": "true", **query}
        path = _path(api, kind, namespace)
        async with self._http.stream("GET", path, params=parameters, timeout=None) as answer:
            async for line in answer.aiter_lines():
                yield json.loads(line)

    async def text(self, path: str) -> str:
        """Read a page of the server itself, such as /metrics."""
        answer = await self._http.get(path)
        _check(answer)
        return answer.text

    async def resources(self, api: str) -> Tree:
        """Tell what the server serves of an API group and version."""
        return _tree(await self._http.get(f"/apis/{api}"))

    async def post(self, path: str, tree: Mapping[str, Any]) -> Tree:
        """Post to a path of its own, such as the token of an account."""
        return _tree(await self._http.post(path, json=tree))


def _path(api: str, kind: str, namespace: str | None) -> str:
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    plural = _PLURALS.get(kind, kind.lower() + "s")
    if kind in _CLUSTER_WIDE or namespace is None:
        return f"{root}/{plural}"
    return f"{root}/namespaces/{namespace}/{plural}"


def _tree(answer: httpx.Response) -> Tree:
    _check(answer)
    tree: Tree = answer.json()
    return tree


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        message = str(answer.json()["message"])
    except (ValueError, KeyError):
        message = answer.text
    raise Refusal(answer.status_code, message)
