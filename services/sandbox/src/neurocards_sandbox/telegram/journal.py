"""Write-behind persistence of the simulator in one SQLite file.

Not a source of truth while the server runs: the world lives in memory, and what changed is
written in batches by a thread, so that a call never waits for the disk. Invariant: an object
marked as changed is on disk after the next flush, in the state that it has at that flush.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)


class Record(Protocol):
    """Something that can be written down as JSON."""

    def record(self) -> dict[str, Any]:
        """Everything needed to build the object again."""
        ...


def load_statements() -> dict[str, str]:
    """The named statements of records.sql."""
    text = files("neurocards_sandbox.telegram").joinpath("sql/records.sql").read_text("utf-8")
    _, *parts = BLOCK.split(text)
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


class Journal:
    """Collects changed records and writes them; without a path it keeps nothing."""

    def __init__(self, path: Path | None, flush_interval_s: float) -> None:
        self._interval_s = flush_interval_s
        self._dirty: dict[tuple[str, str], Record | None] = {}
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._database: sqlite3.Connection | None = None
        self._sql = load_statements()
        if path is not None:
            self._database = sqlite3.connect(path, check_same_thread=False)
            for name in ("enable_wal", "relax_sync", "create_records"):
                self._database.execute(self._sql[name])

    @property
    def is_dirty(self) -> bool:
        """Whether something is not on disk yet."""
        return bool(self._dirty) or self._lock.locked()

    def load(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every record as (kind, key, body)."""
        if self._database is None:
            return
        for kind, key, body in self._database.execute(self._sql["load_records"]):
            yield kind, key, json.loads(body)

    def changed(self, kind: str, key: str, record: Record) -> None:
        if self._database is not None:
            self._dirty[kind, key] = record

    def removed(self, kind: str, key: str) -> None:
        if self._database is not None:
            self._dirty[kind, key] = None

    def start(self) -> None:
        if self._database is not None:
            self._task = asyncio.create_task(self._run(), name="telegram-journal")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()
        if self._database is not None:
            self._database.close()
            self._database = None

    async def clear(self) -> None:
        """Forget everything, on disk too."""
        async with self._lock:
            self._dirty.clear()
            if self._database is not None:
                with self._database as database:
                    database.execute(self._sql["remove_all_records"])

    async def flush(self) -> None:
        """Write what changed since the last flush."""
        async with self._lock:
            if not self._dirty:
                return
            dirty, self._dirty = self._dirty, {}
            # Serialised here, on the loop's thread: a half-changed object is never written.
            saved = [
                (kind, key, json.dumps(record.record(), ensure_ascii=False))
                for (kind, key), record in dirty.items()
                if record is not None
            ]
            gone = [pair for pair, record in dirty.items() if record is None]
            await asyncio.to_thread(self._write, saved, gone)

    def _write(self, saved: list[tuple[str, str, str]], gone: list[tuple[str, str]]) -> None:
        if self._database is None:
            return
        with self._database as database:
            database.executemany(self._sql["save_record"], saved)
            database.executemany(self._sql["remove_record"], gone)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.flush()
