"""Signals that cannot be trusted: a decision holds, says so and learns nothing from them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from neurocards.domain.scaling import (
    Decision,
    Memory,
    Source,
    StreamReading,
    decide,
)
from neurocards.domain.scaling_policy import (
    Behavior,
    IdleRule,
    QueueRules,
    QueueStep,
)
from neurocards.domain.schedule import Schedule
from support.scaling_cases import named, policy, window
from support.scaling_pool import NOON, PaperPool, fresh, observed, ready_made


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


def test_a_reading_is_stale_after_its_limit_and_not_at_it():
    for age_s, reason in ((60, Source.BASE), (60.001, Source.STALE_SIGNALS)):
        at = NOON - timedelta(seconds=age_s)
        assert fresh(policy(), at=at, replicas=30).reason is reason
        assert fresh(policy(), replicas=30, stream=StreamReading(at, 0)).reason is reason


def test_doubt_is_named_only_where_it_holds_something():
    later = NOON + timedelta(hours=1)
    decision = decide(observed(NOON, replicas=10), policy(), Memory(), later)
    assert (decision.replicas, decision.reason) == (10, Source.BASE)
    assert named(decision, Source.STALE_SIGNALS).replicas == 10


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
    waiting = contradicting(pool, jobs=0, unsent=10)
    assert "the database knows 30 jobs and the stream 0" in waiting.message
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
