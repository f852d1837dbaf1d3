"""The folder of this process in the work folder: gone at its end, or swept away by the next one.

A process that was killed leaves its photos and videos behind. Whether the owner of a folder still
lives is told by a lock on a file in it, which the kernel gives up with the process: numbers of
processes say nothing where several containers share a folder.
Invariant: the folder of a living process is never touched by another.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType

import structlog

from neurocards.errors import ConfigurationError

PREFIX = "neurocards-worker-"
LOCK_NAME = ".owner"
UNLOCKED_AGE_S = 3600.0
"""A folder without a lock file may belong to a process that has begun a moment ago."""
ATTEMPTS_MAX = 5

log = structlog.get_logger(__name__)


class OwnFolder:
    """Made on entering, after those of dead processes were swept away; removed on leaving."""

    def __init__(self, work_folder: Path) -> None:
        self._work_folder = work_folder
        self._path: Path | None = None
        self._lock = -1

    def __enter__(self) -> Path:
        try:
            sweep(self._work_folder)
            self._path, self._lock = _made(self._work_folder)
        except OSError as error:
            fault = f"NEUROCARDS_WORK_FOLDER: {self._work_folder} cannot be used: {error.strerror}"
            raise ConfigurationError(fault) from error
        return self._path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._lock)


def sweep(work_folder: Path) -> int:
    """Remove the folders of processes that live no more; tell how many."""
    swept = 0
    for folder in sorted(work_folder.glob(f"{PREFIX}*")):
        if folder.is_dir() and not folder.is_symlink() and _is_abandoned(folder):
            swept += 1
    if swept:
        log.info("folders.swept", count=swept)
    return swept


def _is_abandoned(folder: Path) -> bool:
    """Remove the folder if nobody holds its lock; tell whether it was so."""
    try:
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _is_old(folder) and _removed(folder)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _removed(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > UNLOCKED_AGE_S
    except FileNotFoundError:
        return False


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _made(work_folder: Path) -> tuple[Path, int]:
    """Make a folder and lock it; once more if somebody swept it away between the two."""
    for _ in range(ATTEMPTS_MAX):
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=work_folder))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            lock = os.open(path / LOCK_NAME, flags, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if (path / LOCK_NAME).exists():
            return path, lock
        os.close(lock)
    fault = f"NEUROCARDS_WORK_FOLDER: {work_folder} is swept by somebody else all the time"
    raise ConfigurationError(fault)
