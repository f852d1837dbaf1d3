"""Days on which something goes wrong, and an auditor that watches every decision.

The auditor does not ask `decide` what its caps were: it works them out again, by rules of its own
that are as simple as they can be. Invariants that it counts the breaches of: never above a cap,
and never downwards on signals that are stale.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from neurocards.domain.scaling import Decision
from neurocards.domain.scaling_policy import Limits, ProviderLimit, ScalingPolicy
from neurocards.domain.scaling_signals import Observation, ProviderCapacity
from neurocards.domain.schedule import Schedule
from neurocards.replay.engine import replay
from neurocards.replay.figures import Figures, figures
from neurocards.replay.fleet import Cluster
from neurocards.replay.ours import CALM, Circumstances, Ours
from neurocards.replay.trace import Trace
from neurocards.replay.traces import Shape, invent

HOUR_S = 3600.0
JOBS_PER_HOUR = 60.0
"""Five jobs at a time on average, twice as many in the evening; more where replicas carry more."""
SERVICE_S = 300.0
TROUBLE_AT_S = 18 * HOUR_S
BLIND_S = 600.0
CROWD_S = 1800.0
ZONE = "Europe/Berlin"
BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
SPRING, AUTUMN = datetime(2026, 3, 29), datetime(2026, 10, 25)  # noqa: DTZ001 - local
NIGHT_MAX, EVENING_MIN = 3, 6
NIGHT = ((2, 30), (6, 0))
LATE_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day and what befalls it; `cap` is the most replicas that a schedule allows at a moment."""

    name: str
    policy: ScalingPolicy
    trace: Trace
    begins: datetime = BEGINS
    circumstances: Circumstances = CALM
    cap: Callable[[datetime], float] = lambda _: math.inf


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. `decisions` were watched, `on_stale` of them on signals too old."""

    scenario: str
    figures: Figures
    decisions: int
    on_stale: int
    at_cap: int
    above_cap: int
    down_on_stale: int

    @property
    def ok(self) -> bool:
        return not self.above_cap and not self.down_on_stale and not self.figures.unfinished


def scenarios(policy: ScalingPolicy, *, days: float = 1.0) -> Iterator[Scenario]:
    """Make one of each kind for a policy; shorter ones have the same troubles, earlier."""
    length = days * 24 * HOUR_S
    at_s = TROUBLE_AT_S * days
    rate = JOBS_PER_HOUR * math.ceil(math.sqrt(policy.jobs_per_replica))
    shape = Shape(jobs_per_hour=rate, service_s=SERVICE_S)

    def day(name: str, shape: Shape = shape) -> Trace:
        return invent(shape, days=days, seed=zlib.crc32(name.encode()))

    crowded = replace(shape, crowd_at_s=at_s, crowd_factor=10.0, crowd_s=CROWD_S)
    yield Scenario("a flash crowd, ten times as many", policy, day("crowd", crowded))
    # The first half of the silence lies in the crowd, the second half after its end.
    blind_at_s = at_s + CROWD_S - BLIND_S / 2
    blind = Circumstances(blind_at_s, blind_at_s + BLIND_S)
    name = "signals dead for 10 minutes"
    yield Scenario(name, policy, day("blind", crowded), circumstances=blind)
    for name, begins in (("the day of spring", SPRING), ("the day of autumn", AUTUMN)):
        local = begins.replace(tzinfo=ZoneInfo(ZONE))
        yield Scenario(name, with_windows(policy), day(name), local.astimezone(UTC), cap=night_cap)
    load = round(rate * SERVICE_S / HOUR_S)
    cut = ((0.0, _capacity(6 * load)), (length / 2, _capacity(2 * load)))
    limited = replace(policy, limits=Limits(ProviderLimit.AUTO))
    quota = Circumstances(provider=cut)
    yield Scenario("the quota cut to a third", limited, day("quota"), circumstances=quota)
    slow = day("slow")
    services = [
        service * (3 if arrival >= length / 2 else 1)
        for arrival, service in zip(slow.arrivals_s, slow.services_s, strict=True)
    ]
    yield Scenario("jobs three times as long", policy, Trace(slow.arrivals_s, services))


def judge(scenario: Scenario, *, pod_start_s: float = 15.0) -> Verdict:
    """Replay a scenario and watch each decision."""
    policy = scenario.policy
    auditor = Auditor(policy, scenario.cap)
    cluster = Cluster(policy.jobs_per_replica, pod_start_s)
    ours = Ours(
        policy,
        cluster,
        begins=scenario.begins,
        circumstances=scenario.circumstances,
        watch=auditor,
    )
    run = replay(scenario.trace, ours, cluster, late_after_s=LATE_AFTER_S)
    return Verdict(
        scenario.name,
        figures(scenario.trace, run, slo_s=LATE_AFTER_S),
        decisions=auditor.decisions,
        on_stale=auditor.on_stale,
        at_cap=auditor.at_cap,
        above_cap=auditor.above_cap,
        down_on_stale=auditor.down_on_stale,
    )


class Auditor:
    """Counts breaches; called with each decision."""

    def __init__(self, policy: ScalingPolicy, cap: Callable[[datetime], float]) -> None:
        self._policy, self._cap = policy, cap
        self.decisions = self.on_stale = self.at_cap = self.above_cap = self.down_on_stale = 0

    def __call__(self, now: datetime, observation: Observation, decision: Decision) -> None:
        most = min(self._cap(now), self._policy.replicas.max, self._provider(observation))
        stale_after = timedelta(seconds=self._policy.evaluation.stale_after_s)
        is_stale = now - observation.at > stale_after
        self.decisions += 1
        self.on_stale += is_stale
        self.at_cap += decision.replicas == most
        self.above_cap += decision.replicas > most
        self.down_on_stale += is_stale and decision.replicas < min(observation.replicas, most)

    def _provider(self, observation: Observation) -> float:
        """Give the replicas whose renders the provider takes; one at least, and the minimum."""
        capacity = observation.provider
        if capacity is None or self._policy.limits.provider_concurrency is None:
            return math.inf
        renders = math.floor(capacity.creates * observation.slot_s / capacity.window_s)
        return max(renders // self._policy.jobs_per_replica, self._policy.replicas.min, 1)


def with_windows(policy: ScalingPolicy) -> ScalingPolicy:
    """Give it a night that caps and an evening that lifts, in a zone that changes its clocks.

    The night begins at a wall-clock time that one day of the year does not have, and another one
    has twice.
    """
    (start_hour, start_minute), (end_hour, end_minute) = NIGHT
    night = Schedule(
        name="night",
        time_zone=ZONE,
        start=f"{start_minute} {start_hour} * * *",
        end=f"{end_minute} {end_hour} * * *",
        max=NIGHT_MAX,
    )
    evening = Schedule(
        name="evening", time_zone=ZONE, start="0 19 * * *", end="0 23 * * *", min=EVENING_MIN
    )
    return replace(policy, schedules=(night, evening))


def night_cap(moment: datetime) -> float:
    """Say what the night allows, by nothing but the clock on the wall."""
    local = moment.astimezone(ZoneInfo(ZONE))
    return NIGHT_MAX if NIGHT[0] <= (local.hour, local.minute) < NIGHT[1] else math.inf


def _capacity(renders: int) -> ProviderCapacity:
    """Allow so many renders at a time, as long as one takes what it should."""
    return ProviderCapacity(renders, SERVICE_S)
