"""The signals of the pools, and the decisions that were made on them. Changes no job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.records import Row
from neurocards.adapters.postgres.statements import load
from neurocards.ports.scaling import PoolSignals, ProviderAccounts, RecordedDecision

SERVICE_JOBS = 100
"""So many of the last jobs make the mean time of a job."""
SERVICE_AGE_S_MAX = 6 * 3600.0


class PostgresSignalSource:
    """The SignalSource port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("scaling")

    async def signals(
        self, pool: str, *, since: datetime | None, wait_s: float | None
    ) -> PoolSignals:
        statement = self._statements["pool_signals"]
        row = await self._database.row(statement, pool, since, wait_s)
        if row is None:
            raise AssertionError("the aggregates of a pool are always one row")
        return PoolSignals(**dict(row))

    async def service_times(self) -> Mapping[str, float]:
        rows = await self._database.rows(
            self._statements["service_times"], SERVICE_JOBS, SERVICE_AGE_S_MAX
        )
        return {row["pool"]: row["service_s"] for row in rows}

    async def provider_accounts(self) -> ProviderAccounts:
        row = await self._database.row(self._statements["provider_accounts"])
        return ProviderAccounts(0, 0) if row is None else ProviderAccounts(**dict(row))

    async def arrival_counts(
        self, *, from_bucket: int, to_bucket: int, bucket_s: int
    ) -> Mapping[str, Mapping[int, int]]:
        bounds = (float(from_bucket * bucket_s), float(to_bucket * bucket_s))
        rows = await self._database.rows(self._statements["arrival_counts"], *bounds, bucket_s)
        counts: dict[str, dict[int, int]] = {}
        for row in rows:
            counts.setdefault(row["pool"], {})[row["bucket"]] = row["jobs"]
        return counts

    async def jobs_by_worker(self, pool: str) -> Mapping[str, int]:
        rows = await self._database.rows(self._statements["jobs_by_worker"], pool)
        return {row["worker"]: row["jobs"] for row in rows}


class PostgresDecisionJournal:
    """The DecisionJournal port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("scaling")

    async def record(self, decision: RecordedDecision) -> None:
        await self._database.value(
            self._statements["record_decision"],
            decision.decided_at,
            decision.namespace,
            decision.name,
            decision.pool,
            decision.mode,
            decision.replicas_before,
            decision.replicas,
            decision.reason,
            decision.message,
            decision.details,
        )

    async def last(self, namespace: str, name: str, *, limit: int) -> Sequence[RecordedDecision]:
        statement = self._statements["decisions_of"]
        rows = await self._database.rows(statement, namespace, name, limit)
        return [_decision_of(row) for row in rows]


def _decision_of(row: Row) -> RecordedDecision:
    return RecordedDecision(
        decided_at=row["decided_at"],
        namespace=row["namespace"],
        name=row["name"],
        pool=row["pool"],
        mode=row["mode"],
        replicas_before=row["replicas_before"],
        replicas=row["replicas"],
        reason=row["reason"],
        message=row["message"],
        details=row["details"],
    )
