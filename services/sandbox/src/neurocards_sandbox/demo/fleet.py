"""The workers of a demo as a target that can be scaled: processes where a cluster has pods.

Each is watched and started again when it dies. Invariants: a worker that has to go hands its jobs
over first (SIGTERM, and time for it); its number is nobody else's while it lives; none is left
when `stop` returns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from neurocards_sandbox.demo.addresses import pod_name
from neurocards_sandbox.demo.children import ManagedChild, Report, exit_words
from neurocards_sandbox.demo.errors import DemoError

HAND_OVER_S = 30.0
"""What a worker has for it, as in a cluster; it needs a second or two."""
_WATCH_PAUSE_S = 0.25
_RESTART_PAUSE_S, _RESTART_PAUSE_S_MAX = 0.5, 4.0


class WorkerFleet:
    """`replicas` are wanted, `ready` of them take jobs; `make` gives the worker of a number."""

    def __init__(self, make: Callable[[int], ManagedChild], report: Report) -> None:
        self._make, self._report = make, report
        self._members: dict[int, ManagedChild] = {}
        self._starting: dict[int, asyncio.Task[None]] = {}
        self._going: dict[int, asyncio.Task[None]] = {}
        self.start_s: float | None = None
        """How long the last one took from its start until it was ready."""

    @property
    def members(self) -> list[ManagedChild]:
        return list(self._members.values())

    @property
    def replicas(self) -> int:
        return len(self._members)

    @property
    def ready(self) -> int:
        settled = [n for n in self._members if n not in self._starting]
        return sum(self._members[number].is_running for number in settled)

    @property
    def going(self) -> int:
        return len(self._going)

    async def begin(self, replicas: int) -> None:
        """Start so many and wait until all are ready; DemoError with the first one's fault."""
        self.scale_to(replicas, {})
        await asyncio.gather(*self._starting.values())
        for worker in self.members:
            if not worker.is_running:
                raise DemoError(worker.words("did not start"))

    def scale_to(self, replicas: int, jobs: Mapping[str, int]) -> None:
        """Start workers or let some go: those first that are not ready or hold the fewest jobs.

        `jobs` tells how many jobs the workers hold, by name. Returns before it has come to that.
        """
        for number in self._victims(self.replicas - replicas, jobs):
            self._let_go(number)
        for number in self._free_numbers(replicas - self.replicas):
            worker = self._members[number] = self._make(number)
            self._start(number, worker, after_s=0.0)

    async def watch(self) -> None:
        """Start again what dies, until cancelled; DemoError when one dies too often."""
        while True:
            await asyncio.sleep(_WATCH_PAUSE_S)
            for number, worker in list(self._members.items()):
                if worker.is_running or number in self._starting:
                    continue
                self._report(worker.words(f"has died ({exit_words(worker)})"))
                if not worker.may_restart():
                    raise DemoError(f"the {worker.name} died too often; see {worker.log_path}")
                pause_s = min(_RESTART_PAUSE_S_MAX, _RESTART_PAUSE_S * len(worker.restarts))
                self._start(number, worker, after_s=pause_s)

    async def stop(self) -> None:
        for number in list(self._members):
            self._let_go(number)
        await asyncio.gather(*self._going.values())

    def _victims(self, count: int, jobs: Mapping[str, int]) -> list[int]:
        def rank(number: int) -> tuple[bool, int, int]:
            is_ready = number not in self._starting
            return is_ready, jobs.get(pod_name(number), 0), -number

        return sorted(self._members, key=rank)[: max(0, count)]

    def _free_numbers(self, count: int) -> list[int]:
        free: list[int] = []
        number = 0
        while len(free) < count:
            if number not in self._members and number not in self._going:
                free.append(number)
            number += 1
        return free

    def _start(self, number: int, worker: ManagedChild, *, after_s: float) -> None:
        task = asyncio.create_task(self._started(number, worker, after_s), name=worker.name)
        self._starting[number] = task
        task.add_done_callback(lambda done: self._forget(self._starting, number, done))

    async def _started(self, number: int, worker: ManagedChild, after_s: float) -> None:
        is_again = bool(worker.restarts)
        await asyncio.sleep(after_s)
        began_s = time.monotonic()
        try:
            await worker.start()
        except DemoError as error:
            # Counted like a death: `watch` tries again as long as it may.
            await worker.stop()
            self._report(str(error))
            return
        self.start_s = time.monotonic() - began_s
        # Who hears that it runs may count it at once; the task's own callback comes a turn later.
        self._starting.pop(number, None)
        if is_again:
            self._report(f"the {worker.name} runs again")

    def _let_go(self, number: int) -> None:
        worker = self._members.pop(number)
        starting = self._starting.pop(number, None)
        task = asyncio.create_task(_ended(worker, starting), name=f"end of {worker.name}")
        self._going[number] = task
        task.add_done_callback(lambda done: self._forget(self._going, number, done))

    @staticmethod
    def _forget(
        tasks: dict[int, asyncio.Task[None]], number: int, done: asyncio.Task[None]
    ) -> None:
        if tasks.get(number) is done:
            del tasks[number]


async def _ended(worker: ManagedChild, starting: asyncio.Task[None] | None) -> None:
    if starting is not None:
        starting.cancel()
        await asyncio.wait({starting})
    await worker.stop(timeout_s=HAND_OVER_S)
