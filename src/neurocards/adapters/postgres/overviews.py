"""What people look at by hand, as rows for a table: names of columns and plain values.

Invariant: it reads nothing of what an order is about (no caption, no photo, no script) and no
secret, since there is none in the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.domain.keys import WAITS_FOR_KEY_REASONS

Row = Mapping[str, Any]


class Overviews:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("overviews")

    async def queue_by_status(self, *, since_s: float) -> Sequence[Row]:
        return await self._rows("queue_by_status", since_s)

    async def queue_now(self) -> Row:
        return await self._one("queue_now", list(WAITS_FOR_KEY_REASONS))

    async def job(self, job_id: UUID) -> Row | None:
        return await self._row("job_overview", job_id)

    async def job_bookings(self, job_id: UUID) -> Sequence[Row]:
        return await self._rows("job_bookings", job_id)

    async def failed_jobs(self, *, since_s: float) -> Sequence[Row]:
        return await self._rows("failed_jobs", since_s)

    async def keys(self, *, window_s: float, limit: int) -> Sequence[Row]:
        return await self._rows("key_overview", window_s, limit)

    async def key_events(self, *, limit: int) -> Sequence[Row]:
        return await self._rows("key_events", limit)

    async def user(self, tg_user_id: int) -> Row | None:
        return await self._row("user_overview", tg_user_id)

    async def user_bookings(self, tg_user_id: int, *, limit: int) -> Sequence[Row]:
        return await self._rows("user_bookings", tg_user_id, limit)

    async def user_jobs(self, tg_user_id: int, *, limit: int) -> Sequence[Row]:
        return await self._rows("user_jobs", tg_user_id, limit)

    async def worker_leases(self) -> Sequence[Row]:
        return await self._rows("worker_leases")

    async def database_facts(self) -> Row:
        return await self._one("database_facts")

    async def table_sizes(self, *, limit: int) -> Sequence[Row]:
        return await self._rows("table_sizes", limit)

    async def recent_operations(self, *, limit: int) -> Sequence[Row]:
        return await self._rows("recent_operations", limit)

    async def recent_work(self, *, since_s: float) -> Row:
        return await self._one("recent_work", since_s)

    async def busiest_hours(self, *, since_s: float, limit: int) -> Sequence[Row]:
        return await self._rows("busiest_hours", since_s, limit)

    async def crew(self, pool: str) -> Row:
        return await self._one("crew", pool)

    async def credit_faults(self) -> Row:
        return await self._one("credit_faults")

    async def scaling_use(self, *, since_s: float) -> Sequence[Row]:
        return await self._rows("scaling_use", since_s)

    async def _rows(self, name: str, *values: Any) -> Sequence[Row]:
        return [dict(row) for row in await self._database.rows(self._statements[name], *values)]

    async def _row(self, name: str, *values: Any) -> Row | None:
        row = await self._database.row(self._statements[name], *values)
        return None if row is None else dict(row)

    async def _one(self, name: str, *values: Any) -> Row:
        row = await self._row(name, *values)
        if row is None:
            raise LookupError(f"{name} gave no row")
        return row
