"""Bad days on paper: the promises hold, and the auditor would notice if they did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from neurocards.domain.scaling import Decision, Memory, Source
from neurocards.domain.scaling_policy import (
    Behavior,
    Headroom,
    Limits,
    Objective,
    ProviderLimit,
    Replicas,
    ScalingPolicy,
)
from neurocards.domain.scaling_signals import Observation, ProviderCapacity
from neurocards.replay.stress import BEGINS, Auditor, judge, night_cap, scenarios

POLICY = ScalingPolicy(
    replicas=Replicas(min=1, base=1, max=30),
    jobs_per_replica=2,
    slo=Objective(wait_s=20, headroom=Headroom.DISABLED),
    behavior=Behavior(down_hold_s=30),
)
DAYS = 0.1
ALL = {scenario.name: scenario for scenario in scenarios(POLICY, days=DAYS)}


def test_signals_that_die_in_a_crowd_take_nothing_away():
    """They are stale for nine of the ten minutes, and the crowd ends meanwhile."""
    verdict = judge(ALL["signals dead for 10 minutes"])
    assert verdict.ok
    assert verdict.on_stale > 5


def observed(**changes: object) -> Observation:
    base = Observation(at=BEGINS, replicas=5, queued=0, running=0, service_s=300.0)
    return replace(base, **changes)  # type: ignore[arg-type]


def seen(auditor: Auditor, observation: Observation, replicas: int, *, age_s: int = 0) -> None:
    decision = Decision(replicas, Source.BASE, (), Memory())
    auditor(BEGINS + timedelta(seconds=age_s), observation, decision)


def test_the_auditor_counts_what_is_above_the_policy_the_window_or_the_quota():
    """Each by itself; a replica for the provider is always allowed."""
    auditor = Auditor(POLICY, lambda _: 10)
    seen(auditor, observed(), 10)
    assert (auditor.at_cap, auditor.above_cap) == (1, 0)
    seen(auditor, observed(), 11)
    assert auditor.above_cap == 1
    limited = Auditor(replace(POLICY, limits=Limits(ProviderLimit.AUTO)), lambda _: 10)
    seen(limited, observed(provider=ProviderCapacity(1, 75.0)), 2)
    seen(limited, observed(provider=ProviderCapacity(1, 75.0)), 3)
    seen(limited, observed(provider=ProviderCapacity(0, 75.0)), 1)
    assert (limited.at_cap, limited.above_cap) == (2, 1)


def test_the_auditor_counts_what_is_taken_away_on_stale_signals():
    """Unless a cap asks for it."""
    auditor = Auditor(POLICY, lambda _: 4)
    stale_s = POLICY.evaluation.stale_after_s + 1
    seen(auditor, observed(), 4, age_s=stale_s)
    assert (auditor.on_stale, auditor.down_on_stale) == (1, 0)
    seen(auditor, observed(), 3, age_s=stale_s)
    assert auditor.down_on_stale == 1
    seen(auditor, observed(), 3)
    assert (auditor.on_stale, auditor.down_on_stale) == (2, 1)


def test_the_night_is_read_off_the_wall_clock_on_the_days_that_change_it():
    """In spring it begins with the jump, in autumn both half past twos belong to it."""
    spring, autumn = ALL["the day of spring"].begins, ALL["the day of autumn"].begins
    assert night_cap(spring + timedelta(hours=2)) == 3
    assert night_cap(spring + timedelta(hours=1, minutes=59)) > 3
    twice = [night_cap(autumn + timedelta(hours=hour, minutes=30)) for hour in (2, 3)]
    assert twice == [3, 3]
