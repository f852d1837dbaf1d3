"""Which objects are kept, from when on, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from neurocards.testing.clock import FakeClock
from neurocards_operator.errors import ClusterUnavailableError
from neurocards_operator.fleet import Fleet
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.pulse import Pulse
from neurocards_operator.roster import Known, Roster, known_of

TURNS = 20


def tree(name: str, *, uid: str = "1", generation: int = 1, **metadata: Any) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    return {
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid,
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        | metadata,
        "spec": {"scaleTargetRef": reference, "pool": f"pool-{name}"},
    }


class Listing:
    """An API server that knows some objects, or none and that it is away."""

    def __init__(self, *trees: dict[str, Any]) -> None:
        self.trees = list(trees)
        self.answers = asyncio.Event()
        self.away = False

    async def objects(self) -> list[Known]:
        await self.answers.wait()
        if self.away:
            raise ClusterUnavailableError("away")
        return [known_of(one) for one in self.trees]


class Kept:
    """Stands for the keeper of one object: what it was told, and whether it still runs."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.runs = False
        self.wakes = 0
        self.has_left = False

    def wake(self, known: Known | None = None) -> None:
        self.known = known or self.known
        self.wakes += 1

    async def run(self) -> None:
        self.runs = True
        try:
            await asyncio.Event().wait()
        finally:
            self.runs = False

    async def leave(self) -> None:
        self.has_left = True


class Desk:
    def __init__(self, *trees: dict[str, Any]) -> None:
        self.listing = Listing(*trees)
        self.kept: list[Kept] = []
        self.pulse = Pulse(FakeClock())
        self.fleet = Fleet(
            self.listing,  # type: ignore[arg-type]
            Roster(),
            self._keeper,  # type: ignore[arg-type]
            resync_s=3600,
            pulse=self.pulse,
            metrics=OperatorMetrics(CollectorRegistry()),
        )

    def _keeper(self, known: Known) -> Kept:
        self.kept.append(Kept(known))
        return self.kept[-1]

    @property
    def running(self) -> list[str]:
        return sorted(kept.known.key.name for kept in self.kept if kept.runs)

    def of(self, name: str) -> Kept:
        return next(kept for kept in reversed(self.kept) if kept.known.key.name == name)


@asynccontextmanager
async def leading(desk: Desk, *, listed: bool = True) -> AsyncIterator[None]:
    if listed:
        desk.listing.answers.set()
    task = asyncio.create_task(desk.fleet.lead())
    try:
        await turns()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_a_standby_hears_everything_and_keeps_nothing():
    desk = Desk()
    desk.fleet.on_event("ADDED", tree("a"))
    await turns()
    assert desk.kept == []
    desk.listing.trees.append(tree("a"))
    async with leading(desk):
        assert desk.running == ["a"]


async def test_nobody_acts_before_all_objects_are_known():
    """An event may come before the listing: its object may have an older rival."""
    desk = Desk(tree("a"), tree("b"))
    async with leading(desk, listed=False):
        desk.fleet.on_event("ADDED", tree("b"))
        await turns()
        assert desk.running == []
        desk.listing.answers.set()
        await turns()
        assert desk.running == ["a", "b"]


async def test_an_object_is_kept_from_its_making_to_its_deletion():
    desk = Desk()
    async with leading(desk):
        desk.fleet.on_event("ADDED", tree("a"))
        await turns()
        assert desk.running == ["a"]
        desk.fleet.on_event("DELETED", tree("a"))
        await turns()
        assert desk.running == []


async def test_an_object_that_waits_for_a_foreign_finalizer_is_left_alone():
    desk = Desk(tree("a"))
    async with leading(desk):
        desk.fleet.on_event("MODIFIED", tree("a", deletionTimestamp="2026-01-02T00:00:00Z"))
        await turns()
        assert desk.running == []


async def test_its_own_status_wakes_nobody_and_a_change_wakes_its_keeper():
    desk = Desk(tree("a"))
    async with leading(desk):
        desk.fleet.on_event("MODIFIED", tree("a", resourceVersion="8"))
        assert desk.of("a").wakes == 0
        desk.fleet.on_event("MODIFIED", tree("a", generation=2))
        assert desk.of("a").wakes == 1
        assert desk.of("a").known.generation == 2


async def test_an_object_made_anew_under_its_name_gets_a_keeper_of_its_own():
    desk = Desk(tree("a"))
    async with leading(desk):
        desk.fleet.on_event("ADDED", tree("a", uid="2"))
        await turns()
        assert [kept.known.uid for kept in desk.kept if kept.runs] == ["2"]
        desk.fleet.on_event("DELETED", tree("a", uid="1"))
        await turns()
        assert desk.running == ["a"]


async def test_a_hint_wakes_the_keepers_of_its_pool():
    desk = Desk(tree("a"), tree("b"))
    async with leading(desk):
        desk.fleet.on_hint("wake.scaling.pool-b", b"")
        assert (desk.of("a").wakes, desk.of("b").wakes) == (0, 1)


async def test_when_the_oldest_of_a_target_goes_the_others_are_woken():
    desk = Desk(tree("a"), tree("b"))
    async with leading(desk):
        before = desk.of("b").wakes
        desk.fleet.on_event("DELETED", tree("a"))
        assert desk.of("b").wakes == before + 1


async def test_who_stops_leading_lets_every_keeper_leave_in_order():
    desk = Desk(tree("a"), tree("b"))
    async with leading(desk):
        assert desk.running == ["a", "b"]
    assert desk.running == []
    assert all(kept.has_left for kept in desk.kept)
    desk.fleet.on_event("MODIFIED", tree("a", generation=5))
    await turns()
    assert desk.running == []


async def test_a_listing_that_fails_ends_no_term():
    desk = Desk(tree("a"))
    desk.listing.away = True
    async with leading(desk):
        desk.fleet.on_event("ADDED", tree("a"))
        await turns()
        assert desk.running == []
        assert desk.pulse.is_alive()


async def test_a_listing_that_is_older_than_the_watch_changes_nothing_back():
    """It was under way while one object was deleted and another one was changed."""
    desk = Desk(tree("a"), tree("b"))
    async with leading(desk, listed=False):
        desk.fleet.on_event("MODIFIED", tree("b", generation=2))
        desk.fleet.on_event("ADDED", tree("a"))
        desk.fleet.on_event("DELETED", tree("a"))
        desk.listing.answers.set()
        await turns()
        assert desk.running == ["b"]
        assert desk.of("b").known.generation == 2
