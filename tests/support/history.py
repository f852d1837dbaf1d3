"""The history of every job, and whether it could have happened.

`install` lets the database write down each change of a job and who made it; `check` reads the log
like a story: attempts grow one by one, arrows are legal, nobody writes for another, nothing moves
after its end. What the fences of the statements are to prevent would be seen here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

import asyncpg

from neurocards.domain.jobs import JobStatus, legal_arrows
from support.invariants import Breach, Statements
from support.statements import FOLDER, load

WORKER_APPLICATION = "neurocards-worker"
_ARROWS = legal_arrows()
_ENDED = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of a job as it was stored.

    `backend`: the database's process that made it, and since when it runs.
    """

    number: int
    observed_at: datetime
    backend: str
    application: str
    job_id: UUID
    attempt: int
    status: JobStatus
    leased_by: str | None
    provider_task_id: str | None
    submissions: int
    undelivered: bool

    def __str__(self) -> str:
        task = f", task {self.provider_task_id}" if self.provider_task_id else ""
        moment = f"{self.observed_at:%H:%M:%S.%f}"
        by = self.leased_by or "nobody"
        return f"{moment} {self.status}, attempt {self.attempt} of {by}{task} ({self.application})"


async def install(connection: asyncpg.Connection | asyncpg.Pool) -> None:
    """Begin the log; the connection must be the schema owner's."""
    await connection.execute((FOLDER / "history_install.sql").read_text(encoding="utf-8"))


async def operations(database: Statements) -> list[Operation]:
    rows = await database.fetch(load("history")["operations"])
    return [Operation(**{**row, "status": JobStatus(row["status"])}) for row in rows]


def check(log: Sequence[Operation]) -> list[Breach]:
    """Read the log of all jobs; the breaches are of I2, I5 and I8."""
    holders = _holders(log)
    by_job: defaultdict[UUID, list[Operation]] = defaultdict(list)
    for operation in log:
        by_job[operation.job_id].append(operation)
    return [
        Breach(invariant, str(job_id), words)
        for job_id, story in by_job.items()
        for invariant, words in _faults(story, holders)
    ]


def _holders(log: Sequence[Operation]) -> Mapping[str, str]:
    """Tell which worker each backend belongs to: the one that it has claimed jobs for."""
    holders: dict[str, str] = {}
    attempts: dict[UUID, int] = {}
    for operation in log:
        is_claim = operation.attempt > attempts.get(operation.job_id, 0)
        attempts[operation.job_id] = operation.attempt
        if is_claim and operation.leased_by is not None:
            holders[operation.backend] = operation.leased_by
    return holders


def _faults(story: Sequence[Operation], holders: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    first = story[0]
    if (first.status, first.attempt) != (JobStatus.QUEUED, 0):
        yield "I2", f"it begins as {first}"
    owners: dict[int, str | None] = {}
    for before, after in pairwise(story):
        if after.attempt != before.attempt:
            owners[after.attempt] = after.leased_by
            if after.attempt != before.attempt + 1 or after.leased_by is None:
                yield "I8", f"no claim leads from {before} to {after}"
        elif after.application == WORKER_APPLICATION:
            owner = owners.get(after.attempt)
            writer = holders.get(after.backend, owner)
            if owner is not None and writer != owner:
                yield "I8", f"{writer} wrote for {owner}: {after}"
        yield from _illegal(before, after)


def _illegal(before: Operation, after: Operation) -> Iterable[tuple[str, str]]:
    if after.status is not before.status and (before.status, after.status) not in _ARROWS:
        yield "I2", f"no arrow leads from {before} to {after}"
    if before.status in _ENDED and not before.undelivered:
        yield "I2", f"it went on after its end: {after}"
    forgotten = before.provider_task_id is not None and (
        after.provider_task_id != before.provider_task_id
    )
    if forgotten and after.status is not JobStatus.QUEUED:
        yield "I5", f"the task of {before} was dropped: {after}"
