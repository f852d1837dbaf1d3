"""The folder and the port of an embedded server: one supervisor per folder, ports named clearly."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from neurocards_sandbox.embedded.errors import FolderInUseError, PortTakenError

LOOPBACK = "127.0.0.1"


class FolderLock:
    """Held by the supervisor as long as its server may run; the kernel frees it at our death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; FolderInUseError when another process has it."""
        if self._descriptor is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FolderInUseError(self._folder) from error
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def free_port() -> int:
    """Find a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_port(name: str, port: int) -> None:
    """Raise PortTakenError when somebody listens on the port."""
    with socket.socket() as probe:
        # As servers do: a port that only waits for the last packets of its past is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortTakenError(name, port) from error
