"""Everything that takes part in a run: servers, simulators, workers, bots and the links between.

Workers and bots reach the others over links that can be made to fail, log in with their own roles,
and are started again by a watcher when they are dead. The simulators are one process that never
fails by itself: it is the witness.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx

from chaos.plan import LINKS
from chaos.proxy import FaultProxy
from neurocards_sandbox.demo import addresses as addressing
from neurocards_sandbox.demo.addresses import DATABASE, Addresses, Plan, local
from neurocards_sandbox.demo.data_folder import DataFolder
from neurocards_sandbox.demo.database import open_logins, prepare_database
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.embedded import NatsServer, PostgresServer
from neurocards_sandbox.embedded.ports import free_ports
from neurocards_sandbox.embedded.processes import ChildProcess
from support import history

WORKERS, BOTS = 3, 2
JOBS_PER_WORKER = 40
RENDER_S = 5.0
LIMIT_FACTOR = 20.0
PROVIDER_KEYS = 3
RESTART_S = 0.3
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 40.0
POSTGRES_SETTINGS = {"max_connections": "300", "shared_buffers": "64MB", "fsync": "off"}
FAST = {
    "NEUROCARDS_PROFILE": "fast",
    # The orders of a whole run wait in line here, and none of them may be given up for that.
    "NEUROCARDS_JOB_DEADLINE_S": "7200",
    "NEUROCARDS_KEY_RATE_BLOCK_S": "3",
    "NEUROCARDS_RENDER_POLL_S": "1",
    "NEUROCARDS_RENDER_POLL_CALLBACK_S": "2",
    "NEUROCARDS_STATUS_EDIT_S": "1",
}
"""The profile of crash tests, and what of it does not fit a crowd."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Member:
    """A worker or a bot, and whether it may be started again when it is dead."""

    name: str
    module: str
    environment: dict[str, str]
    probes_url: str
    child: ChildProcess
    deaths: int = 0


class Stage:
    """Use it as `async with Stage(folder, seed, say) as stage`."""

    def __init__(self, folder: Path, seed: int, say: Say) -> None:
        self._folder = folder
        self._say = say
        self._dice = random.Random(seed + 2)
        self._exit = AsyncExitStack()
        self._data = DataFolder(folder / "data")
        self.postgres = PostgresServer(folder / "postgres", settings=POSTGRES_SETTINGS)
        self.nats = NatsServer(folder / "nats")
        self.links: dict[str, FaultProxy] = {}
        self.members: dict[str, Member] = {}
        self.starting = asyncio.Lock()

    @property
    def database_url(self) -> str:
        """The straight way to the database, as its superuser."""
        return self.postgres.url(DATABASE)

    @property
    def secrets(self) -> list[str]:
        """What no log may hold."""
        kept = self._data.load_secrets()
        return [
            kept.bot_token,
            kept.webhook_secret,
            kept.callback_secret,
            kept.kie_key,
            kept.openai_key,
            kept.bot_password,
            kept.worker_password,
            *self._provider_keys[1:],
        ]

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exit.aclose()

    async def _start(self) -> None:
        self._exit.enter_context(self._data)
        await self._exit.enter_async_context(self.postgres)
        await self._exit.enter_async_context(self.nats)
        await self._make_plans()
        await prepare_database(self.postgres, self.inner)
        await self._migrate()
        await open_logins(self.postgres, self.inner)
        self.pool: asyncpg.Pool = await self._exit.enter_async_context(
            asyncpg.create_pool(self.database_url, min_size=0, max_size=4)
        )
        await history.install(self.pool)
        await self._start_simulators()
        self._exit.push_async_callback(self._stop_members)
        for number in range(BOTS):
            self._add_bot(number)
        for number in range(WORKERS):
            self._add_worker(number)
        await asyncio.gather(*(self.until_ready(member) for member in self.members.values()))
        watching = asyncio.create_task(self._watch())
        self._exit.callback(watching.cancel)
        self._say(f"{WORKERS} workers and {BOTS} bots run")

    async def _make_plans(self) -> None:
        """Pick ports: the inner plan is the real one, the outer one leads over the links."""
        options = DemoOptions(
            data_dir=self._folder / "data",
            port=0,
            render_s=RENDER_S,
            cached_renders=True,
            height_max=320,
            workers=WORKERS,
            jobs_per_worker=JOBS_PER_WORKER,
            limit_factor=LIMIT_FACTOR,
        )
        secrets = self._data.load_secrets()
        self._provider_keys = [secrets.kie_key] + [
            f"chaos-key-{n}-{self._dice.random()}" for n in (2, 3)
        ]
        real = Addresses.pick(options)
        self._bot_ports = free_ports(2 * BOTS)
        upstreams = {
            "postgres": [self.postgres.port],
            "nats": [self.nats.port],
            "telegram": [real.telegram],
            "kie": [real.kie],
            "openai": [real.openai],
            "ingress": self._bot_ports[:BOTS],
        }
        for name in LINKS:
            ends = [("127.0.0.1", port) for port in upstreams[name]]
            link = FaultProxy(name, ends, dice=self._dice)
            await link.start()
            self._exit.push_async_callback(link.stop)
            self.links[name] = link
        self.inner = Plan(
            options,
            secrets,
            replace(real, bot=self.links["ingress"].port),
            self.postgres.port,
            self.nats.url,
        )
        links = self.links
        through = replace(
            real,
            telegram=links["telegram"].port,
            kie=links["kie"].port,
            openai=links["openai"].port,
        )
        nats_url = f"nats://127.0.0.1:{self.links['nats'].port}"
        self.outer = Plan(options, secrets, through, self.links["postgres"].port, nats_url)
        self.telegram_url = local(real.telegram)
        self.kie_url = local(real.kie)
        self.openai_url = local(real.openai)

    async def _migrate(self) -> None:
        child = ChildProcess(
            "migration",
            [sys.executable, "-m", "neurocards.cli", "migrate", "up"],
            log_path=self._folder / "migrations.log",
            environment=addressing.migrate_environment(self.inner),
        )
        await child.until(lambda: child.exit_code == 0, timeout_s=READY_WITHIN_S)

    async def _start_simulators(self) -> None:
        child = ChildProcess(
            "simulators",
            [sys.executable, "-m", "neurocards_sandbox.demo.sandbox_process"],
            log_path=self._folder / "simulators.log",
            environment=addressing.sandbox_environment(self.inner),
        )
        self._exit.push_async_callback(child.stop, timeout_s=STOP_WITHIN_S)
        self.http = await self._exit.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=60.0)
        )
        await self._until_answered(f"{self.telegram_url}/sim/bots", child)
        for key in self._provider_keys[1:]:
            await self.tell(self.kie_url, "/keys", {"key": key, "account": key})

    def _add_bot(self, number: int) -> None:
        http_port, probes_port = self._bot_ports[number], self._bot_ports[BOTS + number]
        own = {
            "NEUROCARDS_HTTP_PORT": str(http_port),
            "NEUROCARDS_METRICS_PORT": str(probes_port),
            "NEUROCARDS_POD_NAME": f"bot-{number}",
        }
        environment = addressing.bot_environment(self.outer) | FAST | own
        self._add(f"bot-{number}", "neurocards_bot", environment, probes_port)

    def _add_worker(self, number: int) -> None:
        own = {
            "NEUROCARDS_POD_NAME": f"worker-{number}",
            "KIE_API_KEY": ",".join(self._provider_keys),
        }
        environment = addressing.worker_environment(self.outer, number) | FAST | own
        probes_port = self.outer.addresses.worker_probes[number]
        self._add(f"worker-{number}", "neurocards_worker", environment, probes_port)

    def _add(self, name: str, module: str, environment: dict[str, str], probes_port: int) -> None:
        child = self._spawn(name, module, environment)
        self.members[name] = Member(name, module, environment, local(probes_port), child)

    def _spawn(self, name: str, module: str, environment: dict[str, str]) -> ChildProcess:
        log_path = self._folder / f"{name}.log"
        command = [sys.executable, "-m", module]
        return ChildProcess(name, command, log_path=log_path, environment=environment)

    async def _watch(self) -> None:
        """Start again what is dead, as a cluster would."""
        while True:
            await asyncio.sleep(RESTART_S)
            for member in self.members.values():
                if not member.child.is_running:
                    member.deaths += 1
                    member.child = self._spawn(member.name, member.module, member.environment)

    async def until_ready(self, member: Member) -> None:
        await self._until_answered(f"{member.probes_url}/readyz", None)

    async def _until_answered(self, url: str, child: ChildProcess | None) -> None:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                if child is not None and not child.is_running:
                    raise RuntimeError(child.log_tail())
                try:
                    if (await self.http.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def _stop_members(self) -> None:
        ends = (member.child.stop(timeout_s=STOP_WITHIN_S) for member in self.members.values())
        await asyncio.gather(*ends)

    def pick(self, kind: str, victim: int) -> Member:
        """Choose a worker or a bot by a number of the plan."""
        candidates = [member for name, member in self.members.items() if name.startswith(kind)]
        return candidates[victim % len(candidates)]

    async def tell(self, url: str, path: str, body: Any = None, method: str = "POST") -> Any:
        """Call the control API of a simulator."""
        reply = await self.http.request(method, f"{url}/sim{path}", json=body)
        return reply.raise_for_status().json()

    async def heal(self) -> None:
        """End every trouble, whatever is still under way of it."""
        for link in self.links.values():
            link.trouble = None
        for member in self.members.values():
            member.child.signal(signal.SIGCONT)
        for url in (self.telegram_url, self.kie_url, self.openai_url):
            await self.tell(url, "/faults", method="DELETE")
        rates = {"loss_rate": 0.0, "duplicate_rate": 0.0, "delay_rate": 0.0}
        await self.tell(self.kie_url, "/callbacks", rates)
        await self.postgres.start()
        await self.nats.start()

    def logs(self) -> dict[str, str]:
        """Read the logs of workers and bots."""
        return {
            name: (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            for name in self.members
        }

    def counters(self) -> str:
        return json.dumps({name: member.deaths for name, member in self.members.items()})
