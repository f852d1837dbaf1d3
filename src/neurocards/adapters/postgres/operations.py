"""What is done by hand: every deed is one call that leaves a row of who did what.

Invariant: nothing in here writes a table; the functions of the schema do, each in one transaction
with its row in `operations`. An outcome is a word, and a repeated call changes nothing more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import Statement, load
from neurocards.domain.keys import WAITS_FOR_KEY_REASONS

REQUEUED_MAX = 10_000
REPUBLISHED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Granted:
    """`outcome`: granted, repeated, no_user, other_request or too_low."""

    outcome: str
    balance: int | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`outcome`: cancelled, cancelled_before, too_late or no_job; `status` after the call."""

    outcome: str
    status: str | None


@dataclass(frozen=True, slots=True)
class Retried:
    """`outcome`: due, under_way, deliver, delivered, ordered, ordered_before, no_credit, no_job."""

    outcome: str
    ordered: UUID | None


@dataclass(frozen=True, slots=True)
class Requeued:
    job_id: UUID
    status: str
    attempt: int
    worker: str | None
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unblocked:
    fingerprint: str
    reason: str | None
    blocked_until: datetime
    woken: int
    """Jobs that were woken by the whole call, the same number with every key."""


class Operations:
    """Deeds of one person, `actor`: the name that the record shows beside the login."""

    def __init__(self, database: Database, *, actor: str) -> None:
        self._database = database
        self._actor = actor
        self._statements = load("operations")

    async def grant(
        self, tg_user_id: int, credit_count: int, *, request_id: str, reason: str
    ) -> Granted:
        row = await self._row("grant_credits", request_id, tg_user_id, credit_count, reason)
        return Granted(row["outcome"], row["balance"])

    async def cancel(self, job_id: UUID) -> Cancelled:
        row = await self._row("cancel_job_by_hand", job_id)
        return Cancelled(row["outcome"], row["status"])

    async def retry(
        self, job_id: UUID, *, new_id: UUID, house_pays: bool, deadline_s: float
    ) -> Retried:
        row = await self._row("retry_job_by_hand", job_id, new_id, house_pays, deadline_s)
        return Retried(row["outcome"], row["job_id"])

    async def requeue_stuck(self, *, older_than_s: float) -> Sequence[Requeued]:
        statement = self._statements["requeue_stuck_jobs"]
        rows = await self._database.rows(statement, self._actor, older_than_s, REQUEUED_MAX)
        return [Requeued(**dict(row)) for row in rows]

    async def republish_due(self) -> int:
        statement = self._statements["republish_due_jobs"]
        return int(await self._database.value(statement, self._actor, REPUBLISHED_MAX))

    async def unblock_keys(self, fingerprints: Collection[str] | None) -> Sequence[Unblocked]:
        """End the rest of these keys (None: of all) and wake the jobs that wait for one."""
        rows = await self._database.rows(
            self._statements["unblock_provider_keys"],
            self._actor,
            None if fingerprints is None else list(fingerprints),
            list(WAITS_FOR_KEY_REASONS),
        )
        return [Unblocked(**dict(row)) for row in rows]

    async def forget_key_events(self, *, older_than_s: float) -> int:
        statement = self._statements["forget_key_events"]
        return int(await self._database.value(statement, self._actor, older_than_s))

    async def note(self, action: str, arguments: Mapping[str, object], result: str) -> None:
        """Leave a row about a deed outside of the database."""
        statement = self._statements["note_operation"]
        await self._database.value(statement, self._actor, action, dict(arguments), result)

    async def tidy_up(self) -> int:
        """VACUUM and ANALYZE every table that this login may; tell how many."""
        tidy_up = self._statements["tidy_up"]
        commands = await self._database.rows(tidy_up)
        for (command,) in commands:
            await self._database.execute(Statement(tidy_up.name, command))
        return len(commands)

    async def _row(self, name: str, *values: Any) -> Mapping[str, Any]:
        row = await self._database.row(self._statements[name], self._actor, *values)
        if row is None:
            raise LookupError(f"{name} gave no answer")
        return dict(row)
