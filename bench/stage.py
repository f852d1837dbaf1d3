"""The stage of one run: servers, simulators and the real bot and worker, each its own process.

Everything is fresh, in a folder of its own, with the settings of production but for addresses and
what a benchmark names. Invariant: whatever was started here is ended with the stage.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
import nats
from nats.aio.client import Client as NatsClient

from bench.procfs import Memory, cpu_s, memory
from bench.statements import statement
from neurocards.adapters.nats.subjects import STREAM, consumer_name
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.migrate import Migrator, migrations_folder, read_migrations
from neurocards_sandbox.embedded import NatsServer, PostgresServer
from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess

BOT_ID = 7_000_001
BOT_TOKEN = f"{BOT_ID}:bench-bench-bench-bench-bench-bench"
WEBHOOK_SECRET = "bench-webhook-secret"  # noqa: S105 - of a bot that exists on this machine only
TELEGRAM_CONNECTIONS_MAX = 100
"""The most that Telegram opens to one webhook."""
PUBLIC_BASE_URL = "https://bench.localhost"
READY_WITHIN_S = 300.0
STATEMENT_S_MAX = 900.0
STOP_WITHIN_S = 40.0
_READY_POLL_S = 0.01
POOL = "default"
KIE_KEY = "bench-kie-key"
OPENAI_KEY = "bench-openai-key"

# The moment of each commit, to measure from it, and room for the connections of baselines;
# everything else, fsync above all, is what PostgreSQL comes with.
_POSTGRES_SETTINGS = {"track_commit_timestamp": "on", "max_connections": "300"}


@dataclass(frozen=True, slots=True)
class Program:
    """A running process of the stage and where it answers."""

    name: str
    child: ChildProcess
    url: str
    ready_s: float
    """From its start to its first good answer."""

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def log_path(self) -> Path:
        return self.child.log_path

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def memory(self) -> Memory:
        return memory(self.pid)


class Stage:
    """Use it as `async with Stage(folder) as stage`; the servers run then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = PostgresServer(folder / "postgres", settings=_POSTGRES_SETTINGS)
        self.nats = NatsServer(folder / "nats")
        self.programs: dict[str, Program] = {}
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "NEUROCARDS_LOG_FORMAT": "json",
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_TELEGRAM_TOKENS": BOT_TOKEN,
            "NEUROCARDS_CALLBACK_SECRET": "bench-callback-secret",
            "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
        }
        self._bot_port = free_port()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._stack.enter_async_context(self.postgres)
            await self._stack.enter_async_context(self.nats)
            self.http = await self._stack.enter_async_context(httpx.AsyncClient(timeout=60.0))
            self.pool: asyncpg.Pool = await self._stack.enter_async_context(
                asyncpg.create_pool(
                    self.database_url,
                    min_size=1,
                    max_size=4,
                    command_timeout=STATEMENT_S_MAX,
                    init=set_codecs,
                )
            )
            await Migrator(self.database_url, read_migrations(migrations_folder())).up()
        except BaseException:
            await self._stack.aclose()
            raise
        self.environment |= {
            "NEUROCARDS_DATABASE_URL": self.database_url,
            "NEUROCARDS_NATS_URL": self.nats.url,
        }
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for program in list(self.programs.values())[::-1]:
            await program.child.stop(timeout_s=STOP_WITHIN_S)
        await self._stack.aclose()

    @property
    def database_url(self) -> str:
        return self.postgres.url()

    async def simulator(self, name: str, **settings: object) -> Program:
        """Start telegram, kie or openai; the settings are those of the simulator."""
        port = free_port()
        command = ["-m", "bench.simulator", name, str(port), json.dumps(settings)]
        return await self.start(name, command, port, health="/openapi.json")

    async def telegram(self) -> Program:
        """Start a Telegram without limits, since no single bot could send what is measured."""
        return await self.simulator(
            "telegram",
            limits=False,
            calls_kept=1,
            video_thumbnails=False,
            ingress={PUBLIC_BASE_URL: self._bot_url},
        )

    async def strict_telegram(self) -> Program:
        """Start a Telegram with the limits of the real one: 30/s, 1/s a chat, 429 beyond."""
        return await self.simulator(
            "telegram",
            calls_kept=1,
            video_thumbnails=False,
            ingress={PUBLIC_BASE_URL: self._bot_url},
        )

    async def providers(
        self, *, render_s: float, jitter: float = 0.0, slow_reply_s: float = 0.0
    ) -> None:
        """Start KIE without limits and renders, and OpenAI that answers at once.

        `slow_reply_s`: how late KIE answers an order that it was told to be slow with.
        """
        await self.simulator(
            "kie",
            keys=[KIE_KEY],
            render=False,
            rate_limit=False,
            credits_at_start=1e12,
            render_s=render_s,
            jitter=jitter,
            visible_after_s=0.0,
            reply_delay_s=slow_reply_s,
            ingress={PUBLIC_BASE_URL: self._bot_url},
        )
        await self.simulator("openai", keys=[OPENAI_KEY], latency_s=0.0)

    async def bot(self, **environment: str) -> Program:
        """Start the bot in webhook mode; its `url` is where updates go."""
        probes = free_port()
        started = await self.start(
            "bot",
            ["-m", "neurocards_bot"],
            probes,
            health="/readyz",
            environment={
                "MODE": "webhook",
                "NEUROCARDS_HTTP_HOST": "127.0.0.1",
                "NEUROCARDS_HTTP_PORT": str(self._bot_port),
                "NEUROCARDS_METRICS_PORT": str(probes),
                "NEUROCARDS_WEBHOOK_SECRET": WEBHOOK_SECRET,
                "NEUROCARDS_WEBHOOK_CONNECTIONS_MAX": str(TELEGRAM_CONNECTIONS_MAX),
                "NEUROCARDS_TELEGRAM_API_URL": self.programs["telegram"].url,
                **environment,
            },
        )
        bot = replace(started, url=self._bot_url)
        self.programs["bot"] = bot
        return bot

    async def worker(
        self, *, concurrency: int, name: str = "worker", **environment: str
    ) -> Program:
        """Start a worker; its `url` is that of its probes and metrics, its name that of its pod."""
        probes = free_port()
        kie = self.programs["kie"].url
        return await self.start(
            name,
            ["-m", "neurocards_worker"],
            probes,
            health="/readyz",
            environment={
                "NEUROCARDS_METRICS_PORT": str(probes),
                "NEUROCARDS_POD_NAME": name,
                "WORKER_CONCURRENCY": str(concurrency),
                "NEUROCARDS_TELEGRAM_API_URL": self.programs["telegram"].url,
                "NEUROCARDS_KIE_API_URL": kie,
                "NEUROCARDS_KIE_UPLOAD_URL": kie,
                "NEUROCARDS_KIE_TRUSTED_ORIGINS": kie,
                # The provider's quota would be all that is measured.
                "NEUROCARDS_KIE_CREATES_PER_WINDOW": "1000",
                "NEUROCARDS_KIE_WINDOW_S": "0.1",
                "KIE_API_KEY": KIE_KEY,
                "OPENAI_API_KEY": OPENAI_KEY,
                "NEUROCARDS_OPENAI_BASE_URL": f"{self.programs['openai'].url}/v1",
                **environment,
            },
        )

    @property
    def _bot_url(self) -> str:
        return f"http://127.0.0.1:{self._bot_port}"

    async def start(
        self,
        name: str,
        arguments: Sequence[str],
        port: int,
        *,
        health: str,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Start Python with these arguments and wait until GET `health` answers 200."""
        began = time.perf_counter()
        child = ChildProcess(
            name,
            [sys.executable, *arguments],
            log_path=self.folder / f"{name}.log",
            environment={**self.environment, **(environment or {})},
        )
        url = f"http://127.0.0.1:{port}"
        try:
            await self._answers(child, url + health)
        except BaseException:
            await child.kill()
            raise
        program = Program(name, child, url, time.perf_counter() - began)
        self.programs[name] = program
        return program

    async def stop(self, name: str) -> None:
        await self.programs.pop(name).child.stop(timeout_s=STOP_WITHIN_S)

    async def connect_nats(self) -> NatsClient:
        """Connect to the broker; whoever asks closes it."""
        return await nats.connect(self.nats.url)

    async def consumer(self) -> dict[str, Any]:
        """Ask the broker how it stands with the workers' messages."""
        connection = await self.connect_nats()
        subject = f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer_name(POOL)}"
        reply = await connection.request(subject, b"", timeout=5)
        await connection.close()
        found: dict[str, Any] = json.loads(reply.data)
        return found

    def cpu_s(self) -> dict[str, float]:
        """Tell the CPU seconds of everything on the stage so far."""
        used = {name: program.cpu_s() for name, program in self.programs.items()}
        servers = {"postgres": self.postgres.pid, "nats": self.nats.pid}
        return used | {name: cpu_s(pid) for name, pid in servers.items() if pid}

    async def get(self, url: str) -> Any:
        answer = await self.http.get(url)
        answer.raise_for_status()
        return answer.json()

    async def post(self, url: str, body: object) -> Any:
        answer = await self.http.post(url, json=body)
        answer.raise_for_status()
        return answer.json()

    async def _answers(self, child: ChildProcess, url: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        last = "no answer"
        while True:
            if not child.is_running:
                raise RuntimeError(f"{child.name} ended while starting:\n{child.log_tail()}")
            try:
                answer = await self.http.get(url, timeout=2.0)
                if answer.is_success:
                    return
                last = answer.text
            except httpx.HTTPError as error:
                last = repr(error)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{child.name} is not ready: {last}\n{child.log_tail()}")
            await asyncio.sleep(_READY_POLL_S)


def cpu_shares(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """Give the share of one core that each process has used, e.g. 0.25."""
    return {
        name: round((used - before.get(name, 0.0)) / seconds, 3) for name, used in after.items()
    }


async def server_versions(folder: Path) -> dict[str, str]:
    """Ask the servers who they are."""
    async with Stage(folder) as stage:
        postgres = await stage.pool.fetchval(statement("server_version"))
        connection = await stage.connect_nats()
        nats = connection.connected_server_version
        await connection.close()
    return {"postgresql": str(postgres), "nats-server": f"{nats.major}.{nats.minor}.{nats.patch}"}
