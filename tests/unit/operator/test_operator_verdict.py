"""What stands between a decision and a write, and when it is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.scaling import Decision, Observation, Source, decide
from neurocards.domain.scaling_memory import Held, Memory
from neurocards.domain.scaling_policy import (
    Behavior,
    IdleRule,
    Mode,
    Override,
    Replicas,
    ScalingPolicy,
)
from neurocards.domain.schedule import Schedule
from neurocards_operator.timing import SOONEST_S, pause_s, retry_s
from neurocards_operator.verdict import Finding, Obstacles, verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
POLICY = ScalingPolicy(jobs_per_replica=1, replicas=Replicas(1, 2, 50))
RIVAL = Finding("SecondPolicy", "another one")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def decision(reason: Source = Source.BASE, **memory: object) -> Decision:
    return Decision(2, reason, (), Memory(**memory))  # type: ignore[arg-type]


def test_a_number_is_written_only_when_it_differs():
    assert verdict(5, 5, Mode.AUTO, Obstacles()).write is None
    assert verdict(6, 5, Mode.AUTO, Obstacles()).write == 6


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_a_mode_that_writes_nothing_writes_nothing(mode: Mode):
    assert verdict(9, 5, mode, Obstacles()).write is None


@pytest.mark.parametrize("obstacles", [Obstacles(blocked=RIVAL), Obstacles(conflict=RIVAL)])
def test_nobody_is_fought(obstacles: Obstacles):
    assert verdict(9, 5, Mode.AUTO, obstacles).write is None


def test_a_rollout_lets_the_number_rise_and_not_fall():
    rolling = Obstacles(old_pods=3)
    assert verdict(9, 5, Mode.AUTO, rolling).write == 9
    held = verdict(2, 5, Mode.AUTO, rolling)
    assert held.write is None
    assert held.held is not None
    assert held.held.reason == "RolloutInProgress"
    assert "3 pods" in held.held.message


def test_without_any_event_an_object_is_looked_at_each_interval():
    """S0-32: how often is said in the object."""
    assert pause_s(decision(), POLICY, NOW) == 15


def test_the_end_of_a_hold_is_met_exactly():
    policy = ScalingPolicy(behavior=Behavior(up_hold_s=4, down_hold_s=10, down_percent_max=50))
    highs = (Held(9, NOW_MS - 3000), Held(3, NOW_MS))
    assert pause_s(decision(Source.HOLD_DOWN, highs=highs), policy, NOW) == 7
    lows = (Held(1, NOW_MS - 1000),)
    assert pause_s(decision(Source.HOLD_UP, lows=lows), policy, NOW) == 3
    assert pause_s(decision(Source.STEP_DOWN, lowered_ms=NOW_MS - 4000), policy, NOW) == 6
    assert pause_s(decision(Source.BASE, highs=highs), policy, NOW) == 15


def test_the_end_of_a_real_hold_lets_the_number_fall():
    """One evaluation in a hold, one at the moment that it asked for: no third one is needed."""
    policy = ScalingPolicy(
        jobs_per_replica=1, replicas=Replicas(1, 1, 50), behavior=Behavior(down_hold_s=7)
    )
    first = decide(Observation(at=NOW, replicas=9, queued=0, running=0), policy, Memory(), NOW)
    assert (first.replicas, first.reason) == (9, Source.HOLD_DOWN)
    later = NOW + seconds(pause_s(first, policy, NOW))
    assert later - NOW == seconds(7)
    seen = Observation(at=later, replicas=9, queued=0, running=0)
    assert decide(seen, policy, first.memory, later).replicas == 1


def test_a_change_by_the_clock_is_met():
    """S0-26: a window that opens in three seconds is not found twelve seconds too late."""
    soon = Schedule("evening", "UTC", "0 19 * * *", "0 23 * * *", min=50)
    begins = NOW.replace(hour=18, minute=59, second=57)
    assert pause_s(decision(), ScalingPolicy(schedules=(soon,)), begins) == 3
    until = ScalingPolicy(override=Override(50, NOW + seconds(5)))
    assert pause_s(decision(), until, NOW) == 5
    assert pause_s(decision(), until, NOW + seconds(6)) == 15


def test_the_next_halving_of_an_idle_pool_is_met():
    """S0-23: each hour without a queue."""
    policy = ScalingPolicy(idle=IdleRule(after_s=3600))
    since = NOW_MS - 1000 * (2 * 3600 - 4)
    assert pause_s(decision(idle_since_ms=since), policy, NOW) == 4


@given(
    until_s=st.integers(-10_000, 10_000), reason=st.sampled_from(list(Source)), idle=st.booleans()
)
def test_a_pause_is_never_longer_than_the_interval_and_never_nothing(
    *, until_s: int, reason: Source, idle: bool
):
    policy = ScalingPolicy(
        idle=IdleRule(after_s=60) if idle else None,
        behavior=Behavior(up_hold_s=5, down_hold_s=5),
        override=Override(1, NOW + seconds(until_s)),
    )
    moment = NOW_MS + 1000 * until_s
    made = decision(
        reason,
        highs=(Held(5, moment),),
        lows=(Held(1, moment),),
        lowered_ms=moment,
        idle_since_ms=min(moment, NOW_MS),
    )
    assert SOONEST_S <= pause_s(made, policy, NOW) <= 15


def test_failures_are_met_with_patience_and_not_with_too_much():
    assert [retry_s(count) for count in (1, 2, 3, 4, 5, 99)] == [1, 2, 4, 8, 15, 15]
