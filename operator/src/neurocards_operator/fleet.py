"""All objects that are followed, and a keeper for each of them while this operator acts.

The watch is heard all the time, so whoever takes over knows the objects already; a listing at the
beginning of each term and now and then is the net under it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from neurocards_operator.cluster import ScalingCluster
from neurocards_operator.errors import ClusterError
from neurocards_operator.keeper import Keeper
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.pulse import Pulse
from neurocards_operator.roster import Key, Known, Roster, known_of
from neurocards_operator.timing import retry_s

log = structlog.get_logger(__name__)

LEAVE_S = 3.0
DELETED_KEPT = 1000
"""Uids of objects that are gone: a listing that was under way may still name them."""


class Fleet:
    def __init__(
        self,
        cluster: ScalingCluster,
        roster: Roster,
        make_keeper: Callable[[Known], Keeper],
        *,
        resync_s: float,
        pulse: Pulse,
        metrics: OperatorMetrics,
    ) -> None:
        self._cluster, self._roster, self._make_keeper = cluster, roster, make_keeper
        self._resync_s = resync_s
        self._pulse, self._metrics = pulse, metrics
        self._keepers: dict[Key, tuple[Keeper, asyncio.Task[None]]] = {}
        self._deleted: deque[str] = deque(maxlen=DELETED_KEPT)
        self._leading = False

    def on_event(self, kind: str, tree: Mapping[str, Any]) -> None:
        """Take one event of the watch."""
        known = known_of(tree)
        if kind == "DELETED" or known.is_leaving:
            self._deleted.append(known.uid)
            self._forget(known.key, known.uid)
        else:
            self._learn(known)

    def on_hint(self, subject: str, _payload: bytes) -> None:
        """Take `wake.scaling.<pool>`: orders came into a pool, or jobs of it ended."""
        for key in self._roster.in_pool(subject.rpartition(".")[2]):
            self._wake(key)

    async def lead(self) -> None:
        """Keep all objects until cancelled."""
        failures = 0
        try:
            while True:
                self._pulse.beat("fleet", again_within_s=self._resync_s)
                try:
                    await self._resync()
                    failures = 0
                except ClusterError as error:
                    failures += 1
                    log.warning("fleet.listing_failed", reason=str(error))
                pause_s = retry_s(failures) if failures else self._resync_s
                await asyncio.sleep(pause_s)
        finally:
            self._pulse.ended("fleet")
            self._leading = False
            await self._dismiss()

    async def _resync(self) -> None:
        before = self._roster.all_keys()
        found = await self._cluster.objects()
        listed = {known.key for known in found}
        for known in found:
            if not known.is_leaving:
                self._learn(known)
        for key in before - listed:
            self._forget(key, None)
        # Not before all are known: of two policies on one target the younger one must not act.
        self._leading = True
        for key in self._roster.all_keys() - self._keepers.keys():
            self._employ(key)

    def _learn(self, known: Known) -> None:
        former = self._roster.get(known.key)
        if known.uid in self._deleted or (former is not None and former.is_newer_than(known)):
            return
        self._roster.put(known)
        self._metrics.objects.set(len(self._roster))
        if not self._leading:
            return
        if former is not None and former.uid != known.uid:
            self._release(known.key)
        if known.key not in self._keepers:
            self._employ(known.key)
        elif former is None or not former.says_the_same(known):
            self._keepers[known.key][0].wake(known)
        if former is None or former.target != known.target:
            self._wake_neighbours(known)

    def _forget(self, key: Key, uid: str | None) -> None:
        former = self._roster.get(key)
        if former is None or not self._roster.drop(key, uid):
            return
        self._metrics.objects.set(len(self._roster))
        self._release(key)
        self._metrics.forget(*key)
        self._wake_neighbours(former)
        log.info("fleet.object_gone", namespace=key.namespace, name=key.name)

    def _wake_neighbours(self, known: Known) -> None:
        """Wake those with the same target: another one of them may be the oldest now."""
        for key in self._roster.all_keys():
            other = self._roster.get(key)
            if other is not None and key != known.key and other.target == known.target:
                self._wake(key)

    def _wake(self, key: Key) -> None:
        if key in self._keepers:
            self._keepers[key][0].wake()

    def _employ(self, key: Key) -> None:
        known = self._roster.get(key)
        if known is None:
            return
        keeper = self._make_keeper(known)
        task = asyncio.create_task(keeper.run(), name=f"scaling-{key.namespace}/{key.name}")
        self._keepers[key] = (keeper, task)
        log.info("fleet.object_kept", namespace=key.namespace, name=key.name)

    def _release(self, key: Key) -> None:
        if key in self._keepers:
            self._keepers.pop(key)[1].cancel()

    async def _dismiss(self) -> None:
        """End every keeper; each may leave what it knows in its status."""
        keepers = [keeper for keeper, _ in self._keepers.values()]
        tasks = [task for _, task in self._keepers.values()]
        self._keepers.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            leaving = [asyncio.create_task(keeper.leave()) for keeper in keepers]
            _, late = await asyncio.wait(leaving, timeout=LEAVE_S)
            for task in late:
                task.cancel()
