"""The bot and a worker as processes, with a canary in every setting that holds a secret.

PostgreSQL, NATS and the simulators are real and stay up: whatever is answered with 5xx here is the
bot's own doing. Its webhook stands behind a recorder, so that what Telegram really sends can be
kept and spoiled.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
import httpx

from abuse.recorder import Recorder
from neurocards_sandbox.demo import addresses as addressing
from neurocards_sandbox.demo.addresses import DATABASE, Addresses, Plan, local
from neurocards_sandbox.demo.data_folder import DemoSecrets
from neurocards_sandbox.demo.database import open_logins, prepare_database
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.embedded import NatsServer, PostgresServer
from neurocards_sandbox.embedded.processes import ChildProcess
from neurocards_sandbox.simulation.serving import serving
from support import history
from support.canaries import canary, with_password

BOT_ID = 4244
RENDER_S = 2.0
LIMIT_FACTOR = 1_000.0
"""A simulator that says "too many requests" would be a server that is away."""
READY_WITHIN_S = 300.0
STOP_WITHIN_S = 40.0
POSTGRES_SETTINGS = {"max_connections": "100", "shared_buffers": "64MB", "fsync": "off"}
OURS = {
    "NEUROCARDS_PROFILE": "fast",
    "NEUROCARDS_LOG_LEVEL": "debug",
    "NEUROCARDS_LOG_USER_KEY": canary("log-user"),
    "NEUROCARDS_NATS_USER": "nobody",
    "NEUROCARDS_NATS_PASSWORD": canary("nats"),
    "DB_PASS": canary("database"),
    "NEUROCARDS_JOB_DEADLINE_S": "60",
    "NEUROCARDS_RENDER_POLL_CALLBACK_S": "2",
    "NEUROCARDS_STATUS_EDIT_S": "1",
}
BOT_ONLY = {
    "NEUROCARDS_ADMIN_TOKEN": canary("admin"),
    # Who mutates a few hundred people into a crowd still meets the limit now and then.
    "NEUROCARDS_INBOUND_PER_MINUTE": "600",
    "NEUROCARDS_INBOUND_BURST": "100",
}


def planted() -> DemoSecrets:
    """Make the secrets of everything that logs in anywhere."""
    return DemoSecrets(
        bot_token=f"{BOT_ID}:{canary('token')}",
        webhook_secret=canary("webhook"),
        callback_secret=canary("callback"),
        kie_key=canary("kie"),
        kie_webhook_key=canary("kie-webhook"),
        openai_key=canary("openai"),
        bot_password=canary("bot-database"),
        worker_password=canary("worker-database"),
    )


def environments(plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Give the environment of the bot and that of the worker."""
    own = OURS | {"NEUROCARDS_NATS_URL": with_password(plan.nats_url, canary("nats-url"))}
    bot = addressing.bot_environment(plan) | own | BOT_ONLY
    return bot, addressing.worker_environment(plan, 0) | own


def plan_of(folder: Path, *, postgres_port: int, nats_url: str) -> Plan:
    options = DemoOptions(
        data_dir=folder / "data",
        port=0,
        render_s=RENDER_S,
        cached_renders=True,
        height_max=320,
        limit_factor=LIMIT_FACTOR,
    )
    return Plan(options, planted(), Addresses.pick(options), postgres_port, nats_url)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the two processes that are attacked."""

    child: ChildProcess
    probes_url: str

    @property
    def memory_bytes(self) -> int:
        """What it has in memory of its own making, by the kernel's books.

        Not only what nobody else has: a photo is looked at by a fork, and while one lives
        nearly everything is shared.
        """
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (kib,) = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
        return int(kib) * 1024

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def log(self) -> str:
        return self.child.log_path.read_text(encoding="utf-8", errors="replace")


class Stage:
    """Use it as `async with Stage(folder) as stage`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exit = AsyncExitStack()
        self.recorder = Recorder()
        self.members: dict[str, Member] = {}

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
        enter = self._exit.enter_async_context
        (self._folder / "data" / "work").mkdir(parents=True)
        postgres = PostgresServer(self._folder / "postgres", settings=POSTGRES_SETTINGS)
        nats = NatsServer(self._folder / "nats")
        await enter(postgres)
        await enter(nats)
        self.nats_url = nats.url
        self.plan = plan_of(self._folder, postgres_port=postgres.port, nats_url=nats.url)
        self.bot_url = local(self.plan.addresses.bot)
        self.telegram_url = local(self.plan.addresses.telegram)
        self.kie_url = local(self.plan.addresses.kie)
        self.http = await enter(httpx.AsyncClient(trust_env=False, timeout=60.0))
        self.simulator = await enter(
            httpx.AsyncClient(base_url=self.telegram_url, trust_env=False, timeout=60.0)
        )
        await prepare_database(postgres, self.plan)
        await self._migrate()
        await open_logins(postgres, self.plan)
        self.pool: asyncpg.Pool = await enter(
            asyncpg.create_pool(postgres.url(DATABASE), min_size=0, max_size=4)
        )
        await history.install(self.pool)
        await self._start_simulators()
        bot, worker = environments(self.plan)
        addresses = self.plan.addresses
        await self._add("bot", "neurocards_bot", bot, addresses.bot_probe)
        await self._add("worker", "neurocards_worker", worker, addresses.worker_probes[0])

    async def _migrate(self) -> None:
        child = self._spawn(
            "migration",
            ["neurocards.cli", "migrate", "up"],
            addressing.migrate_environment(self.plan),
        )
        await child.until(lambda: child.exit_code == 0, timeout_s=READY_WITHIN_S)

    async def _start_simulators(self) -> None:
        """Start them behind the recorder: what they send to the bot is kept on its way."""
        url = await self._exit.enter_async_context(
            serving(self.recorder.app(self.bot_url, self.http))
        )
        port = int(url.rpartition(":")[2])
        seen_outside = replace(self.plan, addresses=replace(self.plan.addresses, bot=port))
        child = self._spawn(
            "simulators",
            ["neurocards_sandbox.demo.sandbox_process"],
            addressing.sandbox_environment(seen_outside),
        )
        self._exit.push_async_callback(child.stop, timeout_s=STOP_WITHIN_S)
        await self._until_answered(f"{self.telegram_url}/sim/bots", child)

    async def _add(
        self, name: str, module: str, environment: dict[str, str], probes_port: int
    ) -> None:
        child = self._spawn(name, [module], environment)
        self._exit.push_async_callback(child.stop, timeout_s=STOP_WITHIN_S)
        member = self.members[name] = Member(child, local(probes_port))
        await self._until_answered(f"{member.probes_url}/readyz", child)

    def _spawn(self, name: str, arguments: list[str], environment: dict[str, str]) -> ChildProcess:
        return ChildProcess(
            name,
            [sys.executable, "-m", *arguments],
            log_path=self._folder / f"{name}.log",
            environment=environment,
        )

    async def _until_answered(self, url: str, child: ChildProcess) -> None:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                if not child.is_running:
                    raise RuntimeError(child.log_tail())
                try:
                    if (await self.http.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
