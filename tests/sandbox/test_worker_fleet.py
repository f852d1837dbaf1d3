"""Workers of a demo as a target of scaling, with small real processes in their place."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from neurocards_sandbox.demo.children import ManagedChild
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.fleet import WorkerFleet
from neurocards_sandbox.embedded.ports import free_ports

WAIT_S = 60.0


class Yard:
    """Makes web servers of the standard library as workers, and remembers them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: dict[int, list[ManagedChild]] = {}
        self.said: list[str] = []
        self.ready_when_said: list[int] = []

    def make(self, number: int) -> ManagedChild:
        port = free_ports(1)[0]
        script = self._folder / f"server{number}.py"
        script.write_text(
            f"import http.server as s\n"
            f"s.HTTPServer(('127.0.0.1', {port}), s.SimpleHTTPRequestHandler).serve_forever()\n"
        )
        child = ManagedChild(
            f"worker-{number + 1}",
            f"server{number}",
            {"PYTHONPATH": str(self._folder)},
            f"http://127.0.0.1:{port}/",
            self._folder / f"{number}.log",
        )
        self.made.setdefault(number, []).append(child)
        return child

    @property
    def running(self) -> list[int]:
        return [n for n, all_made in self.made.items() if any(one.is_running for one in all_made)]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.fixture
async def fleet(yard: Yard) -> AsyncIterator[WorkerFleet]:
    def report(words: str) -> None:
        yard.said.append(words)
        yard.ready_when_said.append(workers.ready)

    workers = WorkerFleet(yard.make, report)
    yield workers
    await workers.stop()
    assert yard.running == []


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_the_workers_that_hold_the_fewest_jobs_go_first(fleet: WorkerFleet, yard: Yard):
    """Of those that hold as many, the youngest."""
    await fleet.begin(3)
    assert (fleet.replicas, fleet.ready) == (3, 3)
    fleet.scale_to(1, {"demo-worker-1": 1, "demo-worker-2": 2})
    assert fleet.replicas == 1
    await until(lambda: fleet.going == 0)
    assert yard.running == [1]
    assert fleet.start_s is not None


async def test_a_number_is_not_used_again_while_its_process_lives(fleet: WorkerFleet, yard: Yard):
    """Two workers of one name would hold each other's jobs."""
    await fleet.begin(2)
    fleet.scale_to(1, {})
    fleet.scale_to(2, {})
    assert list(yard.made) == [0, 1, 2]
    await until(lambda: fleet.ready == 2 and fleet.going == 0)
    assert yard.running == [0, 2]


async def test_a_worker_that_is_not_ready_yet_can_be_sent_away(fleet: WorkerFleet, yard: Yard):
    """It goes before those that are ready, and nothing of it stays."""
    await fleet.begin(1)
    fleet.scale_to(2, {})
    fleet.scale_to(1, {"demo-worker-2": 9})
    await until(lambda: fleet.going == 0)
    assert yard.running == [0]


async def test_a_worker_that_dies_is_started_again(fleet: WorkerFleet, yard: Yard):
    """And the terminal hears of both, of its return when it is ready."""
    await fleet.begin(1)
    watching = asyncio.create_task(fleet.watch())
    process = yard.made[0][0].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await until(lambda: "the worker-1 runs again" in yard.said)
    assert "has died (SIGKILL)" in yard.said[0]
    assert yard.ready_when_said == [0, 1]
    watching.cancel()
    await asyncio.wait({watching})


async def test_a_first_worker_that_cannot_start_is_a_fault(tmp_path: Path):
    """With the end of its log, so that a person sees why."""

    def broken(number: int) -> ManagedChild:
        module = "no_such_module"
        return ManagedChild("worker", module, {}, "http://127.0.0.1:9/", tmp_path / f"{number}.log")

    fleet = WorkerFleet(broken, lambda _words: None)
    with pytest.raises(DemoError, match="no_such_module"):
        await fleet.begin(1)
    await fleet.stop()
