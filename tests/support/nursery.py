"""Real processes with points to die at, forked from one that has loaded everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neurocards_sandbox.embedded.processes import ChildProcess, gone, is_alive

ENTRY = Path(__file__).with_name("crash_entry.py")
READY_WITHIN_S = 90.0
LOG_TAIL_CHARACTERS = 3_000


@dataclass(frozen=True, slots=True)
class Fork:
    """One worker or bot."""

    pid: int
    log_path: Path

    @property
    def is_running(self) -> bool:
        return is_alive(self.pid)

    def log_tail(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]

    async def stop(self, *, timeout_s: float) -> None:
        """Tell it to end, and kill it when it has not within the time."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            if await gone([self.pid], timeout_s=timeout_s):
                return


class Nursery:
    """`program` is worker or bot; its forks end with it at the latest."""

    def __init__(self, program: str, *, order_file: Path, folder: Path) -> None:
        self._folder = folder
        self._program = program
        # The path of a socket may have a hundred characters only.
        self._socket = f"\0neurocards-{program}-{os.getpid()}-{id(self)}"
        self._child = ChildProcess(
            "nursery",
            [sys.executable, str(ENTRY), program, str(order_file), self._socket.replace("\0", "@")],
            log_path=folder / f"nursery-{program}.log",
            environment={"PATH": os.environ["PATH"]},
        )
        self._count = 0

    async def spawn(self, environment: Mapping[str, str], *, name: str = "") -> Fork:
        """Start another one; its log is `<name>.log`, a new one without a name."""
        self._count += 1
        log_path = self._folder / f"{name or f'{self._program}-{self._count}'}.log"
        request = {
            "log_path": str(log_path),
            "environment": {"PATH": os.environ["PATH"], **environment},
        }
        reader, writer = await self._connected()
        writer.write(json.dumps(request).encode() + b"\n")
        pid = int(await reader.readline())
        writer.close()
        await writer.wait_closed()
        return Fork(pid, log_path)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                assert self._child.is_running, self._child.log_tail()
                try:
                    return await asyncio.open_unix_connection(self._socket)
                except OSError:
                    await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self._child.kill()
