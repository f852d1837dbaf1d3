"""Programs of ours as child processes that are watched and restarted."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from neurocards_sandbox.demo.addresses import Environment
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.embedded.errors import ServerStartError
from neurocards_sandbox.embedded.processes import ChildProcess

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 12.0
RESTARTS_MAX = 5
"""Within RESTART_WINDOW_S; one more and the demo ends."""
RESTART_WINDOW_S = 120.0
_PROBE_PAUSE_S = 0.05
_WATCH_PAUSE_S = 0.25
_TAIL_LINES = 12

Report = Callable[[str], None]


@dataclass(slots=True)
class ManagedChild:
    """A program of ours: how it is started, how one sees that it is ready, where it logs."""

    name: str
    module: str
    environment: Environment
    ready_url: str
    log_path: Path
    process: ChildProcess | None = None
    restarts: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_MAX))

    async def start(self) -> None:
        """Start it and wait until it is ready; DemoError with the end of its log when it is not."""
        child = ChildProcess(
            self.name,
            [sys.executable, "-m", self.module],
            log_path=self.log_path,
            environment=self.environment,
        )
        self.process = child
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._until_ready(child)
        except TimeoutError:
            reason = f"was not ready within {READY_TIMEOUT_S:g} s"
            raise DemoError(self.words(reason)) from None

    async def _until_ready(self, child: ChildProcess) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while True:
                if not child.is_running:
                    raise DemoError(self.words(f"ended with code {child.exit_code} at its start"))
                try:
                    if (await client.get(self.ready_url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(_PROBE_PAUSE_S)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.is_running

    def words(self, what: str) -> str:
        """Tell what happened and what the process last said."""
        tail = self.process.log_tail().splitlines()[-_TAIL_LINES:] if self.process else []
        return "\n".join([f"the {self.name} {what} (log: {self.log_path})", *_indented(tail)])

    async def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        if self.process is not None:
            await self.process.stop(timeout_s=timeout_s)

    def may_restart(self) -> bool:
        now = time.monotonic()
        crowded = len(self.restarts) == RESTARTS_MAX
        if crowded and now - self.restarts[0] < RESTART_WINDOW_S:
            return False
        self.restarts.append(now)
        return True


async def watch(children: list[ManagedChild], report: Report) -> None:
    """Restart what dies, for ever; DemoError when one dies too often to be helped."""
    while True:
        await asyncio.sleep(_WATCH_PAUSE_S)
        for child in children:
            if child.is_running:
                continue
            report(child.words(f"has died ({exit_words(child)})"))
            if not child.may_restart():
                raise DemoError(f"the {child.name} died too often; see {child.log_path}")
            await asyncio.sleep(min(4.0, 0.25 * 2 ** len(child.restarts)))
            try:
                await child.start()
            except DemoError as error:
                # Counted like a death: the next round tries again as long as it may.
                await child.stop()
                report(str(error))
            else:
                report(f"the {child.name} runs again")


async def until_success(child: ChildProcess, *, timeout_s: float) -> None:
    """Wait for exit code 0; DemoError with the end of the log for anything else."""
    try:
        await child.until(lambda: child.exit_code == 0, timeout_s=timeout_s)
    except ServerStartError as error:
        raise DemoError(str(error)) from error


def exit_words(child: ManagedChild) -> str:
    """Name the signal or the exit code that a process ended with."""
    code = child.process.exit_code if child.process else None
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
