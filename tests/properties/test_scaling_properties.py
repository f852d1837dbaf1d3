"""What holds for every policy and every observation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurocards.domain.forecast import Forecast
from neurocards.domain.scaling import (
    Decision,
    Kind,
    Memory,
    Observation,
    ProviderCapacity,
    StreamReading,
    decide,
)
from neurocards.domain.scaling_policy import (
    Behavior,
    ForecastMode,
    ForecastRule,
    Headroom,
    HighLevel,
    IdleRule,
    Limits,
    LowLevel,
    Objective,
    ProviderLimit,
    QueueRules,
    QueueStep,
    Replicas,
    ScalingPolicy,
    WaitStep,
)
from neurocards.domain.schedule import Schedule
from support.scaling_pool import NOON

MANY = settings(max_examples=60, deadline=None)


@st.composite
def replica_ranges(draw: st.DrawFn) -> Replicas:
    least, base, most = sorted(draw(st.lists(st.integers(0, 60), min_size=3, max_size=3)))
    return Replicas(least, base, max(1, most))


@st.composite
def windows(draw: st.DrawFn) -> tuple[Schedule, ...]:
    found = []
    for place in range(draw(st.integers(0, 2))):
        hours = draw(st.lists(st.integers(0, 23), min_size=2, max_size=2, unique=True))
        least = draw(st.none() | st.integers(0, 40))
        most = draw(st.integers(0, 90) if least is None else st.none() | st.integers(least, 90))
        found.append(
            Schedule(
                f"window {place}",
                draw(st.sampled_from(["Europe/Moscow", "America/New_York"])),
                f"0 {hours[0]} * * *",
                f"0 {hours[1]} * * *",
                least,
                most,
            )
        )
    return tuple(found)


COUNTS = st.integers(0, 400)
RULES = st.builds(
    QueueRules,
    steps=st.lists(st.builds(QueueStep, COUNTS, st.integers(1, 30)), max_size=3).map(tuple),
    wait_steps=st.lists(
        st.builds(WaitStep, st.integers(0, 3600), st.integers(1, 30)), max_size=2
    ).map(tuple),
    high_levels=st.lists(st.builds(HighLevel, COUNTS, st.integers(0, 60)), max_size=2).map(tuple),
    low_levels=st.lists(st.builds(LowLevel, COUNTS, st.integers(0, 60)), max_size=2).map(tuple),
)
LIMITS = st.builds(
    Limits,
    st.none() | st.just(ProviderLimit.AUTO) | st.integers(1, 500),
    st.none() | st.integers(0, 800),
)
OBJECTIVES = st.none() | st.builds(
    Objective, st.integers(0, 1200), st.integers(50, 99), st.sampled_from(Headroom)
)


@st.composite
def policies(draw: st.DrawFn) -> ScalingPolicy:
    policy = ScalingPolicy(
        replicas=draw(replica_ranges()),
        jobs_per_replica=draw(st.sampled_from([1, 3, 20])),
        queue=draw(RULES),
        slo=draw(OBJECTIVES),
        schedules=draw(windows()),
        forecast=ForecastRule(draw(st.sampled_from(ForecastMode))),
        idle=draw(st.none() | st.builds(IdleRule, st.integers(60, 7200), st.integers(0, 999))),
        behavior=draw(
            st.builds(Behavior, st.integers(0, 120), st.integers(0, 600), st.integers(1, 100))
        ),
        limits=draw(LIMITS),
    )
    assume(not policy.faults)
    return policy


@dataclass(frozen=True)
class Moment:
    """One reading and the time since the last."""

    after_s: float
    queued: int
    running: int
    wait_s: float
    arrived: int
    started: int
    late: int
    age_s: float
    creates: int | None
    forecast: Forecast | None
    stream_jobs: int | None


MOMENTS = st.builds(
    Moment,
    after_s=st.floats(0, 4000),
    queued=COUNTS,
    running=st.integers(0, 200),
    wait_s=st.floats(0, 4000),
    arrived=st.integers(0, 50),
    started=st.integers(0, 50),
    late=st.integers(0, 50),
    age_s=st.sampled_from([0.0, 1.0, 59.0, 61.0, 900.0]),
    creates=st.none() | st.integers(0, 60),
    forecast=st.none()
    | st.builds(Forecast, st.integers(0, 200), st.just(900), st.integers(0, 9), st.integers(0, 9)),
    stream_jobs=st.none() | COUNTS,
)
HISTORIES = st.lists(MOMENTS, min_size=1, max_size=12)


def readings(
    policy: ScalingPolicy, history: list[Moment], restarted: Sequence[ScalingPolicy] = ()
) -> list[tuple[Observation, Decision]]:
    """Follow a policy through a history, as an operator that always writes.

    `restarted`: the same policy, read again before each decision by an operator that knows the past
    from what was written down.
    """
    now, memory, replicas, found = NOON, Memory(), policy.replicas.base, []
    for place, moment in enumerate(history):
        if restarted:
            policy = restarted[place]
            memory = Memory.from_dict(json.loads(json.dumps(memory.to_dict())))
        now += timedelta(seconds=moment.after_s)
        at = now - timedelta(seconds=moment.age_s)
        observation = Observation(
            at=at,
            replicas=replicas,
            queued=moment.queued,
            running=moment.running,
            mean_wait_s=moment.wait_s,
            oldest_wait_s=moment.wait_s,
            service_s=300.0,
            start_s=15.0,
            arrived=moment.arrived,
            started=moment.started,
            late=min(moment.late, moment.started),
            forecast=moment.forecast,
            provider=(None if moment.creates is None else ProviderCapacity(moment.creates, 10.0)),
            stream=None if moment.stream_jobs is None else StreamReading(at, moment.stream_jobs),
        )
        decision = decide(observation, policy, memory, now)
        found.append((observation, decision))
        memory, replicas = decision.memory, decision.replicas
    return found


def lowest_cap(decision: Decision) -> int:
    delays = {"HoldUp", "HoldDown", "StepDown", "StaleSignals", "Contradiction"}
    return min(
        c.replicas
        for c in decision.contributions
        if c.kind is Kind.LIMIT and c.source not in delays
    )


@given(policies(), HISTORIES)
@MANY
def test_never_above_a_cap(policy: ScalingPolicy, history: list[Moment]):
    for _, decision in readings(policy, history):
        assert 0 <= decision.replicas <= lowest_cap(decision)
        highest = max([policy.replicas.max, *(w.max or 0 for w in policy.schedules)])
        assert decision.replicas <= highest


@given(policies(), HISTORIES)
@MANY
def test_never_below_the_floor_unless_a_rise_is_held(policy: ScalingPolicy, history: list[Moment]):
    policy = replace(policy, behavior=replace(policy.behavior, up_hold_s=0))
    for _, decision in readings(policy, history):
        assert decision.replicas >= min(policy.replicas.min, lowest_cap(decision)) or any(
            window.min is not None for window in policy.schedules
        )


@given(policies(), HISTORIES)
@MANY
def test_never_down_on_signals_that_are_stale_unless_a_cap_says_so(
    policy: ScalingPolicy, history: list[Moment]
):
    for observation, decision in readings(policy, history):
        doubts = {"StaleSignals", "Contradiction"} & {c.source for c in decision.contributions}
        if doubts:
            assert decision.replicas >= min(observation.replicas, lowest_cap(decision))


@given(policies(), HISTORIES, st.integers(1, 300))
@MANY
def test_monotone_in_the_queue(policy: ScalingPolicy, history: list[Moment], more: int):
    """One more queued job never takes a replica away, whatever came before."""
    history = [replace(moment, age_s=0.0, stream_jobs=None) for moment in history]
    *past, last = readings(policy, history)
    memory = past[-1][1].memory if past else Memory()
    observation, decision = last
    longer = replace(observation, queued=observation.queued + more)
    assert decide(longer, policy, memory, observation.at).replicas >= decision.replicas


@given(policies(), MOMENTS)
@MANY
def test_a_constant_input_turns_round_at_most_once(policy: ScalingPolicy, moment: Moment):
    """Up as far as is wanted, then down as holds and idle time allow, and never up again."""
    policy = replace(policy, schedules=(), limits=Limits())
    still = replace(moment, after_s=15.0, age_s=0.0, arrived=0, started=0, late=0, stream_jobs=None)
    path = [decision.replicas for _, decision in readings(policy, [still] * 60)]
    moves = [after - before for before, after in pairwise(path) if after != before]
    turns = sum((one > 0) != (other > 0) for one, other in pairwise(moves))
    assert turns <= 1
    assert not (turns and moves[0] < 0)


@given(policies(), HISTORIES)
@MANY
def test_the_same_input_gives_the_same_output_after_a_restart_too(
    policy: ScalingPolicy, history: list[Moment]
):
    restarted = [replace(policy, name=f"read again {place}") for place in range(len(history))]
    assert [decision for _, decision in readings(policy, history)] == [
        decision for _, decision in readings(policy, history, restarted)
    ]


@given(policies(), HISTORIES)
@MANY
def test_every_decision_names_one_of_its_contributions(
    policy: ScalingPolicy, history: list[Moment]
):
    for _, decision in readings(policy, history):
        bound = [c for c in decision.contributions if c.source is decision.reason]
        assert decision.replicas in {c.replicas for c in bound}
        assert decision.message.startswith(str(decision.replicas))
        assert all(c.text for c in decision.contributions)
        assert json.dumps(decision.memory.to_dict())


@given(policies(), HISTORIES)
@MANY
def test_a_budget_is_never_exceeded_by_more_than_the_floor_needs(
    policy: ScalingPolicy, history: list[Moment]
):
    """Evaluated as often as it says, a day costs what is allowed, or what the floor costs."""
    policy = replace(
        policy,
        schedules=(),
        limits=Limits(replica_hours_per_day=200),
        evaluation=replace(policy.evaluation, interval_s=900),
    )
    busy = [replace(moment, after_s=900.0, age_s=0.0) for moment in history]
    dawn = [replace(busy[0], after_s=15 * 3600.0)]  # to midnight of UTC
    memory_ms = [
        decision.memory.budget_used_ms for _, decision in readings(policy, [*dawn, *busy * 8][:96])
    ]
    floor_hours = 24 * policy.replicas.min
    assert max(memory_ms[1:], default=0) / 3_600_000 <= max(200, floor_hours) + 1e-6
