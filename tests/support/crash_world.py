"""A world in which workers die on order, and what is looked at after each death.

It lives for a whole module: the processes that are left serve the next point, and a dead one is
replaced behind its back. Only what a death has newly broken is told of it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from neurocards.testing.crash import CrashOrder
from support import history, invariants
from support.history import Operation
from support.invariants import Breach
from support.nursery import Fork, Nursery
from support.worker_world import BOT_ID, WorkerWorld, worker_world

FIRST_USER_ID = 780_001
WORKERS = 2
DEATH_WITHIN_S = 40.0
END_WITHIN_S = 90.0
REST_WITHIN_S = 30.0
LOOK_S = 0.05
WAITS = {
    # What a doubt and a block cost besides the death, cut to what can be waited for.
    "NEUROCARDS_AMBIGUITY_WAIT_S": "1.5",
    "NEUROCARDS_KEY_RATE_BLOCK_S": "2",
    "NEUROCARDS_RETRY_SCALE": "0.05",
}


class CrashWorld:
    def __init__(self, world: WorkerWorld, nats_url: str) -> None:
        self.world = world
        order_file = world.folder / "crash-order"
        self.order = CrashOrder(order_file)
        self.nursery = Nursery("worker", order_file=order_file, folder=world.folder)
        self.workers: list[Fork] = []
        self._nats_url = nats_url
        self._users = itertools.count(FIRST_USER_ID)
        self._known: set[Breach] = set()

    async def keep_workers(self) -> None:
        """Replace those who are dead."""
        self.workers = [worker for worker in self.workers if worker.is_running]
        while len(self.workers) < WORKERS:
            name = f"worker-{uuid4().hex[:6]}"
            own = {"NEUROCARDS_METRICS_PORT": "0", "NEUROCARDS_POD_NAME": name}
            environment = {**self.world.environment, **WAITS, **own}
            self.workers.append(await self.nursery.spawn(environment, name=name))

    async def end_worker(self) -> None:
        """Tell a worker to end, as a roll-out does; wait until it has, by whatever it ends."""
        await self.workers[0].stop(timeout_s=30.0)

    async def new_order(self, caption: str) -> UUID:
        """Accept an order of somebody new; the simulators count faults by the prompt's words."""
        user_id = next(self._users)
        return await self.world.order(caption=f"{caption} {user_id}", user_id=user_id)

    async def death(self, point: str) -> None:
        try:
            async with asyncio.timeout(DEATH_WITHIN_S):
                while not self.order.was_taken:  # noqa: ASYNC110 - another process takes it
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            self.order.withdraw()
            raise AssertionError(f"no process has reached {point}") from None

    async def end_of(self, job_id: UUID) -> str:
        """Wait until the job has ended and nothing more is to be done for it; give its state."""
        try:
            async with asyncio.timeout(END_WITHIN_S):
                while True:
                    await self.keep_workers()
                    status = str((await self.world.job(job_id))["status"])
                    if status in {"done", "failed", "cancelled"}:
                        return status
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"not ended:\n{await self._story(job_id)}") from None

    async def breaches(self, job_id: UUID) -> list[str]:
        """Wait until all is at rest, and tell what is broken now and was not before."""
        found = await self._found()
        try:
            async with asyncio.timeout(REST_WITHIN_S):
                while found - self._known:
                    await self.keep_workers()
                    await asyncio.sleep(LOOK_S)
                    found = await self._found()
        except TimeoutError:
            new = found - self._known
            self._known |= new
            return [*map(str, sorted(new)), await self._story(job_id)]
        return []

    async def _found(self) -> set[Breach]:
        """What can pass (a lease, a message that waits) is asked for until it has passed."""
        pool = self.world.pool
        jobs = await invariants.endings(pool)
        tasks = invariants.tasks_of(await self.world.kie.look("/tasks?limit=10000"))
        newest = {job.chat_id for job in jobs[-3:]}
        shown = {chat: await self._shown(chat) for chat in newest}
        return {
            *await invariants.all_told(pool),
            *history.check(await history.operations(pool)),
            *invariants.bill(jobs, tasks),
            *invariants.chats([job for job in jobs if job.chat_id in newest], shown),
            *await invariants.queue_at_rest(self._nats_url),
        }

    async def _shown(self, chat_id: int) -> list[invariants.Shown]:
        chat = await self.world.telegram.control(f"/chats/{chat_id}?bot={BOT_ID}")
        return invariants.shown_in(chat["messages"])

    async def _story(self, job_id: UUID) -> str:
        log: list[Operation] = await history.operations(self.world.pool)
        lines = [str(one) for one in log if one.job_id == job_id]
        logs = [worker.log_tail()[-1500:] for worker in self.workers]
        return "\n".join(lines + logs)


@asynccontextmanager
async def crash_world(
    folder: Path, *, database_url: str, nats_url: str
) -> AsyncIterator[CrashWorld]:
    async with worker_world(folder, database_url=database_url, nats_url=nats_url) as world:
        await history.install(world.pool)
        crash = CrashWorld(world, nats_url)
        try:
            await crash.keep_workers()
            yield crash
        finally:
            await crash.nursery.close()
