"""Jobs as the page and `demo --once` tell of them, read from the database itself.

Read-only, under a login that may do nothing else. The times are those that the worker's own
statements have stored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import asyncpg

JOBS_SHOWN_MAX = 5
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 5.0
_BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_STEPS = (
    ("queued", "created_at"),
    ("scripting", "started_at"),
    ("submitting", "scripted_at"),
    ("rendering", "rendering_at"),
    ("fetching", "rendered_at"),
    ("delivering", "fetched_at"),
)


def load_statements(package: str, name: str) -> dict[str, str]:
    """Read the blocks `-- name --` of an SQL file of a package."""
    text = files(package).joinpath("sql", name).read_text("utf-8")
    _, *parts = _BLOCK.split(text)
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


@dataclass(frozen=True, slots=True)
class JobView:
    """One job; `states` are the states that it has reached, in the order of its life."""

    job_id: UUID
    status: str
    states: tuple[tuple[str, datetime], ...]
    template: str
    options: dict[str, Any]
    price_credits: int
    attempt: int
    provider_task_id: str | None
    script: dict[str, Any] | None
    error: str | None

    @property
    def is_finished(self) -> bool:
        return self.status in {"done", "failed", "cancelled"}

    def as_json(self) -> dict[str, Any]:
        """Give what the page reads; moments are Unix seconds."""
        return {
            "job_id": str(self.job_id),
            "status": self.status,
            "states": [{"state": state, "at": at.timestamp()} for state, at in self.states],
            "template": self.template,
            "aspect_ratio": self.options.get("aspect_ratio", ""),
            "seconds": self.options.get("duration_s", 0),
            "script_language": self.options.get("script_language", ""),
            "price_credits": self.price_credits,
            "attempt": self.attempt,
            "provider_task_id": self.provider_task_id,
            "script": self.script,
            "error": self.error,
        }


class JobReader:
    """A connection of its own, made when it is first needed and again when it broke."""

    def __init__(self, dsn: str) -> None:
        self._pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=2,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S,
            init=_read_json,
        )
        self._sql = load_statements("neurocards_sandbox.chat", "jobs.sql")

    async def __aenter__(self) -> Self:
        await self._pool
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.terminate()

    async def of_user(self, tg_user_id: int, *, limit: int = JOBS_SHOWN_MAX) -> list[JobView]:
        """Give a user's newest jobs, newest first."""
        rows = await self._pool.fetch(self._sql["jobs_of_user"], tg_user_id, limit)
        return [_view(row) for row in rows]


async def _read_json(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


def _view(row: asyncpg.Record) -> JobView:
    states = [(state, row[column]) for state, column in _STEPS if row[column] is not None]
    if row["finished_at"] is not None:
        states.append((row["status"], row["finished_at"]))
    names = row["template_names"] or {}
    return JobView(
        job_id=UUID(str(row["id"])),
        status=row["status"],
        states=tuple(states),
        template=names.get(row["language"]) or names.get("en") or row["template_id"],
        options=row["options"],
        price_credits=row["price_credits"],
        attempt=row["attempt"],
        provider_task_id=row["provider_task_id"],
        script=row["script"],
        error=row["error_class"] and f"{row['error_class']}: {row['error_text'] or ''}".strip(": "),
    )
