"""What people look at: the life of one job with the time of each step, and the schema's version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.records import Row, options_of, script_of
from neurocards.adapters.postgres.statements import load
from neurocards.domain.jobs import JobStatus
from neurocards.domain.orders import OrderOptions
from neurocards.domain.script import Script


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """The job entered `status` at `at`, for the first time."""

    status: JobStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class JobTimeline:
    job_id: UUID
    status: JobStatus
    steps: tuple[TimelineStep, ...]
    attempt: int
    tries: int
    template_id: str
    options: OrderOptions
    price_credits: int
    script: Script | None
    model: str | None
    provider_task_id: str | None
    result_file_id: str | None
    error_class: str | None
    error_code: str | None
    error_text: str | None
    undelivered_at: datetime | None


class JobReports:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("reports")

    async def job_timeline(self, job_id: UUID) -> JobTimeline | None:
        row = await self._database.row(self._statements["job_timeline"], job_id)
        return None if row is None else _timeline_of(row)

    async def schema_version(self) -> int:
        """Tell the newest migration that was applied; 0 for none."""
        return int(await self._database.value(self._statements["schema_version"]) or 0)

    async def key_health(self) -> tuple[int, int]:
        """Tell how many keys of the video provider are known, and how many of them rest."""
        row = await self._database.row(self._statements["key_health"])
        return (0, 0) if row is None else (row["keys"], row["blocked"])


def _timeline_of(row: Row) -> JobTimeline:
    return JobTimeline(
        job_id=row["id"],
        status=JobStatus(row["status"]),
        steps=_steps(row),
        attempt=row["attempt"],
        tries=row["tries"],
        template_id=row["template_id"],
        options=options_of(row["options"]),
        price_credits=row["price_credits"],
        script=None if row["script"] is None else script_of(row["script"]),
        model=row["model"],
        provider_task_id=row["provider_task_id"],
        result_file_id=row["result_file_id"],
        error_class=row["error_class"],
        error_code=row["error_code"],
        error_text=row["error_text"],
        undelivered_at=row["undelivered_at"],
    )


def _steps(row: Row) -> tuple[TimelineStep, ...]:
    moments = {
        JobStatus.QUEUED: row["created_at"],
        JobStatus.SCRIPTING: row["started_at"],
        JobStatus.SUBMITTING: row["submitted_at"],
        JobStatus.RENDERING: row["rendering_at"],
        JobStatus.FETCHING: row["rendered_at"],
        JobStatus.DELIVERING: row["fetched_at"],
    }
    if row["finished_at"] is not None:
        moments[JobStatus(row["status"])] = row["finished_at"]
    steps = (TimelineStep(status, at) for status, at in moments.items() if at is not None)
    return tuple(sorted(steps, key=lambda step: step.at))
