"""What a decision is made of, gathered from a real PostgreSQL, and what happens without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from neurocards.adapters.postgres import Database, PostgresSignalSource
from neurocards.adapters.scaling_gathering import PoolGatherer, SlowSignals, without_fixed
from neurocards.domain.scaling import ProviderCapacity, Source, StreamReading, decide
from neurocards.domain.scaling_account import to_ms
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import (
    ForecastMode,
    ForecastRule,
    Limits,
    Objective,
    ProviderLimit,
    ScalingPolicy,
)
from neurocards.domain.scaling_signals import Observation
from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.scaling import BacklogSource, PoolSignals, ProviderAccounts
from neurocards.testing.clock import FakeClock
from neurocards.testing.world import drafted
from support.postgres_world import PostgresWorld
from support.statements import load

SQL = load("scaling")
POLICY = ScalingPolicy(jobs_per_replica=1, slo=Objective(wait_s=10))


class OutageSource:
    """The real source, and a switch that makes PostgreSQL unreachable."""

    def __init__(self, source: PostgresSignalSource) -> None:
        self._source = source
        self.away = False

    def _reach(self) -> PostgresSignalSource:
        if self.away:
            raise StoreUnavailableError("away")
        return self._source

    async def signals(
        self, pool: str, *, since: datetime | None, wait_s: float | None
    ) -> PoolSignals:
        return await self._reach().signals(pool, since=since, wait_s=wait_s)

    async def service_times(self) -> Mapping[str, float]:
        return await self._reach().service_times()

    async def provider_accounts(self) -> ProviderAccounts:
        return await self._reach().provider_accounts()

    async def arrival_counts(
        self, *, from_bucket: int, to_bucket: int, bucket_s: int
    ) -> Mapping[str, Mapping[int, int]]:
        return await self._reach().arrival_counts(
            from_bucket=from_bucket, to_bucket=to_bucket, bucket_s=bucket_s
        )

    async def jobs_by_worker(self, pool: str) -> Mapping[str, int]:
        return await self._reach().jobs_by_worker(pool)


class Backlog:
    """A broker that holds what it is told to, or nothing that can be asked."""

    def __init__(self, jobs: int = 0) -> None:
        self.jobs = jobs
        self.away = False

    async def backlog(self, pool: str) -> tuple[int, int]:
        assert pool == "default"
        if self.away:
            raise QueueUnavailableError("away")
        return self.jobs, 0


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


@pytest.fixture
def source(database: Database) -> OutageSource:
    return OutageSource(PostgresSignalSource(database))


@pytest.fixture
def clock() -> FakeClock:
    """Half a day behind the database: nothing may depend on it."""
    return FakeClock(datetime.now(UTC) - timedelta(hours=12))


def gatherer(
    source: OutageSource, clock: FakeClock, backlog: BacklogSource | None = None
) -> PoolGatherer:
    slow = SlowSignals(source, clock, creates_per_window=20, window_s=10.0)
    return PoolGatherer(source, slow, clock, backlog=backlog)


async def test_a_decision_is_made_by_the_clock_of_the_database(
    source: OutageSource, clock: FakeClock
):
    """A machine whose clock is wrong decides as any other one does."""
    gathered = await gatherer(source, clock).gather(POLICY, Memory(), replicas=3)
    assert abs(gathered.now - datetime.now(UTC)) < timedelta(seconds=5)
    assert gathered.observation.at <= gathered.now
    assert gathered.observation.replicas == 3
    assert gathered.troubles == ()


async def test_an_outage_ages_the_last_reading_and_counts_nothing_twice(
    world: PostgresWorld, source: OutageSource, clock: FakeClock
):
    """Stale signals hold: what was read last is given again with its own age."""
    reader = gatherer(source, clock)
    first = await reader.gather(POLICY, Memory(), replicas=5)
    memory = decide(first.observation, POLICY, first.memory, first.now).memory
    await world.orders.accept(await drafted(world))
    second = await reader.gather(POLICY, memory, replicas=5)
    memory = decide(second.observation, POLICY, second.memory, second.now).memory
    source.away = True
    clock.advance(70)
    third = await reader.gather(POLICY, memory, replicas=5)
    assert [trouble.source for trouble in third.troubles] == ["postgres"]
    assert third.observation.at == second.observation.at
    assert (third.observation.queued, third.observation.arrived) == (1, 0)
    decision = decide(third.observation, POLICY, third.memory, third.now)
    assert (decision.replicas, decision.reason) == (5, Source.STALE_SIGNALS)


async def test_without_any_reading_nothing_is_taken_away(source: OutageSource, clock: FakeClock):
    source.away = True
    gathered = await gatherer(source, clock, Backlog()).gather(POLICY, Memory(), replicas=5)
    decision = decide(gathered.observation, POLICY, gathered.memory, gathered.now)
    assert (decision.replicas, decision.reason) == (5, Source.STALE_SIGNALS)


async def test_a_stream_that_was_never_read_is_stale_and_contradicts_nothing(
    source: OutageSource, clock: FakeClock
):
    backlog = Backlog()
    backlog.away = True
    reader, memory = gatherer(source, clock, backlog), Memory()
    for _ in range(3):
        gathered = await reader.gather(POLICY, memory, replicas=5)
        decision = decide(gathered.observation, POLICY, gathered.memory, gathered.now)
        memory = decision.memory
        assert [trouble.source for trouble in gathered.troubles] == ["nats"]
        assert (decision.replicas, decision.reason) == (5, Source.STALE_SIGNALS)
    assert memory.contradictions == 0


async def test_a_stream_that_says_something_else_is_a_contradiction_at_its_second_word(
    source: OutageSource, clock: FakeClock
):
    reader, memory, reasons = gatherer(source, clock, Backlog(jobs=50)), Memory(), []
    for _ in range(2):
        clock.advance(20)
        gathered = await reader.gather(POLICY, memory, replicas=5)
        decision = decide(gathered.observation, POLICY, gathered.memory, gathered.now)
        memory = decision.memory
        reasons.append(decision.reason)
    assert reasons[-1] is Source.CONTRADICTION


async def test_a_scaler_that_was_away_for_days_begins_to_count_anew(
    source: OutageSource, clock: FakeClock
):
    """It was away for an hour: it counts on. For days: it begins as one that is new."""
    now = datetime.now(UTC)
    short = Memory(counted_ms=to_ms(now - timedelta(hours=1)))
    long = Memory(counted_ms=to_ms(now - timedelta(days=3)))
    assert (await gatherer(source, clock).gather(POLICY, short, replicas=1)).memory == short
    gathered = await gatherer(source, clock).gather(POLICY, long, replicas=1)
    quarter_ago_ms = to_ms(gathered.observation.at) - 900_000
    assert gathered.memory.counted_ms == pytest.approx(quarter_ago_ms, abs=5000)


async def test_a_new_scaler_knows_the_last_quarter_of_an_hour(
    world: PostgresWorld, pool: asyncpg.Pool, source: OutageSource, clock: FakeClock
):
    """Without it, knowing nothing of the arrivals would mean to expect any number of them."""
    gathered = await gatherer(source, clock).gather(POLICY, Memory(), replicas=1)
    assert decide(gathered.observation, POLICY, gathered.memory, gathered.now).replicas == 1
    await pool.execute(SQL["fill_arrivals"], timedelta(minutes=30), timedelta(minutes=3))
    gathered = await gatherer(source, clock).gather(POLICY, Memory(), replicas=1)
    assert gathered.observation.arrived in {5, 6}
    decision = decide(gathered.observation, POLICY, gathered.memory, gathered.now)
    assert decision.memory.belief.mean_per_s == pytest.approx(1 / 180, rel=0.5)


async def test_the_provider_is_looked_at_only_where_the_policy_asks_for_it(
    world: PostgresWorld, source: OutageSource, clock: FakeClock
):
    """A quota of the keys: healthy accounts times the calls that each of them may give."""
    keyless = replace(POLICY, limits=Limits(ProviderLimit.AUTO))
    assert (await _provider(source, clock, keyless)) is None
    await world.pool.execute(SQL["add_keys"])
    assert await _provider(source, clock, keyless) == ProviderCapacity(40, 10.0)
    assert (await _provider(source, clock, POLICY)) is None


async def _provider(
    source: OutageSource, clock: FakeClock, policy: ScalingPolicy
) -> ProviderCapacity | None:
    gathered = await gatherer(source, clock).gather(policy, Memory(), replicas=1)
    return gathered.observation.provider


async def test_a_forecast_is_made_of_the_stored_arrivals(
    pool: asyncpg.Pool, source: OutageSource, clock: FakeClock
):
    """Four jobs in each quarter of an hour for five days are what is expected next."""
    quarter = timedelta(seconds=225)
    await pool.execute(SQL["fill_arrivals"], timedelta(days=5), quarter)
    policy = replace(POLICY, forecast=ForecastRule(ForecastMode.OBSERVE))
    gathered = await gatherer(source, clock).gather(policy, Memory(), replicas=1)
    forecast = gathered.observation.forecast
    assert forecast is not None
    assert forecast.jobs == 4
    disabled = replace(POLICY, forecast=ForecastRule(ForecastMode.DISABLED))
    gathered = await gatherer(source, clock).gather(disabled, Memory(), replicas=1)
    assert gathered.observation.forecast is None


def test_slots_of_others_are_taken_from_running_jobs_first():
    """A canary with fixed replicas carries a part of the pool that nobody scales."""
    at = datetime.now(UTC)
    seen = Observation(at=at, replicas=1, queued=10, running=4, stream=StreamReading(at, jobs=14))
    for slots, left in ((0, (10, 4, 14)), (3, (10, 1, 11)), (6, (8, 0, 8)), (99, (0, 0, 0))):
        rest = without_fixed(seen, slots)
        assert rest.stream is not None
        assert (rest.queued, rest.running, rest.stream.jobs) == left


def test_slots_that_let_jobs_wait_take_no_queued_ones():
    """The pods of a canary whose image does not start carry nothing, whatever was announced."""
    at = datetime.now(UTC)
    seen = Observation(at=at, replicas=0, queued=10, running=4, oldest_wait_s=61.0)
    rest = without_fixed(seen, 99)
    assert (rest.queued, rest.running) == (10, 0)
