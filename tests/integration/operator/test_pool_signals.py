"""What a scaler reads from a real PostgreSQL, and how it counts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres import (
    Database,
    PostgresDecisionJournal,
    PostgresSignalSource,
)
from neurocards.domain.identifiers import uuid7
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.ports.scaling import ProviderAccounts
from neurocards.testing.world import (
    LEASE_S,
    RATE_LIMIT,
    carried_to,
    claimed,
    drafted,
    taken_messages,
)
from support.decisions import decision
from support.postgres_world import PostgresWorld
from support.statements import load

SQL = load("scaling")
_numbers = itertools.count(1)


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


@pytest.fixture
def source(database: Database) -> PostgresSignalSource:
    return PostgresSignalSource(database)


async def ordered(world: PostgresWorld, *, pool: str = "default") -> UUID:
    """Accept an order whose id carries the present, as those of the product do."""
    number = next(_numbers)
    request = await drafted(world, user_id=6000 + number)
    request = replace(request, job_id=uuid7(datetime.now(UTC), number << 60), pool=pool)
    await world.orders.accept(request)
    return request.job_id


async def done(world: PostgresWorld, job_id: UUID) -> None:
    job = await carried_to(world, await claimed(world, job_id), JobStatus.DELIVERING)
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)


async def test_a_job_is_queued_running_or_none_of_the_pool_s_business(
    world: PostgresWorld, source: PostgresSignalSource
):
    """S0-29: due and in nobody's hands is queued, a live lease is running, the rest is neither."""
    await ordered(world)
    await claimed(world, await ordered(world))
    handed_over = await claimed(world, await ordered(world))
    await world.jobs.release([(handed_over.id, handed_over.attempt)])
    retried = await claimed(world, await ordered(world))
    await world.jobs.postpone(retried.fence, after_s=60, reason="retry", failure=RATE_LIMIT)
    await done(world, await ordered(world))
    await ordered(world, pool="other")
    signals = await source.signals("default", since=None, wait_s=None)
    assert (signals.queued, signals.running) == (2, 1)
    assert (await source.signals("other", since=None, wait_s=None)).queued == 1
    assert (await source.signals("empty", since=None, wait_s=None)).queued == 0


async def test_a_retry_waits_since_it_became_due(
    world: PostgresWorld, source: PostgresSignalSource
):
    """S0-20: the wait is that of the queue, not the age of the order."""
    job = await claimed(world, await ordered(world))
    await world.jobs.postpone(job.fence, after_s=60, reason="retry", failure=RATE_LIMIT)
    await world.pass_time(100)
    await ordered(world)
    signals = await source.signals("default", since=None, wait_s=None)
    assert signals.oldest_wait_s == pytest.approx(40, abs=5)
    assert signals.mean_wait_s == pytest.approx(20, abs=5)


async def test_each_arrival_and_each_start_is_counted_once(
    world: PostgresWorld, source: PostgresSignalSource
):
    """Reading after reading from where the last one ended, every job is in one of them."""
    began = await source.signals("default", since=None, wait_s=10)
    assert (began.arrived, began.started) == (0, 0)
    since, arrived, started = began.at, 0, 0
    for _ in range(5):
        await claimed(world, await ordered(world))
        await done(world, await ordered(world))
        await ordered(world)
        signals = await source.signals("default", since=since, wait_s=10)
        since, arrived, started = (
            signals.at,
            arrived + signals.arrived,
            started + signals.started,
        )
    last = await source.signals("default", since=since, wait_s=10)
    assert arrived + last.arrived == 15
    assert started + last.started == 10
    assert signals.at.microsecond % 1000 == 0


async def test_a_start_is_late_when_the_job_waited_longer_than_the_objective(
    world: PostgresWorld, source: PostgresSignalSource
):
    since = (await source.signals("default", since=None, wait_s=None)).at
    waiting = await ordered(world)
    await world.pass_time(30)
    await claimed(world, waiting)
    await claimed(world, await ordered(world))
    long_ago = since - timedelta(minutes=2)
    strict = await source.signals("default", since=long_ago, wait_s=10)
    lenient = await source.signals("default", since=long_ago, wait_s=40)
    assert (strict.started, strict.late, lenient.late) == (2, 1, 0)


async def test_what_is_not_sent_yet_is_told_by_pool(
    world: PostgresWorld, source: PostgresSignalSource
):
    await ordered(world)
    await ordered(world, pool="other")
    assert (await source.signals("default", since=None, wait_s=None)).unsent == 1
    await taken_messages(world)
    assert (await source.signals("default", since=None, wait_s=None)).unsent == 0


async def test_the_time_of_a_job_is_the_mean_of_plain_runs(
    world: PostgresWorld, source: PostgresSignalSource, pool: asyncpg.Pool
):
    """S1-41: what was retried or had to rest says nothing of how long a job takes."""
    assert await source.service_times() == {}
    for slot_s in (200, 400):
        job_id = await ordered(world)
        await done(world, job_id)
        await pool.execute(SQL["stretch_job"], job_id, timedelta(seconds=slot_s))
    retried = await claimed(world, await ordered(world))
    await world.jobs.postpone(retried.fence, after_s=0, reason="retry", failure=RATE_LIMIT)
    await done(world, retried.id)
    await pool.execute(SQL["stretch_job"], retried.id, timedelta(hours=2))
    assert await source.service_times() == {"default": pytest.approx(300, abs=5)}


async def test_accounts_of_resting_keys_carry_nothing(
    world: PostgresWorld, source: PostgresSignalSource
):
    assert await source.provider_accounts() == ProviderAccounts(known=0, healthy=0)
    keys = parse_keys({"KIE_API_KEY": "a,b,c"})
    await world.keys.register(keys)
    await world.keys.block(keys[0].fingerprint, for_s=60, reason="RATE_LIMIT")
    assert await source.provider_accounts() == ProviderAccounts(known=3, healthy=2)


async def test_arrivals_are_counted_in_complete_buckets(
    world: PostgresWorld, source: PostgresSignalSource
):
    job_ids = [await ordered(world), await ordered(world), await ordered(world, pool="other")]
    assert len(set(job_ids)) == 3
    bucket = int(datetime.now(UTC).timestamp() // 900)
    span = {"from_bucket": bucket - 1, "bucket_s": 900}
    counts = await source.arrival_counts(to_bucket=bucket + 1, **span)
    assert {pool: sum(found.values()) for pool, found in counts.items()} == {
        "default": 2,
        "other": 1,
    }
    assert await source.arrival_counts(to_bucket=bucket - 1, **span) == {}


async def test_jobs_in_flight_are_told_by_the_worker_that_holds_them(
    world: PostgresWorld, source: PostgresSignalSource
):
    for worker in ("pod-a", "pod-a", "pod-b"):
        await claimed(world, await ordered(world), worker=worker)
    lost = await ordered(world)
    await world.jobs.claim(lost, worker="pod-c", lease_s=LEASE_S)
    await world.pass_time(0)
    assert await source.jobs_by_worker("default") == {"pod-a": 2, "pod-b": 1, "pod-c": 1}
    await world.pass_time(LEASE_S + 1)
    assert await source.jobs_by_worker("default") == {}


async def test_decisions_are_kept_by_object_the_newest_first(database: Database):
    """S0-47: what was decided can be read again."""
    journal = PostgresDecisionJournal(database)
    seen = {"queued": 101}
    first, second = decision(10, details=seen), decision(20, details=seen)
    for one in (first, decision(3, name="other"), second):
        await journal.record(one)
    assert list(await journal.last("shop", "workers", limit=5)) == [second, first]
    assert list(await journal.last("shop", "workers", limit=1)) == [second]


async def test_decisions_older_than_thirty_days_are_forgotten(
    database: Database, pool: asyncpg.Pool
):
    journal = PostgresDecisionJournal(database)
    for _ in range(3):
        await journal.record(decision(10))
    await pool.execute(SQL["age_records"], timedelta(days=31))
    await journal.record(decision(20))
    kept = await journal.last("shop", "workers", limit=9)
    assert [one.replicas for one in kept] == [20]


async def test_a_decision_of_no_bounded_size_is_refused(database: Database):
    journal = PostgresDecisionJournal(database)
    with pytest.raises(asyncpg.RaiseError, match="64 KiB"):
        await journal.record(replace(decision(1), details={"x": "y" * 70_000}))
