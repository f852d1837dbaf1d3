"""What can be done by hand: what it changes, that it can be repeated, the row that it leaves."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres import Database, PostgresKeyStore
from neurocards.adapters.postgres.operations import Cancelled, Granted, Operations, Retried
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import KeyTaken, parse_keys
from neurocards.ports.jobs import Claimed
from neurocards.testing.world import (
    LEASE_S,
    USER_ID,
    VIOLATION,
    accepted,
    brought_to,
    claimed,
    new_job_id,
    taken_messages,
)
from support.postgres_world import PostgresWorld
from support.statements import load

SQL = load("operations")
KEYS = parse_keys({"KIE_API_KEY": "one,two"})
FINGERPRINTS = [key.fingerprint for key in KEYS]
DAY_S = 24 * 3600.0
NOBODY = UUID(int=1)


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


@pytest.fixture
def operations(database: Database) -> Operations:
    return Operations(database, actor="ada@desk")


async def _results(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    return [(row["action"], row["result"]) for row in await pool.fetch(SQL["operations"])]


async def _credits(pool: asyncpg.Pool) -> tuple[int, int]:
    """Give the balance of the user and what was booked for him."""
    row = await pool.fetchrow(SQL["balance_and_booked"], USER_ID)
    assert row is not None
    return row[0], row[1]


async def _retry(operations: Operations, job_id: UUID, *, house_pays: bool = True) -> Retried:
    return await operations.retry(
        job_id, new_id=new_job_id(), house_pays=house_pays, deadline_s=3600
    )


async def test_a_grant_is_booked_once_however_often_it_is_asked_for(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    """S1-2: the request id makes the repetition harmless, also when many come at once."""
    await accepted(world)
    grants = await asyncio.gather(
        *(operations.grant(USER_ID, 102, request_id="t-1", reason="thanks") for _ in range(10))
    )
    assert sorted(grant.outcome for grant in grants) == ["granted", *["repeated"] * 9]
    assert {grant.balance for grant in grants} == {104}
    assert await _credits(pool) == (104, 104)
    assert await pool.fetchval(SQL["system_sum"]) == 0
    (first, *_) = await pool.fetch(SQL["operations"])
    assert first["actor"] == "ada@desk"
    assert first["arguments"] == {
        "user": USER_ID,
        "credits": 102,
        "request_id": "t-1",
        "reason": "thanks",
    }


async def test_a_grant_that_cannot_be_is_an_outcome_and_leaves_a_row_too(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    await accepted(world)
    assert await operations.grant(1, 5, request_id="a", reason="") == Granted("no_user", None)
    assert await operations.grant(USER_ID, -3, request_id="b", reason="") == Granted("too_low", 2)
    assert await operations.grant(USER_ID, -2, request_id="c", reason="") == Granted("granted", 0)
    assert (await operations.grant(USER_ID, 9, request_id="c", reason="")).outcome == (
        "other_request"
    )
    results = [result for _, result in await _results(pool)]
    assert results == ["no_user", "too_low", "granted", "other_request"]
    with pytest.raises(asyncpg.RaiseError, match="100000"):
        await operations.grant(USER_ID, 100_001, request_id="d", reason="")


async def test_a_job_is_cancelled_with_its_refund_and_its_user_is_still_to_be_told(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    job_id = await accepted(world)
    await taken_messages(world)
    assert await operations.cancel(job_id) == Cancelled("cancelled", "cancelled")
    assert await operations.cancel(job_id) == Cancelled("cancelled_before", "cancelled")
    assert await _credits(pool) == (3, 3)
    assert await pool.fetchval(SQL["told"], job_id) is False
    assert [message.job_id for message in await taken_messages(world)] == [job_id]


async def test_a_render_that_may_be_ordered_is_not_cancelled(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    job = await brought_to(world, JobStatus.SUBMITTING)
    assert await operations.cancel(job.id) == Cancelled("too_late", "submitting")
    assert await operations.cancel(NOBODY) == Cancelled("no_job", None)
    assert await _results(pool) == [("jobs.cancel", "too_late"), ("jobs.cancel", "no_job")]


async def test_a_job_that_waits_for_its_next_try_is_due_at_once(
    world: PostgresWorld, operations: Operations
):
    job = await brought_to(world, JobStatus.SCRIPTING)
    assert await _retry(operations, job.id) == Retried("under_way", None)
    await world.jobs.postpone(job.fence, after_s=3600, reason="temporary")
    await taken_messages(world)
    assert await _retry(operations, job.id) == Retried("due", None)
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    await claimed(world, job.id)


async def test_a_failed_order_is_ordered_anew_once_and_the_house_pays(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    """The user was refunded and is charged nothing without a word of his own."""
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.fail(job.fence, VIOLATION)
    await taken_messages(world)
    first, second = await asyncio.gather(_retry(operations, job.id), _retry(operations, job.id))
    assert sorted([first.outcome, second.outcome]) == ["ordered", "ordered_before"]
    assert first.ordered == second.ordered
    assert first.ordered is not None
    assert await _credits(pool) == (3, 3)
    assert await pool.fetchval(SQL["system_sum"]) == 0
    assert [message.job_id for message in await taken_messages(world)] == [first.ordered]
    claim = await world.jobs.claim(first.ordered, worker="w", lease_s=LEASE_S)
    assert isinstance(claim, Claimed)
    assert claim.job.order == job.order
    assert claim.job.status_message_id == job.status_message_id


async def test_a_user_who_pays_himself_needs_the_credits(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.fail(job.fence, VIOLATION)
    await operations.grant(USER_ID, -3, request_id="spent", reason="")
    assert await _retry(operations, job.id, house_pays=False) == Retried("no_credit", None)
    await operations.grant(USER_ID, 1, request_id="found", reason="")
    assert (await _retry(operations, job.id, house_pays=False)).outcome == "ordered"
    assert await _credits(pool) == (0, 0)


async def test_a_video_that_could_not_be_shown_is_brought_again(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    delivered = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.finish(delivered.fence, result_file_id="file", undelivered=False)
    undelivered = await brought_to(world, JobStatus.DELIVERING, user_id=USER_ID + 1)
    await world.jobs.finish(undelivered.fence, result_file_id=None, undelivered=True)
    assert await _retry(operations, delivered.id) == Retried("delivered", None)
    assert await _retry(operations, undelivered.id) == Retried("deliver", None)
    assert await _retry(operations, NOBODY) == Retried("no_job", None)
    assert (await claimed(world, undelivered.id)).task is not None


async def test_only_jobs_whose_attempt_is_old_are_taken_from_their_workers(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    """S0-34, C-18: what counts is the current attempt; the hand-over costs no try and no step."""
    old = await brought_to(world, JobStatus.RENDERING)
    fresh = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 1)
    waiting = await accepted(world, user_id=USER_ID + 2)
    await taken_messages(world)
    for job_id, minutes in ((old.id, 31), (fresh.id, 29)):
        await pool.execute(SQL["claimed_long_ago"], job_id, minutes)
    requeued = await operations.requeue_stuck(older_than_s=1800)
    assert [(one.job_id, one.status, one.worker) for one in requeued] == [
        (old.id, "rendering", "worker")
    ]
    assert await operations.requeue_stuck(older_than_s=1800) == []
    assert [message.job_id for message in await taken_messages(world)] == [old.id]
    successor = await claimed(world, old.id, worker="another")
    assert (successor.attempt, successor.tries, successor.lease_losses) == (2, 0, 0)
    assert successor.task is not None
    assert await world.jobs.start_fetching(old.fence) is False
    assert (await world.stored(waiting)).status is JobStatus.QUEUED


async def test_everything_that_is_due_is_announced_again_and_not_twice_in_a_row(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    job_ids = {await accepted(world), await accepted(world, user_id=USER_ID + 1)}
    await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 2)
    await taken_messages(world)
    await pool.execute(SQL["due_long_ago"])
    assert await operations.republish_due() == 2
    assert await operations.republish_due() == 0
    assert {message.job_id for message in await taken_messages(world)} == job_ids


@pytest.mark.parametrize("named", [FINGERPRINTS[:1], None])
async def test_an_unblocked_key_can_be_taken_by_everybody_and_wakes_who_waits_for_one(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool, named: list[str] | None
):
    """S0-39, C-17. Every worker asks the same row, so all of them know at once."""
    await world.keys.register(KEYS)
    await world.keys.block(FINGERPRINTS[0], for_s=3600, reason="rate_limit")
    await world.keys.block(FINGERPRINTS[1], for_s=DAY_S, reason="billing")
    job = await claimed(world, await accepted(world))
    await world.jobs.postpone(job.fence, after_s=300, reason="keys_blocked")
    await taken_messages(world)
    unblocked = await operations.unblock_keys(named)
    assert [one.fingerprint for one in unblocked] == sorted(named or FINGERPRINTS)
    assert {one.woken for one in unblocked} == {1}
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    others = [PostgresKeyStore(Database(pool)) for _ in range(3)]
    for store in others:
        answer = await store.take(FINGERPRINTS[:1], window_s=10, limit=20)
        assert answer == KeyTaken(FINGERPRINTS[0])
    assert await operations.unblock_keys(FINGERPRINTS[:1]) == []


async def test_the_events_of_a_week_are_kept_and_older_ones_can_be_forgotten(
    world: PostgresWorld, operations: Operations, pool: asyncpg.Pool
):
    """S0-44"""
    await world.keys.register(KEYS)
    await pool.execute(SQL["key_event_days_ago"], FINGERPRINTS[0], 8)
    await pool.execute(SQL["key_event_days_ago"], FINGERPRINTS[1], 6)
    assert await operations.forget_key_events(older_than_s=7 * DAY_S) == 1
    assert [row["fingerprint"] for row in await pool.fetch(SQL["key_events"])] == FINGERPRINTS[1:]
    assert await operations.forget_key_events(older_than_s=7 * DAY_S) == 0
    with pytest.raises(asyncpg.RaiseError, match="seven days"):
        await operations.forget_key_events(older_than_s=DAY_S)


async def test_every_table_is_tidied_up(operations: Operations):
    """S0-46"""
    assert await operations.tidy_up() > 10


async def test_a_deed_outside_of_the_database_leaves_a_row(
    operations: Operations, pool: asyncpg.Pool
):
    await operations.note("workers.scale", {"replicas": 50}, "done")
    (row,) = await pool.fetch(SQL["operations"])
    assert (row["action"], row["arguments"], row["result"]) == (
        "workers.scale",
        {"replicas": 50},
        "done",
    )
    assert row["login"] == "postgres"


async def test_nobody_changes_the_record_not_even_its_owner(
    operations: Operations, pool: asyncpg.Pool
):
    await operations.note("x", {}, "x")
    forbidden = [sql for name, sql in SQL.items() if name.startswith("owner_")]
    assert len(forbidden) == 3
    for statement in forbidden:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute(statement)
