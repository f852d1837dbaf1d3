"""The whole product as processes: started in order, watched, ended in order.

`async with DemoStack(options, report) as stack:` also serves tests and benchmarks.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from neurocards_sandbox.demo import addresses as addressing
from neurocards_sandbox.demo.addresses import Addresses, Plan, local
from neurocards_sandbox.demo.children import (
    ManagedChild,
    Report,
    until_success,
    watch,
)
from neurocards_sandbox.demo.data_folder import DataFolder
from neurocards_sandbox.demo.database import open_logins, prepare_database
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.fleet import WorkerFleet
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.scaling import LocalScaler, scaling
from neurocards_sandbox.embedded import EmbeddedServerError, NatsServer, PostgresServer
from neurocards_sandbox.embedded.processes import ChildProcess

MIGRATE_TIMEOUT_S = 120.0
_WATCH_PAUSE_S = 0.5
_POSTGRES_SETTINGS = {"max_connections": "300", "shared_buffers": "64MB"}


class DemoStack:
    """A running demo; `plan` tells its addresses."""

    plan: Plan

    def __init__(self, options: DemoOptions, report: Report) -> None:
        self._options = options
        self._report = report
        self._exit = AsyncExitStack()
        self.folder = DataFolder(options.data_dir)
        self.postgres = PostgresServer(self.folder.path / "postgres", settings=_POSTGRES_SETTINGS)
        self.nats = NatsServer(self.folder.path / "nats")
        self.sandbox: ManagedChild
        self.bot: ManagedChild
        self.fleet = WorkerFleet(self._worker, report)
        self.scaler: LocalScaler | None = None

    @property
    def page_url(self) -> str:
        host = self._options.host
        shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::"} else host  # noqa: S104
        return f"http://{shown}:{self.plan.addresses.page}"

    @property
    def telegram_url(self) -> str:
        return local(self.plan.addresses.telegram)

    @property
    def kie_url(self) -> str:
        return local(self.plan.addresses.kie)

    @property
    def bot_url(self) -> str:
        return local(self.plan.addresses.bot)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except EmbeddedServerError as error:
            await self._exit.aclose()
            raise DemoError(str(error)) from error
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
        self._exit.enter_context(self.folder)
        secrets = self.folder.load_secrets()
        require_page_port(self._options.host, self._options.port)
        # In this order they end, last first: bot and worker need all the others until then.
        self._exit.push_async_callback(self.postgres.stop)
        self._exit.push_async_callback(self.nats.stop)
        await _all_of(self.postgres.start(), self.nats.start())
        self._report("PostgreSQL and NATS run")
        self.plan = Plan(
            self._options,
            secrets,
            Addresses.pick(self._options),
            self.postgres.port,
            self.nats.url,
        )
        self.sandbox = self._sandbox()
        self._exit.push_async_callback(self.sandbox.stop)
        await _all_of(self._migrate(), self.sandbox.start())
        self._report("the schema is up to date, the simulators and the page run")
        self.bot = self._bot()
        self._exit.push_async_callback(self._stop_bot_and_workers)
        await _all_of(self.bot.start(), self.fleet.begin(self._options.workers_at_start))
        mode = "polling" if self._options.polling else "webhook"
        self._report(f"the bot ({mode}) and the worker run")
        if self._options.policy is not None:
            connected = scaling(self._options.policy, self.fleet, self.plan, self._report)
            self.scaler = await self._exit.enter_async_context(connected)

    async def _stop_bot_and_workers(self) -> None:
        await asyncio.gather(self.bot.stop(), self.fleet.stop())

    async def _migrate(self) -> None:
        await prepare_database(self.postgres, self.plan)
        command = [sys.executable, "-m", "neurocards.cli", "migrate", "up"]
        environment = addressing.migrate_environment(self.plan)
        log_path = self.folder.logs / "migrations.log"
        child = ChildProcess("migration", command, log_path=log_path, environment=environment)
        try:
            await until_success(child, timeout_s=MIGRATE_TIMEOUT_S)
        finally:
            await child.kill()
        await open_logins(self.postgres, self.plan)

    async def watch(self) -> None:
        """Restart what dies and scale the workers, until cancelled.

        DemoError when the demo cannot go on.
        """
        work = [watch([self.sandbox, self.bot], self._report), self.fleet.watch()]
        if self.scaler is not None:
            work.append(self.scaler.run())
        await _all_of(*work, self._watch_servers())

    async def _watch_servers(self) -> None:
        servers: dict[str, PostgresServer | NatsServer]
        servers = {"PostgreSQL": self.postgres, "NATS": self.nats}
        while True:
            await asyncio.sleep(_WATCH_PAUSE_S)
            for name, server in servers.items():
                if not server.is_running:
                    raise DemoError(f"{name} has ended; its log: {server.log_path}")

    def _sandbox(self) -> ManagedChild:
        return ManagedChild(
            "sandbox",
            "neurocards_sandbox.demo.sandbox_process",
            addressing.sandbox_environment(self.plan),
            f"{self.telegram_url}/sim/bots",
            self.folder.logs / "sandbox.log",
        )

    def _bot(self) -> ManagedChild:
        return ManagedChild(
            "bot",
            "neurocards_bot",
            addressing.bot_environment(self.plan),
            f"{local(self.plan.addresses.bot_probe)}/readyz",
            self.folder.logs / "bot.log",
        )

    def _worker(self, number: int) -> ManagedChild:
        suffix = f"-{number + 1}" if self._options.workers_max > 1 else ""
        return ManagedChild(
            f"worker{suffix}",
            "neurocards_worker",
            addressing.worker_environment(self.plan, number),
            f"{local(self.plan.addresses.worker_probes[number])}/readyz",
            self.folder.logs / f"worker{suffix}.log",
        )


def require_page_port(host: str, port: int) -> None:
    """DemoError when the page's port cannot be had; 0 always can."""
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise DemoError(
                f"port {port} of {host} cannot be used for the page ({error.strerror}): end the "
                f"program that listens there, or choose another port: --port {port + 1} "
                "(--port 0 takes any free one)"
            ) from error


async def _all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run together; the first error ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
