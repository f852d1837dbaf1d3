"""Carries the programme out: one strike after the other, several may be under way at once."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import httpx

from chaos.plan import Strike
from chaos.proxy import Fault, Trouble
from chaos.stage import Say, Stage
from support.statements import load

LATENCY_S = 0.4
STRUCK_SHARE = 0.3
STRUCK_CALLS = 15
UPDATES_AGAIN = 20
SERVER_DOWN = asyncpg.PostgresError, asyncpg.InterfaceError, OSError, httpx.HTTPError
SQL = load("chaos")


class Nemesis:
    """`strikes` counts what was carried out, by kind."""

    def __init__(self, stage: Stage, seed: int, say: Say) -> None:
        self._stage = stage
        self._say = say
        self._dice = random.Random(seed + 3)
        self._servers = asyncio.Lock()
        self.strikes: Counter[str] = Counter()

    async def run(self, programme: Sequence[Strike]) -> None:
        """Strike at the planned moments; ends when the last one is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for strike in programme:
                await asyncio.sleep(max(0.0, began + strike.at_s - loop.time()))
                self._say(f"{strike.at_s:6.1f} s  {strike.kind} {strike.lasts_s or ''}")
                group.create_task(self._carry_out(strike))

    async def _carry_out(self, strike: Strike) -> None:
        area, _, what = strike.kind.partition(".")
        ways: dict[str, Callable[[Strike, str], Awaitable[None]]] = {
            "worker": self._process,
            "bot": self._process,
            "nats": self._broker,
            "postgres": self._database,
            "link": self._link,
            "kie": self._provider,
            "openai": self._script_writer,
            "telegram": self._telegram,
            "updates": self._updates,
        }
        try:
            await ways[area](strike, what)
        except SERVER_DOWN as error:
            self._say(f"          {strike.kind} met another trouble: {type(error).__name__}")
        else:
            self.strikes[strike.kind] += 1

    async def _process(self, strike: Strike, what: str) -> None:
        child = self._stage.pick(strike.kind.partition(".")[0], strike.victim).child
        match what:
            case "kill":
                child.signal(signal.SIGKILL)
            case "term":
                child.signal(signal.SIGTERM)
            case "stop":
                child.signal(signal.SIGSTOP)
                await asyncio.sleep(strike.lasts_s)
                child.signal(signal.SIGCONT)

    async def _broker(self, strike: Strike, what: str) -> None:
        async with self._servers:
            match what:
                case "kill":
                    await self._stage.nats.kill()
                    await asyncio.sleep(strike.lasts_s)
                    await self._stage.nats.start()
                case "restart":
                    await self._stage.nats.restart()
                case "wipe":
                    await self._stage.nats.wipe()

    async def _database(self, strike: Strike, what: str) -> None:
        async with self._servers:
            match what:
                case "kill":
                    await self._stage.postgres.kill()
                    await asyncio.sleep(strike.lasts_s)
                    await self._stage.postgres.start()
                case "restart":
                    await self._stage.postgres.restart()
                case "disconnect":
                    connection = await asyncpg.connect(self._stage.database_url)
                    await connection.execute(SQL["end_all_sessions"])
                    await connection.close()

    async def _link(self, strike: Strike, what: str) -> None:
        link = self._stage.links[strike.link]
        if what == "cut":
            link.cut()
            return
        share = STRUCK_SHARE if what == Fault.RESET_AFTER_REQUEST else 1.0
        link.trouble = Trouble(Fault(what), share, LATENCY_S)
        await asyncio.sleep(strike.lasts_s)
        link.trouble = None
        if what == Fault.SILENCE:
            # What was held back would arrive torn: real peers notice at the latest here.
            link.cut()

    async def _provider(self, strike: Strike, what: str) -> None:
        url = self._stage.kie_url
        if what == "callbacks":
            rates = {"loss_rate": 0.4, "duplicate_rate": 0.4, "delay_rate": 0.2}
            await self._stage.tell(url, "/callbacks", rates)
            await asyncio.sleep(strike.lasts_s)
            await self._stage.tell(url, "/callbacks", dict.fromkeys(rates, 0.0))
            return
        await self._armed(url, what, strike)

    async def _script_writer(self, strike: Strike, what: str) -> None:
        await self._armed(self._stage.openai_url, what, strike)

    async def _armed(self, url: str, fault: str, strike: Strike) -> None:
        order = {"fault": fault, "rate": STRUCK_SHARE, "seed": strike.victim}
        await self._stage.tell(url, "/faults", order)
        await asyncio.sleep(strike.lasts_s)
        await self._stage.tell(url, "/faults", method="DELETE")

    async def _telegram(self, _strike: Strike, what: str) -> None:
        order: dict[str, object] = {"times": STRUCK_CALLS}
        match what:
            case "429":
                order |= {"retry_after": 1, "status": 429}
            case "500":
                order |= {"status": 502}
            case "lost":
                order |= {"drop": "after"}
        await self._stage.tell(self._stage.telegram_url, "/faults", order)

    async def _updates(self, _strike: Strike, _what: str) -> None:
        """Bring some of the last updates again, in another order."""
        url, bot_id = self._stage.telegram_url, self._stage.inner.secrets.bot_id
        known = await self._stage.tell(url, f"/bots/{bot_id}/updates", method="GET")
        ids = [int(update["update_id"]) for update in known[-200:]]
        again = self._dice.sample(ids, min(UPDATES_AGAIN, len(ids)))
        if again:
            await self._stage.tell(url, f"/bots/{bot_id}/redeliver", {"update_ids": again})
