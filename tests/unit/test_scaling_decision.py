"""The decision: order of wishes and limits, the one that is named, and what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from neurocards.domain.forecast import Forecast
from neurocards.domain.scaling import (
    Contribution,
    Decision,
    Kind,
    Memory,
    ProviderCapacity,
    Source,
    StreamReading,
    decide,
)
from neurocards.domain.scaling_memory import HELD_MAX, Held, remember_high, remember_low
from neurocards.domain.scaling_policy import (
    Behavior,
    Evaluation,
    ForecastMode,
    ForecastRule,
    Headroom,
    HighLevel,
    IdleRule,
    Limits,
    LowLevel,
    Objective,
    Override,
    ProviderLimit,
    QueueRules,
    QueueStep,
    Replicas,
    ScalingPolicy,
    WaitStep,
)
from neurocards.domain.schedule import Schedule
from support.scaling_pool import NOON, PaperPool, fresh, observed, ready_made

AT_ONCE = Behavior(down_hold_s=0)
SPARE = Replicas(0, 0, 50)


def policy(**values: Any) -> ScalingPolicy:
    return ScalingPolicy(
        **{"replicas": Replicas(1, 10, 50), "jobs_per_replica": 1, "behavior": AT_ONCE, **values}
    )


def named(decision: Decision, source: Source) -> Contribution:
    (found,) = (c for c in decision.contributions if c.source is source)
    return found


def window(**values: Any) -> Schedule:
    """Open at noon in Moscow."""
    return Schedule("day", "Europe/Moscow", "0 8 * * *", "0 20 * * *", **values)


# The baseline and what lowers it.


def test_without_any_rule_the_base_decides():
    decision = fresh(policy(), replicas=3)
    assert (decision.replicas, decision.reason) == (10, Source.BASE)
    assert decision.message == "10 replicas: the base of the policy"


def test_one_replica_is_one_replica():
    assert fresh(policy(replicas=Replicas(1, 1, 5))).message == "1 replica: the base of the policy"


def test_a_window_replaces_the_base_downwards_too():
    decision = fresh(policy(schedules=(window(min=4),)))
    assert (decision.replicas, decision.reason) == (4, Source.WINDOW)
    assert decision.message == "4 replicas: the window day asks for at least 4"


def test_a_window_that_only_caps_leaves_the_base():
    decision = fresh(policy(schedules=(window(max=7),)))
    assert (decision.replicas, decision.reason) == (7, Source.WINDOW_MAX)
    assert decision.message == (
        "7 replicas: the window day allows 7 at most; wished for 10 (Base: the base of the policy)"
    )


def test_the_max_of_a_window_may_be_above_that_of_the_policy():
    high = policy(schedules=(window(min=5, max=80),), queue=QueueRules((QueueStep(0, 70),)))
    assert fresh(high, queued=1).replicas == 75


@pytest.mark.parametrize(("times", "replicas"), [(0, 20), (1, 10), (2, 5), (3, 3), (9, 1), (99, 1)])
def test_idle_time_lowers_again_and_again_down_to_the_floor(times: int, replicas: int):
    idle = policy(replicas=Replicas(1, 20, 50), idle=IdleRule(3600))
    memory = fresh(idle).memory
    later = NOON + timedelta(hours=times)
    assert decide(observed(later), idle, memory, later).replicas == replicas


def test_a_factor_near_one_still_takes_one_replica_each_time():
    idle = policy(replicas=Replicas(0, 3, 50), idle=IdleRule(60, 999))
    memory = fresh(idle).memory
    found = [
        decide(observed(NOON + k * timedelta(minutes=1)), idle, memory, NOON + k * timedelta(0, 60))
        for k in range(5)
    ]
    assert [decision.replicas for decision in found] == [3, 2, 1, 0, 0]
    assert found[2].message == "1 replica: nothing queued for 120 s: 3 lowered 2 times"


def test_idle_time_needs_an_empty_queue_and_not_idle_workers():
    pool = PaperPool(policy(idle=IdleRule(60)), replicas=10)
    pool.decide(running=10)
    assert pool.decide(after_s=60, running=10).replicas == 5
    assert pool.decide(after_s=60, queued=1, running=10).replicas == 10


def test_neither_idle_time_nor_a_low_level_goes_below_the_min_of_a_window():
    low = policy(
        schedules=(window(min=6),),
        idle=IdleRule(60),
        queue=QueueRules(low_levels=(LowLevel(5, 2),)),
    )
    pool = PaperPool(low, replicas=6)
    pool.decide()
    assert pool.decide(after_s=3600).replicas == 6


def test_the_lowest_of_the_lowering_rules_holds():
    rules = QueueRules(low_levels=(LowLevel(10, 4), LowLevel(5, 2)))
    decision = fresh(policy(queue=rules), queued=4)
    assert (decision.replicas, decision.reason) == (2, Source.QUEUE_LOW)
    assert decision.message == "2 replicas: 4 queued, below 5"
    assert fresh(policy(queue=rules), queued=7).replicas == 4
    assert fresh(policy(queue=rules), queued=10).replicas == 10


def test_a_low_level_never_raises():
    assert fresh(policy(queue=QueueRules(low_levels=(LowLevel(5, 30),)))).replicas == 10


def test_a_wish_beats_a_lowering_rule():
    rules = QueueRules(steps=(QueueStep(2, 3),), low_levels=(LowLevel(10, 2),))
    assert fresh(policy(queue=rules), queued=3).replicas == 13


# The wishes.


def test_the_largest_matching_step_wins_in_whatever_order_they_stand():
    steps = (QueueStep(100, 10), QueueStep(500, 20), QueueStep(50, 5))
    rules = policy(queue=QueueRules(steps))
    assert [fresh(rules, queued=n).replicas for n in (50, 51, 101, 501)] == [10, 15, 20, 30]


def test_steps_of_the_queue_and_of_the_wait_do_not_add_up():
    rules = policy(queue=QueueRules((QueueStep(10, 5),), (WaitStep(60, 8),)))
    decision = fresh(rules, queued=11, mean_wait_s=61)
    assert (decision.replicas, decision.reason) == (18, Source.WAIT_STEP)
    assert decision.message == "18 replicas: 61 s of waiting on average, above 60: 10 + 8"
    assert named(decision, Source.QUEUE_STEP).replicas == 15


def test_a_wait_without_a_queue_is_a_remainder_and_counts_for_nothing():
    rules = policy(queue=QueueRules(wait_steps=(WaitStep(60, 8),)))
    assert fresh(rules, queued=0, mean_wait_s=999).replicas == 10


def test_a_high_level_is_a_number_and_not_a_step():
    rules = policy(queue=QueueRules(high_levels=(HighLevel(200, 50), HighLevel(20, 15))))
    assert [fresh(rules, queued=n).replicas for n in (20, 21, 201)] == [10, 15, 50]
    assert fresh(rules, queued=21).message == "15 replicas: 21 queued, above 20"


def test_an_objective_asks_for_a_slot_for_each_job():
    lean = ready_made("single-lean")
    decision = fresh(lean, replicas=3, queued=4, running=3)
    assert (decision.replicas, decision.reason) == (7, Source.OBJECTIVE)
    assert decision.message == (
        "7 replicas: 7 jobs need 7 slots to start within 15 s, and 0 are held ready"
    )


def test_jobs_per_replica_are_rounded_up_and_there_is_no_tolerance():
    many = policy(jobs_per_replica=20, slo=Objective(10, headroom=Headroom.OFF), replicas=SPARE)
    found = [fresh(many, replicas=0, running=n).replicas for n in (0, 1, 20, 21, 40, 41)]
    assert found == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("wait_s", "oldest_s", "slots"),
    [
        (299, 0, 12),
        (300, 0, 6),
        (600, 0, 4),
        (900, 0, 3),
        (900, 300, 4),
        (900, 301, 6),
        (900, 900, 12),
    ],
)
def test_a_patient_objective_lets_a_slot_carry_several_jobs_in_turn(
    wait_s: int, oldest_s: int, slots: int
):
    patient = policy(replicas=SPARE, slo=Objective(wait_s))
    decision = fresh(patient, queued=6, running=6, oldest_wait_s=oldest_s, service_s=300)
    assert decision.replicas == slots


def test_headroom_is_held_while_jobs_arrive_and_given_up_when_they_do_not():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    for _ in range(60):
        pool.decide(after_s=10, arrived=1, running=20, started=1)
    assert pool.replicas > 20
    ready = pool.replicas - 20
    assert 1 <= ready <= 6
    for _ in range(240):
        pool.decide(after_s=15, running=0)
    assert pool.replicas == 0


def test_late_starts_buy_headroom_and_punctual_ones_give_it_back():
    def after(late: int) -> int:
        pool = PaperPool(ready_made("single"), replicas=0)
        pool.decide()
        for _ in range(120):
            pool.decide(after_s=10, arrived=1, running=20, started=1, late=late)
        return pool.replicas

    assert after(late=1) > after(late=0)


def test_a_late_start_moves_the_price_by_what_nineteen_punctual_ones_give_back():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    pool.decide(after_s=1, started=1, late=1)
    high = pool.memory.price_log_ppm
    pool.decide(after_s=1, started=20)
    low = pool.memory.price_log_ppm
    assert high is not None
    assert low is not None
    assert 0.9 < (high - low) / 80_000 < 1.0


def test_the_price_has_bounds():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    pool.decide(after_s=1, started=10_000, late=10_000)
    assert pool.memory.price_log_ppm == 9_903_488  # 20,000 s
    pool.decide(after_s=1, started=1_000_000)
    assert pool.memory.price_log_ppm == 0


def test_a_slower_start_needs_more_headroom_and_a_fast_one_none():
    def ready(start_s: float | None) -> int:
        pool = PaperPool(ready_made("single"), replicas=20)
        pool.decide(start_s=start_s)
        for _ in range(60):
            pool.decide(after_s=10, arrived=1, running=20, started=1, start_s=start_s)
        return pool.replicas - 20

    assert ready(5) == 0 < ready(15) < ready(60)
    assert ready(None) == ready(15)


def test_a_pool_at_zero_wakes_for_one_job_even_without_an_objective():
    bare = policy(replicas=SPARE)
    decision = fresh(bare, replicas=0, queued=1)
    assert (decision.replicas, decision.reason) == (1, Source.WAKE_UP)
    assert decision.message == "1 replica: 1 jobs are there and need somebody"
    assert fresh(bare, replicas=1, running=1).replicas == 1
    assert fresh(bare, replicas=1).replicas == 0


PROVEN = Forecast(jobs=90, bucket_s=900, error_milli=1000, naive_error_milli=2000)


def test_a_proven_forecast_raises_to_what_its_arrivals_need():
    rule = policy(forecast=ForecastRule(ForecastMode.AUTO))
    decision = fresh(rule, forecast=PROVEN, service_s=300)
    assert (decision.replicas, decision.reason) == (37, Source.FORECAST)
    assert decision.message == (
        "37 replicas: the forecast expects 360 jobs an hour, which need 37 slots"
    )


def test_a_forecast_never_lowers():
    rule = policy(forecast=ForecastRule(ForecastMode.AUTO))
    quiet = replace(PROVEN, jobs=0)
    assert fresh(rule, forecast=quiet).replicas == 10


def test_a_forecast_that_is_observed_is_shown_and_not_followed():
    decision = fresh(policy(), forecast=PROVEN)
    assert decision.replicas == 10
    assert named(decision, Source.FORECAST).kind is Kind.SHOWN


def test_a_forecast_that_is_off_is_not_even_shown():
    decision = fresh(policy(forecast=ForecastRule(ForecastMode.OFF)), forecast=PROVEN)
    assert all(c.source is not Source.FORECAST for c in decision.contributions)


def test_a_forecast_worse_than_naive_is_not_used():
    rule = policy(forecast=ForecastRule(ForecastMode.AUTO))
    decision = fresh(rule, forecast=replace(PROVEN, error_milli=2000))
    assert decision.replicas == 10
    assert named(decision, Source.FORECAST_UNPROVEN).text == (
        "the forecast is off by 2.0 jobs and the last count by 2.0: not used"
    )


def test_the_objective_says_how_many_slots_a_forecast_needs():
    patient = policy(
        forecast=ForecastRule(ForecastMode.AUTO), slo=Objective(600, 50), jobs_per_replica=4
    )
    assert named(fresh(patient, forecast=PROVEN), Source.FORECAST).replicas == 8


# The override.


def test_an_override_replaces_every_wish_and_every_hold_until_it_expires():
    until = NOON + timedelta(hours=1)
    held = policy(behavior=Behavior(600, 600, 10), override=Override(0, until))
    pool = PaperPool(held, replicas=30)
    decision = pool.decide(queued=900, running=30)
    assert (decision.replicas, decision.reason) == (0, Source.OVERRIDE)
    assert decision.message == "0 replicas: set by hand to 0 until 2026-03-04 10:00 UTC"
    assert pool.decide(after_s=3599).replicas == 0
    pool.policy = replace(held, behavior=AT_ONCE)
    assert pool.decide(after_s=1).replicas == 10


def test_an_override_obeys_the_hard_maximum_and_nothing_else():
    until = NOON + timedelta(hours=1)
    limits = Limits(provider_concurrency=2, replica_hours_per_day=0)
    over = policy(override=Override(99, until), limits=limits)
    assert fresh(over).replicas == 50
    wider = replace(over, schedules=(window(min=1, max=70),))
    assert fresh(wider).replicas == 70


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
    assert fresh(limited, replicas=0, queued=5).replicas == 1


def test_a_budget_is_spent_until_only_the_floor_is_affordable():
    tight = policy(
        replicas=Replicas(2, 10, 50),
        limits=Limits(replica_hours_per_day=120),
        evaluation=Evaluation(interval_s=900),
    )
    midnight = NOON.replace(hour=0)
    pool = PaperPool(tight, replicas=10, now=midnight)
    used = 0.0
    seen: list[int] = []
    for _ in range(96):
        decision = pool.decide(after_s=0 if pool.now == midnight and not seen else 900)
        seen.append(decision.replicas)
        used += decision.replicas / 4
    assert used <= 120
    assert used > 118
    assert seen[0] == 10
    assert seen[-1] == 2
    assert pool.decide().reason is Source.BUDGET
    assert "of 120 replica-hours of the day are used" in pool.decide().message
    assert pool.decide(after_s=900).replicas == 10


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


# Signals that cannot be trusted.


def test_stale_signals_hold_whatever_runs_and_say_so():
    later = NOON + timedelta(seconds=61)
    decision = decide(observed(NOON, replicas=30, queued=99), policy(), Memory(), later)
    assert (decision.replicas, decision.reason) == (30, Source.STALE_SIGNALS)
    assert decision.message.startswith(
        "30 replicas: the database was last read 61 s ago, so nothing is taken away"
    )


def test_stale_signals_raise_nothing_but_schedules_still_do():
    rules = policy(queue=QueueRules((QueueStep(0, 20),)), schedules=(window(min=25),))
    later = NOON + timedelta(hours=1)
    decision = decide(observed(NOON, replicas=5, queued=99), rules, Memory(), later)
    assert (decision.replicas, decision.reason) == (25, Source.WINDOW)


def test_stale_signals_never_lift_above_a_cap():
    later = NOON + timedelta(hours=1)
    decision = decide(observed(NOON, replicas=60), policy(), Memory(), later)
    assert (decision.replicas, decision.reason) == (50, Source.REPLICAS_MAX)


def test_after_stale_signals_the_hold_begins_anew():
    pool = PaperPool(policy(behavior=Behavior(0, 60)), replicas=30)
    pool.decide()
    for _ in range(20):
        pool.decide(after_s=61, at=NOON)
    assert pool.decide(after_s=1).replicas == 30
    assert pool.decide(after_s=60).replicas == 10


def test_time_that_nobody_saw_is_no_idle_time():
    pool = PaperPool(policy(idle=IdleRule(3600)), replicas=10)
    pool.decide()
    pool.decide(after_s=3000, at=NOON)
    assert pool.decide(after_s=1000).replicas == 10
    assert pool.decide(after_s=3600).replicas == 5


def test_what_stale_signals_count_is_not_learned_twice():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    pool.decide(after_s=10, arrived=5)
    learned = pool.memory.belief
    pool.decide(after_s=90, arrived=5, at=NOON)
    assert pool.memory.belief == learned
    pool.decide(after_s=10, arrived=5, at=NOON - timedelta(seconds=10))
    assert pool.memory.belief == learned


def test_a_reading_older_than_the_last_one_teaches_nothing():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide(after_s=30)
    pool.decide(after_s=1, arrived=9, at=NOON)
    assert pool.memory.belief == Memory().belief


def test_a_stale_stream_holds_too():
    stream = StreamReading(NOON - timedelta(seconds=61), jobs=0)
    decision = fresh(policy(), replicas=30, stream=stream)
    assert (decision.replicas, decision.reason) == (30, Source.STALE_SIGNALS)
    assert "the stream was last read 61 s ago" in decision.message


def test_a_stream_that_agrees_holds_nothing():
    decision = fresh(policy(), replicas=30, stream=StreamReading(NOON, jobs=0))
    assert (decision.replicas, decision.reason) == (10, Source.BASE)


def contradicting(pool: PaperPool, jobs: int, *, after_s: float = 15, unsent: int = 0) -> Decision:
    at = pool.now + timedelta(seconds=after_s)
    reading = StreamReading(at, jobs, unsent)
    return pool.decide(after_s=after_s, queued=30, running=10, stream=reading)


def test_two_contradicting_readings_hold_and_one_does_not():
    pool = PaperPool(policy(), replicas=30)
    assert contradicting(pool, jobs=0).replicas == 10
    pool.replicas = 30
    decision = contradicting(pool, jobs=0)
    assert (decision.replicas, decision.reason) == (30, Source.CONTRADICTION)
    assert "the database knows 40 jobs and the stream 0" in decision.message
    assert contradicting(pool, jobs=40).replicas == 10


def test_the_same_reading_contradicts_only_once():
    pool = PaperPool(policy(), replicas=30)
    reading = StreamReading(NOON, 0)
    for _ in range(3):
        pool.replicas = 30
        assert pool.decide(after_s=1, queued=40, stream=reading).replicas == 10


@pytest.mark.parametrize(
    ("jobs", "unsent", "reason"),
    [
        (35, 0, Source.BASE),
        (32, 0, Source.BASE),
        (31, 0, Source.CONTRADICTION),
        (48, 0, Source.BASE),
        (49, 0, Source.CONTRADICTION),
        (10, 30, Source.BASE),
    ],
)
def test_a_difference_counts_above_five_and_a_fifth_of_what_was_sent(
    jobs: int, unsent: int, reason: Source
):
    pool = PaperPool(policy(), replicas=30)
    for _ in range(2):
        pool.replicas = 30
        decision = contradicting(pool, jobs, unsent=unsent)
    assert decision.reason is reason


def test_five_jobs_are_no_difference_in_a_small_pool():
    for jobs, held in ((5, False), (6, True)):
        pool = PaperPool(policy(), replicas=30)
        for second in (1, 2):
            pool.replicas = 30
            reading = StreamReading(NOON + timedelta(seconds=second), jobs)
            decision = pool.decide(after_s=1, stream=reading)
        assert (decision.reason is Source.CONTRADICTION) is held


def test_a_policy_with_faults_still_raises_and_never_lowers():
    broken = policy(
        schedules=(Schedule("a", "Nowhere", "0 1 * * *", "0 2 * * *", 1),),
        queue=QueueRules((QueueStep(0, 20),)),
    )
    assert fresh(broken, replicas=5, queued=1).replicas == 30
    decision = fresh(broken, replicas=30)
    assert (decision.replicas, decision.reason) == (30, Source.POLICY_FAULT)
    assert "spec.schedules[0].timeZone: names no zone" in decision.message


# What is remembered.


def test_a_memory_survives_json():
    pool = PaperPool(ready_made("single"), replicas=30)
    for step in range(40):
        pool.decide(after_s=7, arrived=step % 3, running=step % 9, started=1, late=step % 2)
        written = json.loads(json.dumps(pool.memory.to_dict()))
        assert Memory.from_dict(written) == pool.memory
    assert pool.memory.highs


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree | {"version": 2},
        lambda tree: {key: value for key, value in tree.items() if key != "wish"},
        lambda tree: tree | {"wish": "3"},
        lambda tree: tree | {"wish": True},
        lambda tree: tree | {"contradictions": None},
        lambda tree: tree | {"highs": [[1]]},
        lambda tree: tree | {"highs": 3},
        lambda tree: tree | {"belief": {"now": [1], "habit": [1]}},
        lambda tree: tree | {"belief": {"now": [-1] * 36, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {"now": [0] * 36, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {"now": [10**6] * 36, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {}},
        lambda tree: [tree],
        lambda tree: tree["wish"],
    ],
)
def test_a_memory_that_cannot_be_read_is_none_at_all(spoil: Any):
    assert Memory.from_dict(spoil(fresh(policy()).memory.to_dict())) == Memory()


def test_time_that_runs_backwards_costs_nothing():
    pool = PaperPool(policy(limits=Limits(replica_hours_per_day=480)), replicas=10)
    pool.decide()
    pool.decide(after_s=-30)
    assert pool.memory.budget_used_ms == 0


def test_the_budget_of_a_day_begins_at_midnight_of_utc():
    pool = PaperPool(policy(), replicas=10, now=datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    pool.decide()
    pool.decide(after_s=30)
    assert pool.memory.budget_used_ms == 300_000
    pool.decide(after_s=60)
    assert pool.memory.budget_used_ms == 300_000
    pool.decide(after_s=30)
    assert pool.memory.budget_used_ms == 600_000


def test_former_wishes_are_merged_towards_the_higher_and_later_when_there_are_many():
    highs: tuple[Held, ...] = ()
    for step in range(HELD_MAX + 5):
        highs = remember_high(highs, 100 - step, step, 1_000)
    assert len(highs) == HELD_MAX
    assert highs[0] == Held(100, 5)
    assert highs[-1] == Held(100 - HELD_MAX - 4, HELD_MAX + 4)


def test_former_rises_are_merged_towards_the_lower_and_later_when_there_are_many():
    lows: tuple[Held, ...] = ()
    for step in range(HELD_MAX + 5):
        lows = remember_low(lows, step, step, 1_000)
    assert len(lows) == HELD_MAX
    assert lows[0] == Held(0, 5)
    assert lows[-1] == Held(HELD_MAX + 4, HELD_MAX + 4)
