"""Pods start late, carry jobs, and leave as Kubernetes lets them: killed, or handing over."""

from __future__ import annotations

import math

import pytest

from neurocards.replay.fleet import Cluster, Fleet
from neurocards.replay.trace import Trace

SERVICE_S = 300.0


def fleet_of(
    *arrivals_s: float,
    hands_over: bool = False,
    replicas: int = 0,
    slots: int = 1,
    kill_grace_s: float = 30,
) -> Fleet:
    trace = Trace(list(arrivals_s), [SERVICE_S] * len(arrivals_s))
    cluster = Cluster(slots=slots, pod_start_s=15, kill_grace_s=kill_grace_s)
    fleet = Fleet(trace, cluster, hands_over=hands_over)
    fleet.begin_with(replicas)
    return fleet


def let_happen(fleet: Fleet, until_s: float = math.inf) -> None:
    while fleet.next_happening_s() <= until_s and fleet.next_happening_s() < math.inf:
        fleet.happen()


def test_an_idle_worker_takes_a_job_at_once():
    fleet = fleet_of(10, replicas=1)
    fleet.arrive(10)
    let_happen(fleet)
    assert (fleet.first_start_s, fleet.finish_s) == ([10], [310])


def test_a_new_pod_takes_a_job_when_it_has_started():
    fleet = fleet_of(10)
    fleet.arrive(10)
    fleet.scale_to(10, 1)
    assert (fleet.spec, fleet.ready, fleet.queued) == (1, 0, 1)
    let_happen(fleet)
    assert fleet.first_start_s == [25]


def test_jobs_are_taken_in_the_order_of_their_arrival():
    fleet = fleet_of(1, 2, 3, replicas=1)
    for at_s in (1, 2, 3):
        fleet.arrive(at_s)
    let_happen(fleet)
    assert fleet.first_start_s == [1, 301, 601]


def test_the_least_busy_replica_takes_the_next_job():
    fleet = fleet_of(1, 2, 3, replicas=2, slots=3)
    for at_s in (1, 2, 3):
        fleet.arrive(at_s)
    fleet.scale_to(4, 1)
    let_happen(fleet)
    assert fleet.tally.interrupted in (1, 2), "three jobs lay on two replicas"


def test_waits_so_far_are_those_of_the_queue():
    fleet = fleet_of(10, 20)
    fleet.arrive(10)
    fleet.arrive(20)
    assert fleet.mean_wait_s(30) == 15
    assert fleet.oldest_wait_s(30) == 20
    assert fleet_of().mean_wait_s(30) == fleet_of().oldest_wait_s(30) == 0


def test_a_pod_that_has_not_started_leaves_before_one_that_is_busy():
    fleet = fleet_of(0, replicas=1)
    fleet.arrive(0)
    fleet.scale_to(1, 2)
    fleet.scale_to(2, 1)
    let_happen(fleet)
    assert fleet.tally.interrupted == 0
    assert fleet.finish_s == [300]


def test_a_busy_victim_may_finish_within_the_grace_period():
    fleet = fleet_of(0, replicas=1, kill_grace_s=30)
    fleet.arrive(0)
    fleet.scale_to(280, 0)
    let_happen(fleet)
    fleet.close(1000)
    assert fleet.tally.interrupted == 0
    assert fleet.finish_s == [300]
    assert fleet.tally.pod_s == 300, "the drain counts, what comes after it does not"


def test_a_busy_victim_is_killed_when_the_grace_is_over_and_its_job_begins_anew():
    fleet = fleet_of(0, replicas=1, kill_grace_s=30)
    fleet.arrive(0)
    fleet.scale_to(100, 0)
    let_happen(fleet, until_s=130)
    assert (fleet.tally.interrupted, fleet.tally.wasted_render_s) == (1, 130)
    assert fleet.queued == 1
    fleet.scale_to(130, 1)
    let_happen(fleet)
    assert fleet.finish_s == [130 + 15 + SERVICE_S]
    assert fleet.first_start_s == [0], "the wait ends with the first start"


def test_an_interrupted_job_stands_in_front_of_those_that_came_later():
    fleet = fleet_of(0, 1, replicas=1, kill_grace_s=0)
    fleet.arrive(0)
    fleet.arrive(1)
    fleet.scale_to(2, 0)
    let_happen(fleet)
    fleet.scale_to(2, 1)
    let_happen(fleet)
    assert fleet.finish_s == [317, 617]


def test_our_victim_hands_over_and_the_render_goes_on():
    fleet = fleet_of(0, 1, replicas=2, hands_over=True)
    fleet.arrive(0)
    fleet.arrive(1)
    fleet.scale_to(100, 1)
    assert (fleet.queued, fleet.running) == (1, 1)
    let_happen(fleet)
    assert (fleet.tally.interrupted, fleet.tally.handed_over) == (0, 1)
    assert sorted(fleet.finish_s) in ([300, 301], [301, 301])


def test_a_render_that_ended_while_nobody_looked_is_fetched_by_the_next_free_slot():
    fleet = fleet_of(0, replicas=1, hands_over=True)
    fleet.arrive(0)
    fleet.scale_to(100, 0)
    fleet.scale_to(500, 1)
    let_happen(fleet)
    assert fleet.finish_s == [515]


def test_our_idle_replicas_leave_first():
    fleet = fleet_of(0, 1, replicas=4, hands_over=True)
    fleet.arrive(0)
    fleet.arrive(1)
    fleet.scale_to(50, 2)
    assert fleet.tally.handed_over == 0


@pytest.mark.parametrize("hands_over", [True, False])
def test_hours_run_from_the_creation_of_a_pod_to_its_end(hands_over: bool):  # noqa: FBT001
    fleet = fleet_of(hands_over=hands_over, replicas=1)
    fleet.scale_to(100, 3)
    fleet.scale_to(110, 1)
    fleet.close(200)
    assert fleet.tally.pod_s == 200 + 2 * 10


def test_late_jobs_are_counted_when_they_start():
    fleet = fleet_of(0, 0, replicas=1)
    fleet.late_after_s = 60
    fleet.arrive(0)
    fleet.arrive(0)
    let_happen(fleet)
    assert (fleet.tally.started, fleet.tally.late) == (2, 1)


def test_the_service_time_is_measured_on_finished_jobs():
    fleet = fleet_of(0, replicas=1)
    assert fleet.service_s is None
    fleet.arrive(0)
    let_happen(fleet)
    assert fleet.service_s == SERVICE_S
