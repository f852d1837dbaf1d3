"""A child process that dies with us, is stopped within a bounded time and logs into a file.

Not bound to an event loop: a server may be started in one and stopped in another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from neurocards_sandbox.embedded.errors import ServerStartError

_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_S = 0.02
_LOG_TAIL_BYTES = 8000


class ChildProcess:
    """One run of a program. Start it from the main thread: the kernel watches that thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        uid: int = 0,
        stop_signal: signal.Signals = signal.SIGTERM,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._stop_signal = stop_signal
        self._log_start = log_path.stat().st_size if log_path.exists() else 0
        launch = (str(os.getpid()), str(int(stop_signal)), str(uid))
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - commands come from our own code
                [sys.executable, "-I", str(_LAUNCHER), *launch, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def log_tail(self) -> str:
        """Read the end of what this run wrote to its log."""
        with self.log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()

    async def until(self, is_ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until the server is ready; ServerStartError when it ends or takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    was_running = self.is_running
                    if is_ready():
                        return
                    if not was_running:
                        reason = f"ended with code {self.exit_code} while starting"
                        raise ServerStartError(self.name, reason, self.log_tail())
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            reason = f"was not ready within {timeout_s:g} s"
            raise ServerStartError(self.name, reason, self.log_tail()) from error

    async def stop(self, *, timeout_s: float) -> None:
        """Ask it to end; kill it when it has not within the time."""
        self.signal(self._stop_signal)
        if not await self._ended_within(timeout_s):
            await self.kill()

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _ended_within(self, timeout_s: float) -> bool:
        return await _becomes_true(lambda: not self.is_running, timeout_s)


def descendants(pid: int) -> list[int]:
    """List the processes below a process, by the kernel's own books."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in listing.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def command_line(pid: int) -> tuple[str, ...]:
    """Read the words that a process was started with; none when there is no such process."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in raw.split(b"\0") if word)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and is not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


async def gone(pids: Sequence[int], *, timeout_s: float) -> bool:
    """Wait until none of the processes runs any more; tell whether it came to that."""
    return await _becomes_true(lambda: not any(is_alive(pid) for pid in pids), timeout_s)


async def _becomes_true(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
