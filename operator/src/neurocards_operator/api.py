"""Requests to the Kubernetes API, with a limit on each, and its refusals as errors of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from neurocards_operator.errors import ClusterRefusedError, ClusterUnavailableError
from neurocards_operator.metrics import OperatorMetrics

FIELD_MANAGER = "neurocards-operator"
MERGE_PATCH = "application/merge-patch+json"
_LATER = (408, 429, 500, 502, 503, 504)
_REFUSED_FROM = 400
MESSAGE_CHARACTERS_MAX = 500


class KubernetesApi:
    """Every method raises ClusterUnavailableError or ClusterRefusedError."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        server: str,
        timeout_s: float,
        metrics: OperatorMetrics,
    ) -> None:
        self._session = session
        self._server = server.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._metrics = metrics

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return await self._request("GET", path, query=query)

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("POST", path, body=body, query=query)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("PUT", path, body=body, query=query)

    async def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Patch: what `body` names is set, null takes away, all else stays."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("PATCH", path, body=body, query=query, kind=MERGE_PATCH)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        outcome = "away"
        try:
            async with self._session.request(
                method,
                self._server + path,
                params=query,
                data=data,
                headers={"Content-Type": kind, "Accept": "application/json"},
                timeout=self._timeout,
            ) as response:
                outcome = str(response.status)
                return _answer(response.status, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ClusterUnavailableError(reason[:MESSAGE_CHARACTERS_MAX]) from error
        finally:
            self._metrics.api_requests_total.labels(method, outcome).inc()


def _answer(status: int, text: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise ClusterUnavailableError(f"an answer that is no JSON ({status})") from error
    if not isinstance(tree, dict):
        raise ClusterUnavailableError(f"an answer that is no object ({status})")
    if status < _REFUSED_FROM:
        return tree
    message = str(tree.get("message") or tree.get("reason") or status)[:MESSAGE_CHARACTERS_MAX]
    if status in _LATER:
        raise ClusterUnavailableError(message)
    raise ClusterRefusedError(status, message)
