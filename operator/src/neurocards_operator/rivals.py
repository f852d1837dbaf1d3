"""Who else scales a target: an older object of ours, or a HorizontalPodAutoscaler.

The autoscalers of a namespace are listed once for all objects in it, and again after a while.
"""

from __future__ import annotations

import asyncio

import structlog

from neurocards.domain.scaling_policy import Target as TargetReference
from neurocards.ports.clock import Clock
from neurocards_operator.cluster import ScalingCluster
from neurocards_operator.errors import ClusterRefusedError
from neurocards_operator.roster import Known, Roster
from neurocards_operator.verdict import Finding

log = structlog.get_logger(__name__)

LISTED_AGAIN_S = 10.0


class Rivals:
    def __init__(self, cluster: ScalingCluster, roster: Roster, clock: Clock) -> None:
        self._cluster, self._roster, self._clock = cluster, roster, clock
        self._listed: dict[str, tuple[float, dict[tuple[str, str], str]]] = {}
        self._told_forbidden = False
        self._listing = asyncio.Lock()

    async def of(self, known: Known, reference: TargetReference) -> Finding | None:
        """Name the rival; ClusterUnavailableError when it cannot be told."""
        older = self._roster.rival_of(known)
        if older is not None:
            return older
        async with self._listing:
            autoscalers = await self._autoscalers(known.key.namespace)
        name = autoscalers.get((reference.kind, reference.name))
        if name is None:
            return None
        text = f"the HorizontalPodAutoscaler {name} scales {reference.kind} {reference.name}"
        return Finding("HorizontalPodAutoscaler", text)

    async def _autoscalers(self, namespace: str) -> dict[tuple[str, str], str]:
        now_s = self._clock.monotonic()
        listed_at_s, found = self._listed.get(namespace, (float("-inf"), {}))
        if now_s - listed_at_s < LISTED_AGAIN_S:
            return found
        try:
            found = await self._cluster.autoscalers(namespace)
        except ClusterRefusedError as error:
            if not self._told_forbidden:
                log.warning("rivals.unknown", namespace=namespace, reason=str(error))
            self._told_forbidden, found = True, {}
        self._listed[namespace] = (now_s, found)
        return found
