"""What survives a restart of the simulator: tasks, credits, uploads and the clock, in SQLite.

Each write is one transaction without a sync to the disk: it survives the end of the process,
which is what a demo and the tests need, at some 20 microseconds a write. A loss of power is not
survived. Invariant: a task is stored before its id is told to anybody.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurocards_sandbox.kie.clock import ClockAnchor
from neurocards_sandbox.kie.tasks import Outcome, Task, Timeline

_BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StoredUpload:
    stored_as: str
    """Name of the file that holds the bytes; a new one at each overwriting."""
    media_type: str
    bytes_count: int
    stored_s: float


class Store:
    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_sql("schema.sql"))
        self._queries = _blocks(_sql("queries.sql"))

    def close(self) -> None:
        self._connection.close()

    def save_task(self, task: Task) -> None:
        facts = asdict(task)
        outcome = facts.pop("outcome")
        self._run(
            "save_task",
            (
                task.task_id,
                task.created_ms,
                json.dumps(facts),
                json.dumps(outcome) if outcome else None,
            ),
        )

    def load_tasks(self, tasks_max: int) -> Iterator[Task]:
        for facts, outcome in self._run("load_tasks", (tasks_max,)):
            fields = json.loads(facts)
            fields["timeline"] = Timeline(**fields["timeline"])
            fields["image_urls"] = tuple(fields["image_urls"])
            yield Task(**fields, outcome=Outcome(**json.loads(outcome)) if outcome else None)

    def delete_tasks_before(self, created_ms: int) -> None:
        self._run("delete_tasks_before", (created_ms,))

    def save_account(self, name: str, amount: float) -> None:
        self._run("save_account", (name, amount))

    def load_accounts(self) -> list[tuple[str, float]]:
        return [(str(name), float(amount)) for name, amount in self._run("load_accounts", ())]

    def save_upload(self, path: str, upload: StoredUpload) -> None:
        self._run(
            "save_upload",
            (path, upload.stored_as, upload.media_type, upload.bytes_count, upload.stored_s),
        )

    def load_upload(self, path: str) -> StoredUpload | None:
        row = next(iter(self._run("load_upload", (path,))), None)
        return StoredUpload(*row) if row else None

    def delete_uploads_before(self, stored_s: float) -> list[str]:
        """Forget old uploads; gives the files that nobody refers to any more."""
        return [str(row[0]) for row in self._run("delete_uploads_before", (stored_s,))]

    def save_clock(self, anchor: ClockAnchor) -> None:
        self._run("save_clock", (anchor.simulated_s, anchor.real_s, anchor.factor))

    def load_clock(self) -> ClockAnchor | None:
        row = next(iter(self._run("load_clock", ())), None)
        return ClockAnchor(*row) if row else None

    def _run(self, query: str, values: Iterable[object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(self._queries[query], tuple(values)).fetchall()


def _sql(name: str) -> str:
    return (files("neurocards_sandbox.kie") / "sql" / name).read_text(encoding="utf-8")


def _blocks(text: str) -> dict[str, str]:
    parts = _BLOCK.split(text)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
