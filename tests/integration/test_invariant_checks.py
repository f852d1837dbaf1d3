"""The invariants find what they are there for; the history tells what could not have happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres.pool import Database
from neurocards.domain.jobs import JobStatus
from neurocards.ports.jobs import Claimed
from neurocards.testing.world import LEASE_S, TASK, VIOLATION, accepted, brought_to, taken_messages
from support import history, invariants
from support.history import Operation
from support.invariants import Ending, Shown, Task
from support.postgres_world import PostgresWorld
from support.statements import load

CORRUPTIONS = load("corruptions")
CHECKS = [name for name in invariants.SQL if name != "outcomes"]
JOB = UUID(int=7)


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


def test_every_check_has_a_corruption_that_it_must_find():
    """A new block of SQL comes with the proof that it can fail."""
    assert sorted(CORRUPTIONS) == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
async def test_a_corrupted_database_is_found_out(
    name: str, world: PostgresWorld, pool: asyncpg.Pool
):
    """Each check names the one job, user or key that was tampered with."""
    job_id = await accepted(world)
    await taken_messages(world)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(CORRUPTIONS[name], job_id)
        rows = await connection.fetch(invariants.SQL[name])
        found = await invariants.all_told(connection)
    assert len(rows) == 1
    assert any(breach.subject == rows[0]["subject"] for breach in found)


async def test_a_job_that_goes_its_way_breaks_nothing(world: PostgresWorld, pool: asyncpg.Pool):
    """Neither in the middle nor at its end, be it delivered or refunded."""
    await history.install(pool)
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await invariants.always(pool) == []
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
    failed = await brought_to(world, JobStatus.SCRIPTING, user_id=5002)
    assert await world.jobs.fail(failed.fence, VIOLATION)
    await taken_messages(world)
    assert await invariants.at_rest(pool) == []
    assert [one.status for one in await invariants.endings(pool)] == ["done", "failed"]
    log = await history.operations(pool)
    assert history.check(log) == []
    assert [one.status for one in log if one.job_id == job.id] == list(JobStatus)[:7]


async def test_a_successor_is_no_zombie_in_the_history(world: PostgresWorld, pool: asyncpg.Pool):
    """A lease that ran out, another claim, and the writes of that one."""
    await history.install(pool)
    job = await brought_to(world, JobStatus.SUBMITTING)
    await world.pass_time(LEASE_S + 1)
    claim = await world.jobs.claim(job.id, worker="another", lease_s=LEASE_S)
    assert isinstance(claim, Claimed)
    assert await world.jobs.store_task(claim.job.fence, TASK)
    assert not await world.jobs.store_task(job.fence, TASK)
    log = await history.operations(pool)
    assert history.check(log) == []
    assert [one.leased_by for one in log] == [None, "worker", "worker", "another", "another"]


def _operation(number: int, status: JobStatus, **changes: object) -> Operation:
    base = Operation(
        number=number,
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        backend="1",
        application=history.WORKER_APPLICATION,
        job_id=JOB,
        attempt=0,
        status=status,
        leased_by=None,
        provider_task_id=None,
        submissions=0,
        undelivered=False,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


_NEW = _operation(1, JobStatus.QUEUED)
_CLAIMED = _operation(2, JobStatus.SCRIPTING, attempt=1, leased_by="a")
_STOLEN = _operation(3, JobStatus.SCRIPTING, attempt=2, leased_by="b", backend="2")
_RENDERING = _operation(3, JobStatus.RENDERING, attempt=1, provider_task_id="t")

IMPOSSIBLE = {
    "a zombie writes": (
        "I8",
        [_NEW, _CLAIMED, _STOLEN, replace(_STOLEN, status=JobStatus.SUBMITTING, backend="1")],
    ),
    "an attempt falls back": ("I8", [_NEW, _CLAIMED, _STOLEN, _CLAIMED]),
    "an attempt is skipped": ("I8", [_NEW, replace(_CLAIMED, attempt=2)]),
    "a state is skipped": ("I2", [_NEW, _CLAIMED, replace(_CLAIMED, status=JobStatus.FETCHING)]),
    "a failed job goes on": (
        "I2",
        [_NEW, replace(_NEW, status=JobStatus.FAILED), replace(_NEW, attempt=1, leased_by="a")],
    ),
    "a job begins in the middle": ("I2", [_CLAIMED]),
    "a paid task is dropped": (
        "I5",
        [_NEW, _CLAIMED, _RENDERING, replace(_RENDERING, provider_task_id="other")],
    ),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_could_not_have_happened_is_seen_in_the_history(what: str):
    """One forged log per rule of the checker."""
    invariant, log = IMPOSSIBLE[what]
    assert invariant in {breach.invariant for breach in history.check(log)}


_DONE = Ending(
    job_id=JOB,
    user_id=1,
    chat_id=1,
    status="done",
    status_message_id=5,
    orphans=0,
    undelivered=False,
    sent_anew=False,
    took_s=1.0,
)
_FAILED = replace(_DONE, status="failed")
_VIDEO, _OTHER_VIDEO = Shown(5, "", has_video=True), Shown(9, "", has_video=True)
_PROGRESS = Shown(5, "🎬 Making the video", has_video=False)
_PAID, _PAID_AGAIN = Task(str(JOB), 10, 20, succeeded=True), Task(str(JOB), 30, 40, succeeded=True)
_REFUSED = Task(str(JOB), 10, 20, succeeded=False)

Judge = Callable[[], list[invariants.Breach]]
SEEN_OUTSIDE: dict[str, tuple[Judge, list[str]]] = {
    "a video in its place": (lambda: invariants.chats([_DONE], {1: [_VIDEO]}), []),
    "no video": (lambda: invariants.chats([_DONE], {1: [_PROGRESS]}), ["I3"]),
    "a second video": (lambda: invariants.chats([_DONE], {1: [_VIDEO, _OTHER_VIDEO]}), ["I6"]),
    "a flagged second video": (
        lambda: invariants.chats([replace(_DONE, sent_anew=True)], {1: [_VIDEO, _OTHER_VIDEO]}),
        [],
    ),
    "sent anew and lost": (
        lambda: invariants.chats([replace(_DONE, sent_anew=True)], {1: []}),
        ["I3"],
    ),
    "refunded with a video": (lambda: invariants.chats([_FAILED], {1: [_VIDEO]}), ["I3"]),
    "refunded and untold": (lambda: invariants.chats([_FAILED], {1: [_PROGRESS]}), ["I6"]),
    "one task": (lambda: invariants.bill([_DONE], [_PAID]), []),
    "another task after a failed one": (
        lambda: invariants.bill([_DONE], [_REFUSED, _PAID_AGAIN]),
        [],
    ),
    "paid twice": (lambda: invariants.bill([_DONE], [_PAID, _PAID_AGAIN]), ["I5"]),
    "a counted orphan": (
        lambda: invariants.bill([replace(_DONE, orphans=1)], [_PAID, _PAID_AGAIN]),
        [],
    ),
    "an orphan is paid for unseen while the counted repetition fails": (
        lambda: invariants.bill(
            [replace(_DONE, orphans=1)],
            [_PAID, replace(_REFUSED, created_ms=12, ended_ms=25), _PAID_AGAIN],
        ),
        [],
    ),
    "a task of nobody": (lambda: invariants.bill([], [_PAID]), ["I5"]),
    "a secret in a log": (
        lambda: invariants.secrets_in("key=s3cret", ["s3cret"], subject="log"),
        ["I11"],
    ),
    "no secret in a log": (lambda: invariants.secrets_in("key=…", ["s3cret"], subject="log"), []),
}


@pytest.mark.parametrize("what", SEEN_OUTSIDE)
def test_what_stands_in_chats_bills_and_logs_is_judged(what: str):
    """By the provider's tasks, the messages as they stand, and the lines that were logged."""
    judge, wanted = SEEN_OUTSIDE[what]
    assert [breach.invariant for breach in judge()] == wanted
