"""Processes that go on when we end, found again by what was written down of them.

A process is ours if its id, the moment of its start and the boot of the machine are the recorded
ones: an id alone may have passed to a stranger.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.node.errors import NodeError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_POLL_S = 0.05
_TAIL_BYTES = 3000
_STATE, _STARTED = 0, 19
"""Fields of /proc/<id>/stat behind the name."""


class Daemons:
    """The processes of one folder of state, by name."""

    def __init__(self, records: Path, logs: Path) -> None:
        self._records, self._logs = records, logs

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it beside us, its words in a file, and write down what it is known by."""
        self._logs.mkdir(parents=True, exist_ok=True)
        surroundings = dict(os.environ if environment is None else environment)
        program = shutil.which(command[0], path=surroundings.get("PATH"))
        if program is None:
            raise NodeError(f"there is no {command[0]}")
        log = str(self._logs / f"{name}.log")
        # Not by `subprocess`, which would wait for its children and complain of those that go on.
        pid = os.posix_spawn(
            program,
            list(command),
            surroundings,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        started = _started(pid)
        if started is None:
            raise NodeError(f"{name} ended at once: {self.tail(name)}")
        known = self._read()
        known[name] = {"pid": pid, "started": started, "boot": _BOOT.read_text().strip()}
        self._write(known)

    @property
    def names(self) -> list[str]:
        """What was started and not stopped, in the order of the starts."""
        return list(self._read())

    def is_running(self, name: str) -> bool:
        return self._pid(name) is not None

    def stop(self, name: str, *, within_s: float = 10.0) -> None:
        """Ask it to end, and end it when it does not; nothing happens to a stranger."""
        for number, patience_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, 10.0)):
            pid = self._pid(name)
            if pid is None:
                break
            os.kill(pid, number)
            self._until_gone(name, patience_s)
        if self.is_running(name):
            raise NodeError(f"{name} does not end")
        self._write({other: facts for other, facts in self._read().items() if other != name})

    def require_running(self) -> None:
        """NodeError with the last words of the first one that has ended."""
        for name in self.names:
            if not self.is_running(name):
                raise NodeError(f"{name} has ended:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        path = self._logs / f"{name}.log"
        return path.read_bytes()[-_TAIL_BYTES:].decode(errors="replace") if path.exists() else ""

    def _until_gone(self, name: str, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while self.is_running(name) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def _pid(self, name: str) -> int | None:
        facts = self._read().get(name)
        if facts is None or facts["boot"] != _BOOT.read_text().strip():
            return None
        pid = int(facts["pid"])
        return pid if _started(pid) == facts["started"] else None

    def _read(self) -> dict[str, dict[str, str | int]]:
        if not self._records.exists():
            return {}
        known: dict[str, dict[str, str | int]] = json.loads(self._records.read_text())
        return known

    def _write(self, known: Mapping[str, Mapping[str, str | int]]) -> None:
        unfinished = self._records.with_suffix(".part")
        unfinished.write_text(json.dumps(known, indent=2))
        unfinished.replace(self._records)


def _started(pid: int) -> int | None:
    """Tell when a process began, in ticks since the boot; None if there is none that lives."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else int(fields[_STARTED])
