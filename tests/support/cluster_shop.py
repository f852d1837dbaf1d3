"""The product as it is installed on a real cluster: people who order, and every side to look at.

The simulators are the witness and are never ended; to PostgreSQL, NATS and them lead tunnels that
find a new pod by themselves.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import nats.errors

from neurocards_sandbox.demo.errors import DemoError
from support import history, invariants
from support.customer import Customer
from support.invariants import Breach, Ending
from support.kubectl import Kubectl
from support.product_photo import product_photo
from support.statements import load

AT_ONCE = 6
LOOK_S = 0.5
AGAIN_S = 1.0
REST_S = 120.0
ORDERED_WITHIN_S = 1_800.0
FIRST_USER_ID = 4_000_001
SQL, E2E = load("chaos"), load("e2e")
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@dataclass(slots=True)
class Talk:
    """Somebody who writes to the bot again and again, and how long he waited for each answer."""

    waits_s: list[float] = field(default_factory=list)

    @property
    def longest_s(self) -> float:
        return max(self.waits_s)


@dataclass(slots=True)
class ClusterShop:
    """Make it by `open_shop`; `users` are those who have ordered, each once."""

    kubectl: Kubectl
    pool: asyncpg.Pool
    http: httpx.AsyncClient
    """To the simulated Telegram."""
    kie_url: str
    nats_url: str
    bot_id: int
    photo: Path
    first_user_id: int
    """From here on nobody has ordered from this release."""
    users: list[int] = field(default_factory=list)

    async def order(self, count: int, *, at_once: int = AT_ONCE) -> None:
        """Let so many new people order, each one video, until the last order is accepted."""
        first = self.first_user_id + len(self.users)
        new = list(range(first, first + count))
        self.users += new
        accepted: set[int] = set()
        places = asyncio.Semaphore(at_once)

        async def look() -> None:
            while True:
                with suppress(*AWAY):
                    rows = await self.pool.fetch(SQL["ordered_users"])
                    accepted.update(row["tg_user_id"] for row in rows)
                await asyncio.sleep(LOOK_S)

        async with asyncio.timeout(ORDERED_WITHIN_S), asyncio.TaskGroup() as around:
            looking = around.create_task(look())
            async with asyncio.TaskGroup() as group:
                for user_id in new:
                    group.create_task(self._order(user_id, accepted, places))
            looking.cancel()

    async def _order(self, user_id: int, accepted: set[int], places: asyncio.Semaphore) -> None:
        customer = Customer(
            self.http,
            bot_id=self.bot_id,
            user_id=user_id,
            photo=self.photo,
            caption=f"Bottle {user_id}",
        )

        async def is_ordered() -> bool:
            return user_id in accepted

        async with places:
            await self._insist_on(customer.introduce)
            while not await is_ordered():
                with suppress(DemoError, httpx.HTTPError):
                    await customer.order(is_ordered)

    async def _insist_on(self, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except (DemoError, httpx.HTTPError):
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def ended(self) -> int:
        """Count the jobs that have ended; 0 while the database is away."""
        with suppress(*AWAY):
            return int((await self.pool.fetch(SQL["progress"]))[0]["ended"])
        return 0

    async def until_ended(self, count: int, *, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while await self.ended() < count:  # noqa: ASYNC110 - it happens in other processes
                await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def talking(self, user_id: int) -> AsyncIterator[Talk]:
        """Let somebody talk to the bot meanwhile."""
        talk = Talk()
        customer = Customer(self.http, bot_id=self.bot_id, user_id=user_id, photo=self.photo)
        await customer.introduce()
        talking = asyncio.create_task(self._talk(customer, talk))
        try:
            yield talk
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking

    async def _talk(self, customer: Customer, talk: Talk) -> None:
        while True:
            began = time.monotonic()
            sent = await customer.visitor.write("/help")
            # Without an answer in a minute, the minute is what he waited.
            with suppress(DemoError):
                await customer.visitor.until(
                    lambda message, sent=sent: message["message_id"] > sent,  # type: ignore[misc]
                    what="an answer",
                )
            talk.waits_s.append(time.monotonic() - began)
            await asyncio.sleep(LOOK_S)

    async def verdict(self) -> tuple[Sequence[Ending], list[Breach]]:
        """Look at every side after everything has ended: how it ended, and what was broken."""
        breaches = await self._at_rest()
        jobs = await invariants.endings(self.pool)
        async with httpx.AsyncClient(base_url=self.kie_url, trust_env=False, timeout=60) as kie:
            listing = (await kie.get("/sim/tasks?limit=10000")).raise_for_status().json()
        shown = {job.chat_id: await self._shown(job.chat_id) for job in jobs}
        breaches += history.check(await history.operations(self.pool))
        breaches += invariants.bill(jobs, invariants.tasks_of(listing))
        breaches += invariants.chats(jobs, shown)
        made = Counter(job.user_id for job in jobs)
        breaches += [
            Breach("I2", str(user), f"ordered once and has {made[user]} jobs")
            for user in self.users
            if made[user] != 1
        ]
        return jobs, breaches

    async def _at_rest(self) -> list[Breach]:
        """Give what is left over at rest; a message or a lease may take its time to go."""
        deadline = time.monotonic() + REST_S
        while True:
            found = await invariants.all_told(self.pool)
            with suppress(nats.errors.Error, OSError):
                found += await invariants.queue_at_rest(self.nats_url)
            if not found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(AGAIN_S)

    async def _shown(self, chat_id: int) -> list[invariants.Shown]:
        answer = await self.http.get(f"/sim/chats/{chat_id}", params={"bot": self.bot_id})
        return invariants.shown_in(answer.raise_for_status().json()["messages"])


@asynccontextmanager
async def open_shop(kubectl: Kubectl, folder: Path) -> AsyncIterator[ClusterShop]:
    """Reach an installed release; its jobs' history is written down from now on."""
    password = _secret(kubectl, "neurocards-database-superuser", "password")
    nats_password = _secret(kubectl, "neurocards-nats", "password")
    async with AsyncExitStack() as stack:
        ports = [
            await stack.enter_async_context(kubectl.tunnel(f"service/neurocards-{name}", port))
            for name, port in (
                ("postgres", 5432),
                ("nats", 4222),
                ("sandbox", 8081),
                ("sandbox", 8082),
            )
        ]
        postgres, broker, telegram, kie = (f"127.0.0.1:{port}" for port in ports)
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                f"postgresql://postgres:{password}@{postgres}/neurocards?sslmode=disable",
                min_size=0,
                max_size=3,
            )
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{telegram}", trust_env=False, timeout=60)
        )
        bots = (await http.get("/sim/bots")).raise_for_status().json()
        ordered = [row["tg_user_id"] for row in await pool.fetch(SQL["ordered_users"])]
        if not await pool.fetchval(E2E["history_is_kept"]):
            await history.install(pool)
        yield ClusterShop(
            kubectl=kubectl,
            pool=pool,
            http=http,
            kie_url=f"http://{kie}",
            nats_url=f"nats://neurocards:{nats_password}@{broker}",
            bot_id=int(bots[0]["bot_id"]),
            photo=product_photo(folder / "bottle.jpg", size=(480, 640)),
            first_user_id=max([FIRST_USER_ID, *(user_id + 1 for user_id in ordered)]),
        )


def _secret(kubectl: Kubectl, name: str, key: str) -> str:
    tree = json.loads(kubectl.run("get", "secret", name, "--output", "json"))
    return base64.b64decode(tree["data"][key]).decode()
