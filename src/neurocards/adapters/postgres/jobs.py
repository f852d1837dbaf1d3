"""JobStore on PostgreSQL: every call is one statement, every write is fenced."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.records import (
    Row,
    UnreadableRowError,
    bare_job_of,
    job_of,
    script_document,
    untold_of,
)
from neurocards.adapters.postgres.statements import load
from neurocards.domain.failures import ClassifiedFailure
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.jobs import Fence, JobStatus, ProviderTask
from neurocards.domain.script import Script
from neurocards.ports.jobs import (
    Claim,
    Claimed,
    HeldByAnother,
    NotDue,
    NothingToDo,
    Unreadable,
)


class PostgresJobStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("jobs")

    async def claim(self, job_id: UUID, *, worker: str, lease_s: float) -> Claim:
        statement = self._statements["claim_job"]
        row = await self._database.row(statement, job_id, worker, lease_s)
        return NothingToDo(None) if row is None else _claim_of(row, lease_s)

    async def renew_leases(
        self, fences: Collection[tuple[UUID, int]], *, lease_s: float
    ) -> frozenset[UUID]:
        ids, attempts = _columns(fences)
        statement = self._statements["renew_leases"]
        rows = await self._database.rows(statement, ids, attempts, lease_s)
        return frozenset(row["id"] for row in rows)

    async def release(self, fences: Collection[tuple[UUID, int]]) -> int:
        ids, attempts = _columns(fences)
        return int(await self._database.value(self._statements["release_jobs"], ids, attempts))

    async def store_script(self, fence: Fence, script: Script) -> bool:
        return await self._write("store_script", fence, script_document(script))

    async def start_submitting(self, fence: Fence, *, may_reach_provider: bool) -> bool:
        return await self._write("start_submitting", fence, may_reach_provider)

    async def count_resubmission(self, fence: Fence, *, number: int) -> bool:
        return await self._write("count_resubmission", fence, number)

    async def store_task(self, fence: Fence, task: ProviderTask) -> bool:
        return await self._write(
            "store_task", fence, task.provider, task.model, task.task_id, task.key_fingerprint
        )

    async def start_fetching(self, fence: Fence) -> bool:
        return await self._write("start_fetching", fence)

    async def count_fetch_failure(self, fence: Fence, failures: FetchFailures) -> bool:
        return await self._write(
            "count_fetch_failure", fence, failures.address, failures.of_address, failures.in_all
        )

    async def start_delivering(self, fence: Fence) -> bool:
        return await self._write("start_delivering", fence)

    async def mark_fallback_sent(self, fence: Fence) -> bool:
        return await self._write("mark_fallback_sent", fence)

    async def mark_parked_notice(self, fence: Fence) -> bool:
        return await self._write("mark_parked_notice", fence)

    async def finish(self, fence: Fence, *, result_file_id: str | None, undelivered: bool) -> bool:
        return await self._write("finish_job", fence, result_file_id, undelivered)

    async def mark_told(self, job_id: UUID, *, attempt: int, reached: bool = True) -> bool:
        row = await self._database.row(self._statements["mark_told"], job_id, attempt, reached)
        return row is not None

    async def postpone(
        self,
        fence: Fence,
        *,
        after_s: float,
        reason: str,
        failure: ClassifiedFailure | None = None,
        new_task: bool = False,
        unshown: bool = False,
    ) -> bool:
        words = (
            (None, None, None)
            if failure is None
            else (failure.failure_class.value, failure.code, failure.text)
        )
        return await self._write("postpone_job", fence, after_s, reason, *words, new_task, unshown)

    async def fail(self, fence: Fence, failure: ClassifiedFailure) -> bool:
        return bool(
            await self._database.value(
                self._statements["give_job_up"],
                fence.job_id,
                fence.attempt,
                fence.status.value,
                failure.source.value,
                failure.failure_class.value,
                failure.code,
                failure.text,
            )
        )

    async def _write(self, name: str, fence: Fence, *values: Any) -> bool:
        row = await self._database.row(
            self._statements[name], fence.job_id, fence.attempt, fence.status.value, *values
        )
        return row is not None


def _claim_of(row: Row, lease_s: float) -> Claim:
    if row["claimed"]:
        try:
            return Claimed(job_of(row))
        except UnreadableRowError as error:
            return Unreadable(bare_job_of(row), str(error))
    status = JobStatus(row["status"])
    if status.is_terminal:
        return NothingToDo(status, untold_of(row) if row["told_at"] is None else None)
    if row["due_s"] is not None and row["due_s"] > 0:
        return NotDue(row["due_s"])
    # Free when this statement began and taken by another one meanwhile: his lease is a whole one.
    held_s = row["held_s"]
    return HeldByAnother(held_s if held_s is not None and held_s > 0 else lease_s)


def _columns(fences: Collection[tuple[UUID, int]]) -> tuple[list[UUID], list[int]]:
    return [job_id for job_id, _ in fences], [attempt for _, attempt in fences]
