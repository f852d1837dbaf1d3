"""The jobs of the past as traffic to replay. Reads what the operator may read."""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.ports.traffic import RecordedJob


class PostgresTrafficRecord:
    """The TrafficRecord port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statement = load("traffic")["recorded_jobs"]

    async def jobs(self, pool: str, *, since_s: float, limit: int) -> Sequence[RecordedJob]:
        rows = await self._database.rows(self._statement, pool, since_s, limit)
        return [RecordedJob(row["accepted_at"], row["service_s"]) for row in rows]
