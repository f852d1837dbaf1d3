"""Whole bad days on paper: no promise breaks, and the troubles do happen."""

from __future__ import annotations

import pytest

from neurocards.domain.scaling_policy import (
    Behavior,
    Headroom,
    Objective,
    Replicas,
    ScalingPolicy,
)
from neurocards.replay.stress import judge, scenarios

POLICY = ScalingPolicy(
    replicas=Replicas(min=1, base=1, max=30),
    jobs_per_replica=2,
    slo=Objective(wait_s=20, headroom=Headroom.DISABLED),
    behavior=Behavior(down_hold_s=30),
)
ALL = {scenario.name: scenario for scenario in scenarios(POLICY)}


@pytest.mark.parametrize("name", list(ALL))
def test_a_bad_day_breaks_no_promise(name: str):
    """Never above a cap, never downwards on stale signals, and every job gets done."""
    verdict = judge(ALL[name])
    assert verdict.ok
    assert verdict.decisions > 100
    assert verdict.figures.interrupted == 0


def test_the_troubles_do_happen():
    """Signals become stale, and caps are reached."""
    blind = judge(ALL["signals dead for 10 minutes"])
    assert blind.on_stale > 5
    assert judge(ALL["the quota cut to a third"]).at_cap > 5
    assert judge(ALL["a flash crowd, ten times as many"]).at_cap > 5
    assert max(judge(ALL["jobs three times as long"]).figures.turnaround_s.max, 0) > 600
