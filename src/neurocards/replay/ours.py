"""Our operator as a policy in the replay: the same `decide()`, woken as the operator is.

A job that arrives or ends wakes it at once, further wakes within a quarter of a second make one
evaluation together, the end of a hold wakes it, and without any of these it evaluates each
interval. What it sees is what the operator reads from PostgreSQL:
counts and waits of now, the service time of the jobs that finished lately. It never sees the trace.

A forecast is made where the policy follows one, from the arrivals of the replay's own past days.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from neurocards.domain.forecast import Forecast, forecast
from neurocards.domain.scaling import Decision, Source, decide
from neurocards.domain.scaling_account import to_ms
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import ForecastMode, ScalingPolicy
from neurocards.domain.scaling_signals import Observation, ProviderCapacity
from neurocards.replay.fleet import Cluster, Fleet

NAME = "ours"
WAKES_APART_S = 0.25
BUCKET_S = 900
EXPERIENCE_S = 900
Watcher = Callable[[datetime, Observation, Decision], None]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What befalls the signals: a stretch in which they are dead, and what the provider allows.

    `provider` lists (second, capacity) in order; each holds from its second on.
    """

    blind_from_s: float = math.inf
    blind_until_s: float = math.inf
    provider: tuple[tuple[float, ProviderCapacity], ...] = ()

    def is_blind(self, now_s: float) -> bool:
        return self.blind_from_s <= now_s < self.blind_until_s

    def provider_at(self, now_s: float) -> ProviderCapacity | None:
        known = [capacity for since_s, capacity in self.provider if since_s <= now_s]
        return known[-1] if known else None


CALM = Circumstances()


class Ours:
    name = NAME
    hands_over = True

    def __init__(
        self,
        policy: ScalingPolicy,
        cluster: Cluster,
        *,
        begins: datetime,
        circumstances: Circumstances = CALM,
        watch: Watcher | None = None,
    ) -> None:
        """Let `watch` see each decision with what it was made of."""
        self._policy, self._cluster, self._begins = policy, cluster, begins
        self._circumstances, self._watch = circumstances, watch
        self._seen: Observation | None = None
        self.replicas_at_start = policy.replicas.min
        # As the operator's first look at a pool: the arrivals of the last minutes, here none.
        begin_ms = to_ms(begins - timedelta(seconds=EXPERIENCE_S))
        self._memory = Memory(counted_ms=begin_ms, rate_ms=begin_ms, habit_ms=begin_ms)
        self._next_s = 0.0
        self._evaluated_s = -WAKES_APART_S
        self._hold_ends_s: float | None = None
        self._counted = (0, 0, 0)
        self._past = _Past()

    def next_at_s(self) -> float:
        return self._next_s

    def woken(self, now_s: float) -> None:
        self._next_s = min(self._next_s, max(now_s, self._evaluated_s + WAKES_APART_S))

    def decide(self, now_s: float, fleet: Fleet) -> int:
        self._evaluated_s = now_s
        self._next_s = now_s + self._policy.evaluation.interval_s
        now = self._begins + timedelta(seconds=now_s)
        observation = self._read(now, now_s, fleet)
        decision = decide(observation, self._policy, self._memory, now)
        if self._watch is not None:
            self._watch(now, observation, decision)
        if decision.memory.counted_ms != self._memory.counted_ms:
            self._counted = _counts(fleet)
        self._memory = decision.memory
        self._await_hold(now_s, decision.reason)
        return decision.replicas

    def _await_hold(self, now_s: float, reason: Source) -> None:
        """Be asked again when the hold that binds now is over, counted from its first naming."""
        behavior = self._policy.behavior
        if reason not in (Source.HOLD_UP, Source.HOLD_DOWN, Source.STEP_DOWN):
            self._hold_ends_s = None
            return
        if self._hold_ends_s is None or self._hold_ends_s <= now_s:
            hold_s = behavior.up_hold_s if reason is Source.HOLD_UP else behavior.down_hold_s
            self._hold_ends_s = now_s + max(hold_s, WAKES_APART_S)
        self._next_s = min(self._next_s, self._hold_ends_s)

    def _read(self, now: datetime, now_s: float, fleet: Fleet) -> Observation:
        """Read the signals; while they are dead, give the last ones again with their own age."""
        if self._seen is not None and self._circumstances.is_blind(now_s):
            return replace(self._seen, replicas=fleet.spec, arrived=0, started=0, late=0)
        self._seen = self._observation(now, now_s, fleet)
        return self._seen

    def _observation(self, now: datetime, now_s: float, fleet: Fleet) -> Observation:
        arrived, started, late = (
            total - before for total, before in zip(_counts(fleet), self._counted, strict=True)
        )
        return Observation(
            at=now,
            replicas=fleet.spec,
            queued=fleet.queued,
            running=fleet.running,
            mean_wait_s=fleet.mean_wait_s(now_s),
            oldest_wait_s=fleet.oldest_wait_s(now_s),
            service_s=fleet.service_s,
            start_s=self._cluster.pod_start_s,
            arrived=arrived,
            started=started,
            late=late,
            forecast=self._forecast(now_s, fleet),
            provider=self._circumstances.provider_at(now_s),
        )

    def _forecast(self, now_s: float, fleet: Fleet) -> Forecast | None:
        """Only where it counts: making one that is merely shown would cost most of a replay."""
        rule = self._policy.forecast
        if rule.mode is not ForecastMode.AUTO:
            return None
        return self._past.forecast(now_s, fleet.arrived, rule.horizon_s)


class _Past:
    """Arrivals per bucket so far, and the forecast of the bucket that is running."""

    def __init__(self) -> None:
        self._arrived_before: list[int] = [0]
        self._forecast: Forecast | None = None

    def forecast(self, now_s: float, arrived: int, horizon_s: int) -> Forecast | None:
        complete = int(now_s // BUCKET_S)
        if complete >= len(self._arrived_before):
            while complete >= len(self._arrived_before):
                self._arrived_before.append(arrived)
            totals = self._arrived_before
            counts = [after - before for before, after in pairwise(totals)]
            self._forecast = forecast(counts, bucket_s=BUCKET_S, horizon_s=horizon_s)
        return self._forecast


def _counts(fleet: Fleet) -> tuple[int, int, int]:
    return fleet.arrived, fleet.tally.started, fleet.tally.late
