"""Our policy in the replay: woken as the operator is, blind to the future, never interrupting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.domain.scaling_policy import (
    Behavior,
    Evaluation,
    ForecastMode,
    ForecastRule,
    Headroom,
    Objective,
    Replicas,
    ScalingPolicy,
)
from neurocards.domain.schedule import Schedule
from neurocards.replay.contest import Contest, RivalError
from neurocards.replay.engine import Run
from neurocards.replay.figures import Figures, figures
from neurocards.replay.fleet import Cluster, Fleet
from neurocards.replay.ours import Ours
from neurocards.replay.rivals import Keda
from neurocards.replay.trace import Trace
from neurocards.replay.traces import Shape, invent

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
LEAN = ScalingPolicy(
    replicas=Replicas(min=0, base=0, max=20),
    jobs_per_replica=1,
    slo=Objective(wait_s=60, headroom=Headroom.DISABLED),
    behavior=Behavior(down_hold_s=15),
)
QUICK = Behavior(down_hold_s=2)
CLUSTER = Cluster(slots=1, kill_grace_s=30)
EVENING = Schedule("evening", "Europe/Moscow", "0 19 * * *", "0 23 * * *", min=15, max=20)
NEW_YEAR = Schedule("new year", "UTC", "2026-12-31T18:00", "2027-01-01T06:00", min=9)
JOBS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=3000).map(float),
        st.integers(min_value=1, max_value=600).map(float),
    ),
    min_size=2,
    max_size=40,
)


def contest(trace: Trace, policy: ScalingPolicy = LEAN, cluster: Cluster = CLUSTER) -> Contest:
    return Contest(policy, trace, cluster, BEGINS)


def ours_on(trace: Trace, policy: ScalingPolicy = LEAN) -> tuple[Run, Figures]:
    held = contest(trace, policy)
    (run,) = held.runs([])
    return run, figures(trace, run, slo_s=held.slo_s)


@settings(max_examples=8, deadline=None)
@given(JOBS)
def test_our_policy_interrupts_nobody_and_stays_within_its_limits(jobs: list[tuple[float, float]]):
    _, outcome = ours_on(Trace.of(jobs))
    assert outcome.interrupted == outcome.unfinished == 0
    assert outcome.peak_replicas <= 20


@settings(max_examples=8, deadline=None)
@given(JOBS, st.integers(min_value=1, max_value=3000))
def test_what_comes_later_changes_nothing_that_was_decided_before(
    jobs: list[tuple[float, float]], until_s: int
):
    early = [*(job for job in jobs if job[0] < until_s), (4000.0, 60.0)]
    more = [(float(until_s + at_s), 50.0) for at_s in range(50)]
    without, _ = ours_on(Trace.of(early))
    with_more, _ = ours_on(Trace.of([*early, *more]))

    def before(run: Run) -> list[tuple[float, int]]:
        return [change for change in run.replicas if change[0] < until_s]

    assert before(without) == before(with_more)


def test_an_order_is_answered_at_once_and_a_burst_in_steps_of_a_quarter_of_a_second():
    run, _ = ours_on(Trace([100.0, 100.1, 100.2], [300.0] * 3))
    assert run.replicas[1:3] == [(100.0, 1), (100.25, 3)]


def test_an_idle_replica_leaves_when_its_hold_is_over_not_at_the_next_interval():
    run, _ = ours_on(Trace([100.0, 5000.0], [300.0, 60.0]), replace(LEAN, behavior=QUICK))
    ended_s = 100 + 15 + 300
    assert run.replicas[1:3] == [(100.0, 1), (ended_s + 2, 0)]


def test_it_evaluates_once_per_interval_when_nothing_happens():
    ours = Ours(LEAN, CLUSTER, begins=BEGINS)
    fleet = Fleet(Trace([0.0], [1.0]), CLUSTER, hands_over=True)
    moments = []
    for _ in range(4):
        moments.append(ours.next_at_s())
        ours.decide(moments[-1], fleet)
    assert [after - before for before, after in pairwise(moments)] == [15, 15, 15]


def test_a_schedule_lifts_our_floor_and_that_of_keda_at_its_hour():
    policy = ScalingPolicy(replicas=Replicas(1, 1, 20), jobs_per_replica=1, schedules=(EVENING,))
    day = Trace([54_000.0, 61_200.0], [60.0, 60.0])
    for run in contest(day, policy).runs(["keda"]):
        at_19_msk = 16 * 3600
        reached = next(at_s for at_s, replicas in run.replicas if replicas >= 15)
        assert at_19_msk <= reached <= at_19_msk + 120, run.policy


def test_a_forecast_is_made_from_earlier_days_only():
    policy = ScalingPolicy(
        replicas=Replicas(1, 1, 50),
        jobs_per_replica=1,
        slo=Objective(wait_s=60),
        forecast=ForecastRule(ForecastMode.AUTO, horizon_s=900),
        evaluation=Evaluation(interval_s=600),
    )
    trace = invent(Shape(jobs_per_hour=4, bursts_per_day=0), days=3.2, seed=1)
    run, outcome = ours_on(trace, policy)
    assert outcome.unfinished == 0
    observing, _ = ours_on(trace, replace(policy, forecast=ForecastRule()))
    three_days = [change for change in run.replicas if change[0] < 3 * 86_400]
    assert three_days == [change for change in observing.replicas if change[0] < 3 * 86_400]


def test_every_rival_replays_the_same_jobs():
    trace = invent(Shape(jobs_per_hour=60), days=0.1, seed=1)
    names = ["keda", "keda-tuned", "keda-lag10", "rules", "static:3", "clairvoyant"]
    held = contest(trace)
    outcomes = [figures(trace, run, slo_s=held.slo_s) for run in held.runs(names)]
    assert [outcome.policy for outcome in outcomes] == ["ours", *names]
    assert {outcome.jobs for outcome in outcomes} == {len(trace)}
    assert outcomes[-1].wait_s.max == min(outcome.wait_s.max for outcome in outcomes) == 0


def test_a_rival_that_is_named_twice_replays_once():
    runs = list(contest(Trace([0.0], [1.0])).runs(["static:1", "ours", "static:1"]))
    assert [run.policy for run in runs] == ["ours", "static:1"]


@pytest.mark.parametrize("name", ["kedda", "static:", "static:-1", "static:many", "static:1000000"])
def test_an_unknown_rival_is_refused_before_anything_is_replayed(name: str):
    with pytest.raises(RivalError):
        next(contest(Trace([0.0], [1.0])).runs([name]))


def test_what_keda_cannot_express_is_said():
    policy = ScalingPolicy(replicas=Replicas(5, 20, 50), schedules=(EVENING, NEW_YEAR))
    remarks = contest(Trace([0.0], [1.0]), policy).remarks(["keda"])
    assert remarks == [
        "keda has no trigger for the window 'new year'",
        "keda cannot cap: the max of the window 'evening' is left out",
        "keda cannot lower: its minimum is that of the lowest window, 9",
    ]
    assert contest(Trace([0.0], [1.0]), policy).remarks(["rules"]) == []


def test_kedas_threshold_is_the_jobs_that_a_replica_carries():
    trace = Trace([0.0] * 200, [600.0] * 200)
    policy = ScalingPolicy(replicas=Replicas(1, 1, 100), jobs_per_replica=20)
    runs = contest(trace, policy, Cluster(slots=20)).runs(["keda", "keda-lag10"])
    peaks = [max(replicas for _, replicas in run.replicas) for run in runs]
    assert peaks[1:] == [10, 20]


def test_the_objective_is_the_policys_or_a_minute():
    trace = Trace([0.0], [1.0])
    assert contest(trace, ScalingPolicy(slo=Objective(wait_s=10))).slo_s == 10
    assert contest(trace, ScalingPolicy()).slo_s == 60


def test_rivals_do_not_hand_over():
    assert Keda.hands_over is False
    assert Ours.hands_over is True
