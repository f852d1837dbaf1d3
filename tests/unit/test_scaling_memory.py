"""What a decision remembers, and that a restart forgets none of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from neurocards.domain.scaling import (
    Memory,
)
from neurocards.domain.scaling_memory import HELD_MAX, Held, remember_high, remember_low
from neurocards.domain.scaling_policy import (
    Behavior,
    Limits,
)
from support.scaling_cases import policy
from support.scaling_pool import NOON, PaperPool, fresh, ready_made


def test_a_memory_survives_json():
    holding = replace(ready_made("single"), behavior=Behavior(down_hold_s=1))
    pool = PaperPool(holding, replicas=30)
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
        lambda tree: tree | {"belief": {"now": [-1, 2] * 18, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {"now": [0] * 36, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {"now": [10**6] * 36, "habit": [1] * 36}},
        lambda tree: tree | {"belief": {}},
        lambda tree: [tree],
        lambda tree: tree["wish"],
    ],
)
def test_a_memory_that_cannot_be_read_is_none_at_all(spoil: Any):
    assert Memory.from_dict(spoil(fresh(policy()).memory.to_dict())) == Memory()


def test_times_are_milliseconds_since_1970():
    memory = fresh(policy()).memory
    assert memory.evaluated_ms == memory.counted_ms == round(NOON.timestamp() * 1000)
    assert memory.budget_day == 20_516


def test_two_readings_of_one_instant_both_count():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    before = pool.decide(arrived=1, started=1).memory
    after = pool.decide(arrived=1, started=1).memory
    assert after.belief != before.belief
    assert after.price_log_ppm != before.price_log_ppm


def test_silence_is_learned_in_steps_and_arrivals_at_once():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    assert pool.decide(after_s=4.999).memory.belief == Memory().belief
    quiet = pool.decide(after_s=0.001).memory.belief
    assert quiet.mean_per_s < Memory().belief.mean_per_s
    assert pool.decide(after_s=0.1, arrived=1).memory.belief != quiet


def test_what_lasts_a_minute_becomes_a_habit():
    pool = PaperPool(ready_made("single"), replicas=0)
    pool.decide()
    for _ in range(11):
        pool.decide(after_s=5)
    assert pool.memory.belief.habit == Memory().belief.habit
    pool.decide(after_s=5)
    assert pool.memory.belief.habit != Memory().belief.habit


def test_a_wish_that_comes_again_is_remembered_once():
    assert remember_high((Held(5, 1),), 5, 2, 1_000) == (Held(5, 2),)
    assert remember_low((Held(5, 1),), 5, 2, 1_000) == (Held(5, 2),)


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
