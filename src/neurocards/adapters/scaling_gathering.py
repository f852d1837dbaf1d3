"""Gathers what one decision about a pool is made of, from PostgreSQL and from JetStream.

PostgreSQL is the truth, the stream is compared with it. A source that is away is told as a trouble,
and the last reading is given again with its own age: a decision on it holds.
Invariant: the counts of a reading are handed out once, however often it is given again; and the
moment of a decision is by the clock of the database, whatever the clock of this machine says.
Who has no memory yet begins with the arrivals of the last quarter of an hour, not with ignorance.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from neurocards.domain.forecast import Forecast, forecast
from neurocards.domain.scaling_account import to_ms
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import ForecastMode, ProviderLimit, ScalingPolicy
from neurocards.domain.scaling_signals import Observation, ProviderCapacity, StreamReading
from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.clock import Clock
from neurocards.ports.scaling import BacklogSource, Gathered, PoolSignals, SignalSource, Trouble

SLOW_READ_S = 15.0
"""Between two readings of what changes slowly: times of jobs, keys of the provider."""
BUCKET_S = 900
FORECAST_DAYS = 29
COUNT_BACK_S_MAX = 24 * 3600.0
"""A scaler that was away for longer begins as one that is new."""
SERVED_WITHIN_S = 60.0
EXPERIENCE_S = 900.0


class SlowSignals:
    """What all pools share and what changes slowly: read for all of them at once."""

    def __init__(
        self, source: SignalSource, clock: Clock, *, creates_per_window: int, window_s: float
    ) -> None:
        self._source, self._clock = source, clock
        self._creates, self._window_s = creates_per_window, window_s
        self._read_at_s: float | None = None
        self._service_s: dict[str, float] = {}
        self._provider: ProviderCapacity | None = None
        self._arrivals: dict[str, dict[int, int]] = {}
        self._counted_to: int | None = None
        self._forecasts: dict[tuple[str, int, int], Forecast | None] = {}
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read anew what is too old; StoreUnavailableError leaves what was known."""
        async with self._reading:
            now_s = self._clock.monotonic()
            if self._read_at_s is not None and now_s - self._read_at_s < SLOW_READ_S:
                return
            service_s = await self._source.service_times()
            accounts = await self._source.provider_accounts()
            self._service_s = dict(service_s)
            creates = accounts.healthy * self._creates
            self._provider = ProviderCapacity(creates, self._window_s) if accounts.known else None
            self._read_at_s = now_s

    def service_s(self, pool: str) -> float | None:
        return self._service_s.get(pool)

    def provider(self, policy: ScalingPolicy) -> ProviderCapacity | None:
        wanted = policy.limits.provider_concurrency is ProviderLimit.AUTO
        return self._provider if wanted else None

    async def forecast(self, policy: ScalingPolicy, now: datetime) -> Forecast | None:
        """Make the forecast of the running bucket, once for each pool and horizon."""
        rule = policy.forecast
        if rule.mode is ForecastMode.DISABLED:
            return None
        bucket = int(now.timestamp() // BUCKET_S)
        async with self._reading:
            await self._count_arrivals(bucket)
        key = (policy.pool, rule.horizon_s, bucket)
        if key not in self._forecasts:
            self._forecasts = {
                known: made for known, made in self._forecasts.items() if known[2] == bucket
            }
            counts = self._counts_of(policy.pool, bucket)
            self._forecasts[key] = forecast(counts, bucket_s=BUCKET_S, horizon_s=rule.horizon_s)
        return self._forecasts[key]

    async def _count_arrivals(self, bucket: int) -> None:
        """Count the buckets that are complete now and were not before; forget the oldest."""
        first = bucket - FORECAST_DAYS * 86_400 // BUCKET_S
        since = first if self._counted_to is None else max(self._counted_to, first)
        if since >= bucket:
            return
        fresh = await self._source.arrival_counts(
            from_bucket=since, to_bucket=bucket, bucket_s=BUCKET_S
        )
        for pool, counts in fresh.items():
            self._arrivals.setdefault(pool, {}).update(counts)
        for counts in self._arrivals.values():
            for old in [place for place in counts if place < first]:
                del counts[old]
        self._counted_to = bucket

    def _counts_of(self, pool: str, bucket: int) -> list[int]:
        """List the arrivals of a pool from its first one on: before it there was no pool."""
        counts = self._arrivals.get(pool, {})
        return [counts.get(place, 0) for place in range(min(counts, default=bucket), bucket)]


class PoolGatherer:
    """The Gatherer port for one policy at a time."""

    def __init__(
        self,
        source: SignalSource,
        slow: SlowSignals,
        clock: Clock,
        *,
        backlog: BacklogSource | None = None,
    ) -> None:
        self._source, self._slow, self._clock, self._backlog = source, slow, clock, backlog
        self._began = clock.now()
        self._ahead = timedelta()
        self._signals: PoolSignals | None = None
        self._pool = ""
        self._stream: StreamReading | None = None

    async def gather(
        self,
        policy: ScalingPolicy,
        memory: Memory,
        *,
        replicas: int,
        start_s: float | None = None,
        fixed_slots: int = 0,
    ) -> Gathered:
        if policy.pool != self._pool:
            self._pool, self._signals, self._stream = policy.pool, None, None
        troubles: list[Trouble] = []
        forecast: Forecast | None = None
        try:
            memory = await self._countable(policy, memory)
            fresh = await self._read(policy, memory)
            await self._slow.refresh()
            forecast = await self._slow.forecast(policy, fresh.at)
        except StoreUnavailableError as error:
            troubles.append(Trouble("postgres", str(error)))
            fresh = self._again(policy)
        self._signals = fresh
        try:
            stream = await self._compare(policy, fresh)
        except QueueUnavailableError as error:
            troubles.append(Trouble("nats", str(error)))
            stream = self._stream or self._never(policy, fresh)
        observation = Observation(
            at=fresh.at,
            replicas=replicas,
            queued=fresh.queued,
            running=fresh.running,
            mean_wait_s=fresh.mean_wait_s,
            oldest_wait_s=fresh.oldest_wait_s,
            service_s=self._slow.service_s(policy.pool),
            start_s=start_s,
            arrived=fresh.arrived,
            started=fresh.started,
            late=fresh.late,
            forecast=forecast,
            provider=self._slow.provider(policy),
            stream=stream,
        )
        seen = without_fixed(observation, fixed_slots)
        return Gathered(seen, memory, max(self._now(), fresh.at), tuple(troubles))

    async def _read(self, policy: ScalingPolicy, memory: Memory) -> PoolSignals:
        asked_at = self._clock.now()
        since = None
        if memory.counted_ms is not None:
            since = datetime.fromtimestamp(memory.counted_ms / 1000, UTC)
        wait_s = None if policy.slo is None else float(policy.slo.wait_s)
        signals = await self._source.signals(policy.pool, since=since, wait_s=wait_s)
        self._ahead = signals.at - asked_at
        return signals

    def _again(self, policy: ScalingPolicy) -> PoolSignals:
        """Give the last reading once more; without any, one that is stale from the beginning."""
        if self._signals is not None:
            return replace(self._signals, arrived=0, started=0, late=0)
        at = self._began + self._ahead - timedelta(seconds=policy.evaluation.stale_after_s + 1)
        return PoolSignals(at, 0, 0, 0.0, 0.0, 0, 0, 0, 0)

    async def _compare(self, policy: ScalingPolicy, fresh: PoolSignals) -> StreamReading | None:
        if self._backlog is None:
            return None
        waiting, held = await self._backlog.backlog(policy.pool)
        self._stream = StreamReading(self._now(), waiting + held, fresh.unsent)
        return self._stream

    def _never(self, policy: ScalingPolicy, fresh: PoolSignals) -> StreamReading:
        """Stand for a stream that was never read: too old to be trusted, and no contradiction."""
        at = self._began + self._ahead - timedelta(seconds=policy.evaluation.stale_after_s + 1)
        return StreamReading(at, fresh.queued + fresh.running - fresh.unsent, fresh.unsent)

    async def _countable(self, policy: ScalingPolicy, memory: Memory) -> Memory:
        """Give a memory that says from where arrivals are to be counted."""
        if memory.counted_ms is not None and self._signals is not None:
            return memory
        at = (await self._read(policy, Memory())).at
        counted_ms = memory.counted_ms
        if counted_ms is not None and to_ms(at) - counted_ms <= 1000 * COUNT_BACK_S_MAX:
            return memory
        begin_ms = to_ms(at - timedelta(seconds=EXPERIENCE_S))
        return replace(memory, counted_ms=begin_ms, rate_ms=begin_ms, habit_ms=begin_ms)

    def _now(self) -> datetime:
        return self._clock.now() + self._ahead


def without_fixed(observation: Observation, slots: int) -> Observation:
    """Take away what workers carry that this policy does not scale: running jobs first.

    Jobs that wait too long are not taken by them, whatever was announced: the pods of a canary
    whose image does not start must starve nobody.
    """
    if slots <= 0:
        return observation
    carried = min(slots, observation.running)
    is_served = observation.oldest_wait_s <= SERVED_WITHIN_S
    taken = min(slots - carried, observation.queued) if is_served else 0
    stream = observation.stream
    if stream is not None:
        stream = replace(stream, jobs=max(0, stream.jobs - carried - taken))
    return replace(
        observation,
        running=observation.running - carried,
        queued=observation.queued - taken,
        stream=stream,
    )
