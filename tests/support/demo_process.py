"""`neurocards demo` as a process of its own, as a person would start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from neurocards_sandbox.embedded.processes import descendants, is_alive

READY_WITHIN_S = 120.0
ENDS_WITHIN_S = 60.0
_PAGE = re.compile(r"Chat\s+(http://\S+)")
_PAUSE_S = 0.1


def demo_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "neurocards.cli", "demo", *arguments]


class DemoProcess:
    """A running demo; everything it says is in `said()`."""

    def __init__(
        self, data: Path, *arguments: str, environment: dict[str, str] | None = None
    ) -> None:
        self._output = data.with_name(f"{data.name}-output.txt").open("w+b")
        self.process = subprocess.Popen(
            demo_command("--data", str(data), "--port", "0", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self.page_url = ""

    def __enter__(self) -> Self:
        deadline = time.monotonic() + READY_WITHIN_S
        while not (found := _PAGE.search(self.said())):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(_PAUSE_S)
        self.page_url = found[1]
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM)
        self._output.close()

    def said(self) -> str:
        return Path(self._output.name).read_text("utf-8")

    def children(self) -> list[int]:
        return descendants(self.process.pid)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=ENDS_WITHIN_S)


def survivors(pids: list[int], *, within_s: float = ENDS_WITHIN_S) -> list[int]:
    """Those that still run after the time has passed; returns as soon as there are none."""
    deadline = time.monotonic() + within_s
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    return alive
