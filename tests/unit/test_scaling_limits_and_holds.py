"""Caps bind at once, holds only delay: what bounds the wishes of a decision."""

from __future__ import annotations

from dataclasses import replace

from neurocards.domain.scaling import (
    ProviderCapacity,
    Source,
)
from neurocards.domain.scaling_policy import (
    Behavior,
    Evaluation,
    Limits,
    Objective,
    ProviderLimit,
    QueueRules,
    QueueStep,
    Replicas,
)
from support.scaling_cases import SPARE, policy
from support.scaling_pool import NOON, PaperPool, fresh

# The caps.


def test_the_provider_carries_what_its_window_and_the_time_of_a_job_allow():
    auto = policy(
        limits=Limits(ProviderLimit.AUTO),
        queue=QueueRules((QueueStep(0, 99),)),
        jobs_per_replica=20,
    )
    quota = ProviderCapacity(creates=20, window_s=10)
    decision = fresh(auto, queued=1, service_s=300, provider=quota)
    assert (decision.replicas, decision.reason) == (30, Source.PROVIDER)
    assert decision.message.startswith("30 replicas: the provider carries 600 renders at a time")
    third = replace(quota, creates=7)
    assert fresh(auto, queued=1, service_s=300, provider=third).replicas == 10
    assert fresh(auto, queued=1, service_s=300, provider=None).replicas == 50


def test_a_provider_without_a_healthy_key_leaves_the_floor():
    auto = policy(limits=Limits(ProviderLimit.AUTO))
    decision = fresh(auto, provider=ProviderCapacity(0, 10))
    assert (decision.replicas, decision.reason) == (1, Source.PROVIDER)
    zero = replace(auto, replicas=SPARE)
    assert fresh(zero, replicas=0, queued=5, provider=ProviderCapacity(0, 10)).replicas == 0


def test_a_little_capacity_is_one_replica():
    limited = policy(replicas=SPARE, jobs_per_replica=20, limits=Limits(3))
    lifted = replace(limited, queue=QueueRules((QueueStep(0, 9),)))
    assert fresh(lifted, replicas=0, queued=5).replicas == 1
    assert fresh(replace(lifted, limits=Limits(60)), replicas=0, queued=5).replicas == 3


def test_a_budget_is_spent_until_only_the_floor_is_affordable():
    tight = policy(
        replicas=Replicas(2, 37, 50),
        limits=Limits(replica_hours_per_day=120),
        evaluation=Evaluation(interval_s=900),
    )
    pool = PaperPool(tight, replicas=37, now=NOON.replace(hour=0))
    seen = [pool.decide(after_s=900 * bool(quarter)).replicas for quarter in range(96)]
    assert sum(seen) / 4 <= 120
    assert sum(seen) / 4 > 119
    assert seen[:8] == [37] * 8
    assert seen[8] == 10
    assert seen[9:] == [2] * 87
    # The last quarter of an hour, on two replicas, is not over: half an hour is not used yet.
    decision = pool.decide()
    assert decision.reason is Source.BUDGET
    assert decision.message.startswith(
        "2 replicas: 119.5 of 120 replica-hours of the day are used; wished for 37"
    )
    assert pool.decide(after_s=900).replicas == 37


def test_a_budget_of_nothing_leaves_the_floor():
    assert fresh(policy(limits=Limits(replica_hours_per_day=0))).replicas == 1


def test_the_lowest_cap_is_the_one_that_is_named():
    both = policy(limits=Limits(7, 0), replicas=Replicas(0, 10, 8))
    assert fresh(both).reason is Source.BUDGET
    assert fresh(policy(limits=Limits(7), replicas=Replicas(0, 8, 8))).reason is Source.PROVIDER


def test_caps_bind_at_once_whatever_is_held():
    pool = PaperPool(policy(behavior=Behavior(0, 3600)), replicas=50)
    pool.policy = replace(pool.policy, replicas=Replicas(1, 10, 20))
    decision = pool.decide()
    assert (decision.replicas, decision.reason) == (20, Source.REPLICAS_MAX)


# The holds.


def test_each_replica_goes_when_it_was_not_wanted_for_the_hold():
    pool = PaperPool(
        policy(slo=Objective(15), replicas=SPARE, behavior=Behavior(0, 60)), replicas=0
    )
    for demand in (10, 8, 5):
        pool.decide(after_s=20, running=demand)
    steps = []
    for _ in range(7):
        decision = pool.decide(after_s=20, running=5)
        steps.append((decision.replicas, decision.reason))
    hold, wish = Source.HOLD_DOWN, Source.OBJECTIVE
    assert steps[:1] == [(10, hold)]
    assert steps[1:] == [(8, hold), (5, wish), (5, wish), (5, wish), (5, wish), (5, wish)]


def test_what_ran_before_the_first_decision_was_wanted_until_then():
    pool = PaperPool(policy(behavior=Behavior(0, 60)), replicas=30)
    assert pool.decide().replicas == 30
    assert pool.decide(after_s=59).replicas == 30
    assert pool.decide(after_s=1).replicas == 10


def test_a_hold_never_raises():
    pool = PaperPool(policy(behavior=Behavior(0, 600)), replicas=40)
    pool.decide()
    pool.replicas = 15
    assert pool.decide(after_s=10).replicas == 15


def test_a_rise_must_last_for_its_hold():
    rules = policy(queue=QueueRules((QueueStep(0, 5), QueueStep(10, 20))), behavior=Behavior(60, 0))
    pool = PaperPool(rules, replicas=10)
    pool.decide()
    decision = pool.decide(after_s=10, queued=11)
    assert (decision.replicas, decision.reason) == (10, Source.HOLD_UP)
    assert decision.message.startswith("10 replicas: a rise must be wanted for 60 s; wished for 30")
    assert pool.decide(after_s=30, queued=1).replicas == 10
    assert pool.decide(after_s=30, queued=11).replicas == 15
    assert pool.decide(after_s=61, queued=11).replicas == 30


def test_a_step_down_takes_a_share_and_waits_before_the_next():
    pool = PaperPool(policy(behavior=Behavior(0, 60, 50)), replicas=40)
    pool.decide()
    assert pool.decide(after_s=60).replicas == 20
    decision = pool.decide(after_s=59)
    assert (decision.replicas, decision.reason) == (20, Source.STEP_DOWN)
    assert "at most 50 % fewer in a step, 60 s apart" in decision.message
    assert pool.decide(after_s=1).replicas == 10


def test_a_share_of_little_is_one_replica():
    pool = PaperPool(policy(replicas=SPARE, behavior=Behavior(0, 0, 10)), replicas=4)
    assert [pool.decide(after_s=1).replicas for _ in range(5)] == [3, 2, 1, 0, 0]
