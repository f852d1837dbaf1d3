"""The decision: the order of baseline, wishes and override, and the one that is named."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from neurocards.domain.forecast import Forecast
from neurocards.domain.scaling import (
    Kind,
    Source,
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
    Override,
    QueueRules,
    QueueStep,
    Replicas,
    WaitStep,
)
from support.scaling_cases import AT_ONCE, SPARE, named, policy, window
from support.scaling_pool import NOON, PaperPool, fresh, observed, ready_made

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
    many = policy(
        jobs_per_replica=20, slo=Objective(10, headroom=Headroom.DISABLED), replicas=SPARE
    )
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


def test_the_sentence_says_why_slots_are_held_ready():
    """The rate and the price are what makes them worth their keep; none held, nothing to say."""
    pool = PaperPool(ready_made("single"), replicas=0)
    for _ in range(60):
        pool.decide(after_s=15, arrived=1, running=20)
    held = named(pool.decide(after_s=1, running=20), Source.OBJECTIVE)
    found = re.fullmatch(
        r"20 jobs need 20 slots to start within 5 s, and (\d+) are held ready: (\d+) jobs an hour "
        r"come, and one late start is worth 550 idle seconds",
        held.text,
    )
    assert found is not None
    assert int(found[1]) == held.replicas - 20 > 0
    assert int(found[2]) == pytest.approx(240, rel=0.3)
    for _ in range(240):
        last = pool.decide(after_s=15)
    assert named(last, Source.OBJECTIVE).text.endswith("and 0 are held ready")


def test_late_starts_buy_headroom_and_punctual_ones_give_it_back():
    def after(late: int) -> int:
        pool = PaperPool(ready_made("single"), replicas=0)
        pool.decide()
        for _ in range(120):
            pool.decide(after_s=10, arrived=1, running=20, started=1, late=late)
        return pool.replicas

    assert after(late=1) > after(late=0)


def test_a_late_start_moves_the_price_by_what_twenty_punctual_ones_give_back():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    pool.decide(after_s=1, started=1, late=1)
    high = pool.memory.price_log_ppm
    pool.decide(after_s=1, started=20)
    low = pool.memory.price_log_ppm
    assert high == 6_309_918 + 50_000 - 2_475  # from 550 s
    assert low == high - 49_500


def test_the_price_has_bounds():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    pool.decide(after_s=1, started=10_000, late=10_000)
    assert pool.memory.price_log_ppm == 8_294_050  # 4,000 s
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
    decision = fresh(policy(forecast=ForecastRule(ForecastMode.DISABLED)), forecast=PROVEN)
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
