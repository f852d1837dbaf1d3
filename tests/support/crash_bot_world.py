"""A world in which the bot dies on order: its updates, its outbox and its users go on.

The bot is started again as soon as it is dead, on the same port. One worker ends the jobs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx

from neurocards.testing.crash import CrashOrder
from neurocards_sandbox.demo.visitor import RefusedBySimulatorError
from neurocards_sandbox.embedded.ports import free_port
from support import history, invariants
from support.bot_process import BOT_ID, bot_environment, webhook_environment
from support.crash_world import DEATH_WITHIN_S, END_WITHIN_S, LOOK_S, REST_WITHIN_S
from support.customer import Customer
from support.invariants import Breach
from support.nursery import Fork, Nursery
from support.pictures import picture
from support.worker_world import (
    CALLBACK_SECRET,
    PUBLIC_URL,
    WorkerWorld,
    worker_world,
)

FIRST_USER_ID = 790_001
AGAIN_S = 2.0


class CrashBotWorld:
    def __init__(
        self,
        world: WorkerWorld,
        *,
        environment: dict[str, str],
        http_port: int,
        nats_url: str,
    ) -> None:
        self.world = world
        order_file = world.folder / "crash-order"
        self.order = CrashOrder(order_file)
        self.nursery = Nursery("bot", order_file=order_file, folder=world.folder)
        self.url = f"http://127.0.0.1:{http_port}"
        self._environment = {
            "NEUROCARDS_HTTP_HOST": "127.0.0.1",
            "NEUROCARDS_HTTP_PORT": str(http_port),
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_METRICS_PORT": "0",
            "NEUROCARDS_WELCOME_CREDITS": "20",
            "NEUROCARDS_REAPER_S": "0.3",
            **environment,
        }
        self._nats_url = nats_url
        self._users = itertools.count(FIRST_USER_ID)
        self._known: set[Breach] = set()
        self.photo = picture(world.folder / "photo.jpg", size=(600, 800))
        self.shown_again: set[int] = set()
        """Users who have asked for their videos again: what stands in their chats is no breach."""
        self.bot: Fork | None = None

    async def watch(self) -> None:
        """Start the bot, and again whenever it has died, until cancelled."""
        while True:
            if self.bot is None or not self.bot.is_running:
                self.bot = await self.nursery.spawn(self._environment, name="bot")
            await asyncio.sleep(LOOK_S)

    async def until_begun(self) -> None:
        """Wait for the first bot; what has loaded everything takes a while to do so."""
        async with asyncio.timeout(END_WITHIN_S):
            while self.bot is None:  # noqa: ASYNC110 - `watch` says nothing
                await asyncio.sleep(LOOK_S)

    async def restart_bot(self) -> None:
        """Tell it to end; it is started again by `watch`."""
        assert self.bot is not None
        await self.bot.stop(timeout_s=30.0)

    async def get(self, path: str) -> None:
        """Ask the bot's HTTP side something; no answer is one too."""
        try:
            await self.world.http.get(f"{self.url}{path}", timeout=5.0)
        except httpx.HTTPError:
            await asyncio.sleep(LOOK_S)

    async def customer(self, caption: str = "A mug") -> Customer:
        user_id = next(self._users)
        customer = Customer(
            self.world.telegram.http,
            bot_id=BOT_ID,
            user_id=user_id,
            photo=self.photo,
            caption=f"{caption} {user_id}",
        )
        await customer.introduce()
        return customer

    async def job_of(self, customer: Customer) -> UUID | None:
        for job in await invariants.endings(self.world.pool):
            if job.user_id == customer.id:
                return job.job_id
        return None

    async def ordered(self, customer: Customer) -> UUID:
        """Let him order, however often the bot dies; gives the job."""

        async def is_ordered() -> bool:
            return await self.job_of(customer) is not None

        async with asyncio.timeout(END_WITHIN_S):
            await customer.order(is_ordered)
        job_id = await self.job_of(customer)
        assert job_id is not None
        return job_id

    async def insist(
        self, customer: Customer, act: Callable[[], Awaitable[object]], until: str
    ) -> None:
        """Let him do something until the words are in the chat."""

        async def read() -> bool:
            return await customer.reads(until)

        async with asyncio.timeout(END_WITHIN_S):
            await customer.insist(act, read)

    async def until_death(
        self, act: Callable[[], Awaitable[object]], *, for_s: float = DEATH_WITHIN_S
    ) -> None:
        """Let somebody do a thing again and again until the bot has died of it, or for a time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + for_s
        while not self.order.was_taken and loop.time() < until:
            try:
                await act()
            except RefusedBySimulatorError:
                await asyncio.sleep(LOOK_S)
            await self._taken_within(min(AGAIN_S, max(0.0, until - loop.time())))

    async def _taken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not self.order.was_taken:  # noqa: ASYNC110 - another process takes it
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False
        return True

    async def until_status(self, job_id: UUID, *statuses: str) -> str:
        async with asyncio.timeout(END_WITHIN_S):
            while True:
                status = str((await self.world.job(job_id))["status"])
                if status in statuses:
                    return status
                await asyncio.sleep(LOOK_S)

    async def death(self, point: str) -> None:
        if not await self._taken_within(DEATH_WITHIN_S):
            self.order.withdraw()
            raise AssertionError(f"the bot has not reached {point}")

    async def breaches(self) -> list[str]:
        """Wait until all is at rest, and tell what is broken now and was not before."""
        found = await self._found()
        try:
            async with asyncio.timeout(REST_WITHIN_S):
                while found - self._known:
                    await asyncio.sleep(LOOK_S)
                    found = await self._found()
        except TimeoutError:
            new = found - self._known
            self._known |= new
            return [*map(str, sorted(new)), self.bot.log_tail() if self.bot else ""]
        return []

    async def _found(self) -> set[Breach]:
        pool = self.world.pool
        jobs = await invariants.endings(pool)
        tasks = invariants.tasks_of(await self.world.kie.look("/tasks?limit=10000"))
        recent = jobs[-2:]
        shown = {}
        for job in recent:
            chat = await self.world.telegram.control(f"/chats/{job.chat_id}?bot={BOT_ID}")
            shown[job.chat_id] = invariants.shown_in(chat["messages"])
        looked_at = set(shown) - self.shown_again
        of_recent = [job for job in jobs if job.chat_id in looked_at]
        twice = [user for user in {job.user_id for job in jobs} if _count(jobs, user) > 1]
        return {
            *await invariants.all_told(pool),
            *history.check(await history.operations(pool)),
            *invariants.bill(jobs, tasks),
            *invariants.chats(of_recent, shown),
            *await invariants.queue_at_rest(self._nats_url),
            *(Breach("I9", str(user), "ordered once, and has two jobs") for user in twice),
        }


def _count(jobs: list[invariants.Ending], user_id: int) -> int:
    return sum(job.user_id == user_id for job in jobs)


@asynccontextmanager
async def crash_bot_world(
    folder: Path, *, mode: str, database_url: str, nats_url: str
) -> AsyncIterator[CrashBotWorld]:
    http_port = free_port()
    url = f"http://127.0.0.1:{http_port}"
    async with worker_world(
        folder, database_url=database_url, nats_url=nats_url, bot_url=url
    ) as world:
        await history.install(world.pool)
        build = webhook_environment if mode == "webhook" else bot_environment
        environment = build(
            database_url=database_url, nats_url=nats_url, telegram_url=world.telegram.url
        )
        addresses = {"PUBLIC_BASE_URL": PUBLIC_URL, "NEUROCARDS_CALLBACK_SECRET": CALLBACK_SECRET}
        crash = CrashBotWorld(
            world, environment=environment | addresses, http_port=http_port, nats_url=nats_url
        )
        watching = asyncio.create_task(crash.watch())
        try:
            await world.start_worker(**addresses)
            await crash.until_begun()
            yield crash
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            await crash.nursery.close()
