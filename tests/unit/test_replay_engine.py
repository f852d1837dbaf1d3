"""A replay: every job is done once, the seed decides, and the clairvoyant is never beaten."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.replay.clairvoyant import foresee
from neurocards.replay.engine import Run, replay
from neurocards.replay.figures import Figures, figures, waits_s
from neurocards.replay.fleet import Cluster, Fleet
from neurocards.replay.scaler import Rules, Scaler, Static
from neurocards.replay.trace import Trace

SLO_S = 60.0
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
Jobs = list[tuple[float, float]]
Changes = list[tuple[int, int]]
JOBS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=4000).map(float),
        st.integers(min_value=1, max_value=900).map(float),
    ),
    min_size=1,
    max_size=60,
)
CHANGES = st.lists(
    st.tuples(st.integers(min_value=0, max_value=6000), st.integers(min_value=0, max_value=6)),
    max_size=12,
)
CLUSTERS = st.builds(
    Cluster,
    slots=st.integers(min_value=1, max_value=3),
    pod_start_s=st.sampled_from([0.0, 15.0, 90.0]),
    kill_grace_s=st.sampled_from([0.0, 30.0, 1200.0]),
    seed=st.integers(min_value=1, max_value=3),
)


class Scripted:
    """Writes what it is told at the moments it is told, and six replicas in the end."""

    name = "scripted"
    replicas_at_start = 1

    def __init__(self, changes: Changes, *, hands_over: bool) -> None:
        self.hands_over = hands_over
        self._changes = [*sorted(changes), (6001, 6)]

    def next_at_s(self) -> float:
        return self._changes[0][0] if self._changes else math.inf

    def woken(self, now_s: float) -> None:
        """It follows its script."""

    def decide(self, now_s: float, fleet: Fleet) -> int:  # noqa: ARG002
        return self._changes.pop(0)[1]


def run_of(trace: Trace, scaler: Scaler, cluster: Cluster) -> tuple[Run, Figures]:
    run = replay(trace, scaler, cluster, late_after_s=SLO_S)
    return run, figures(trace, run, slo_s=SLO_S)


@settings(max_examples=25, deadline=None)
@given(JOBS, CHANGES, CLUSTERS, st.booleans())
def test_every_job_is_done_and_no_slot_carries_two(
    jobs: Jobs,
    changes: Changes,
    cluster: Cluster,
    hands_over: bool,  # noqa: FBT001
):
    trace = Trace.of(jobs)
    run, outcome = run_of(trace, Scripted(changes, hands_over=hands_over), cluster)
    assert outcome.unfinished == 0
    for arrival, service, start, finish in zip(
        trace.arrivals_s, trace.services_s, run.first_start_s, run.finish_s, strict=True
    ):
        assert arrival <= start
        assert finish >= start + service
    carried_s = sum(trace.services_s) + outcome.wasted_render_s
    if not hands_over:
        assert outcome.worker_hours * 3600 >= carried_s - 2
    else:
        assert outcome.interrupted == outcome.wasted_render_s == 0


@settings(max_examples=25, deadline=None)
@given(JOBS, CHANGES, CLUSTERS)
def test_the_same_seed_gives_the_same_replay(jobs: Jobs, changes: Changes, cluster: Cluster):
    trace = Trace.of(jobs)
    first = run_of(trace, Scripted(changes, hands_over=False), cluster)
    second = run_of(trace, Scripted(changes, hands_over=False), cluster)
    assert first == second


@settings(max_examples=25, deadline=None)
@given(JOBS, st.integers(min_value=1, max_value=8), CLUSTERS)
def test_the_clairvoyant_is_never_worse_than_a_fixed_number(
    jobs: Jobs, replicas: int, cluster: Cluster
):
    trace = Trace.of(jobs)
    _, fixed = run_of(trace, Static(replicas), cluster)
    best = figures(trace, foresee(trace, cluster, replicas_max=replicas), slo_s=SLO_S)
    assert best.wait_s == fixed.wait_s
    assert best.worker_hours <= fixed.worker_hours + 1e-3
    assert best.peak_replicas <= replicas


@settings(max_examples=25, deadline=None)
@given(JOBS, CLUSTERS)
def test_the_clairvoyant_lets_nobody_wait_when_it_may_grow(jobs: Jobs, cluster: Cluster):
    trace = Trace.of(jobs)
    run = foresee(trace, cluster, replicas_max=len(jobs))
    assert max(waits_s(trace, run)) == 0


def test_the_clairvoyant_keeps_a_pod_through_a_gap_that_is_shorter_than_a_start():
    cluster = Cluster(pod_start_s=15)
    near = foresee(Trace([100, 410], [300, 300]), cluster, replicas_max=5)
    far = foresee(Trace([100, 420], [300, 300]), cluster, replicas_max=5)
    assert near.tally.pod_s == 15 + 300 + 10 + 300
    assert far.tally.pod_s == 2 * (15 + 300)
    assert near.replicas == [(0, 0), (85, 1), (710, 0)]


def test_a_fixed_number_writes_nothing_and_its_hours_end_with_the_last_job():
    _, outcome = run_of(Trace([0, 10], [300, 300]), Static(2), Cluster())
    assert outcome.scale_writes == 0
    assert outcome.worker_hours == round(2 * 310 / 3600, 3)
    assert outcome.wait_s.max == 0


def test_several_slots_in_a_replica_count_as_workers():
    _, outcome = run_of(Trace([0], [3600]), Static(1), Cluster(slots=20))
    assert (outcome.replica_hours, outcome.worker_hours) == (1, 20)


def test_a_policy_that_never_serves_is_cut_off_and_says_so():
    run, outcome = run_of(Trace([0, 600], [300, 300]), Static(0), Cluster())
    assert outcome.unfinished == 2
    assert outcome.wait_s.max == run.end_s == 600
    assert outcome.over_slo == 1


def test_the_rules_of_a_single_host_follow_the_clock():
    scaler = Rules(slots=1, begins=MIDNIGHT)
    trace = Trace([float(at) for at in range(0, 24 * 3600, 30)], [300.0] * 2880)
    run, _ = run_of(trace, scaler, Cluster())
    at = dict(run.replicas)
    assert scaler.replicas_at_start == 5, "midnight lies after the line of 22:00"
    assert at[4 * 3600] == 20
    assert at[16 * 3600] == 50
    assert at[22 * 3600] == 5


def test_the_script_sets_50_above_200_queued_and_10_below_10():
    trace = Trace([float(at) for at in range(400)], [300.0] * 400)
    run, outcome = run_of(trace, Rules(slots=1, begins=MIDNIGHT), Cluster())
    assert run.replicas[:2] == [(0, 5), (300, 50)]
    assert run.replicas[2][1] == 10
    assert outcome.peak_replicas == 50


def test_the_rules_count_workers_not_replicas():
    assert Rules(slots=20, begins=MIDNIGHT.replace(hour=17)).replicas_at_start == 3


@pytest.mark.parametrize(("begins", "first_s"), [(0, 0), (1, 299), (299, 1), (300, 0)])
def test_the_script_runs_on_the_minutes_that_five_divides(begins: int, first_s: int):
    started = datetime.fromtimestamp(MIDNIGHT.timestamp() + begins, UTC)
    assert Rules(slots=1, begins=started).next_at_s() == first_s


def test_percentiles_are_waits_that_did_occur():
    trace = Trace([0.0] * 100, [1.0] * 100)
    _, outcome = run_of(trace, Static(1), Cluster())
    wait = outcome.wait_s
    assert (wait.p50, wait.p95, wait.p99, wait.max) == (49, 94, 98, 99)
    assert outcome.turnaround_s.max == 100
    assert outcome.over_slo == 39
