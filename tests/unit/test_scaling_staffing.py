"""Erlang C, the belief about the rate of arrivals, and the slots that are worth their keep."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.domain.arrivals import LEVELS, PPM, RATES_PER_S, RateBelief
from neurocards.domain.staffing import (
    SLOTS_MAX,
    erlang_c,
    late_share,
    ready_slots,
    slots_for,
    square_root_slots,
)


def sure(rate_per_s: float) -> RateBelief:
    """Know the rate."""
    level = min(range(LEVELS), key=lambda i: abs(RATES_PER_S[i] - rate_per_s))
    weights = tuple(PPM * (i == level) for i in range(LEVELS))
    return RateBelief(weights, weights)


def steady(jobs: int, every_s: float, belief: RateBelief | None = None) -> RateBelief:
    belief = belief or RateBelief()
    for _ in range(jobs):
        belief = belief.after(1, every_s)
    return belief


def test_erlang_c_of_two_slots_and_one_erlang_is_a_third():
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    assert erlang_c(5, 0.0) == 0


def test_a_load_that_does_not_fit_waits_for_ever():
    assert erlang_c(3, 3.0) == late_share(3, 3.0, 300, 1_000) == 1.0


@pytest.mark.parametrize(
    ("load", "in_a_minute", "at_once"), [(4, 8, 9), (12, 17, 19), (36, 43, 48)]
)
def test_slots_for_a_promise_about_waiting(load: int, in_a_minute: int, at_once: int):
    assert slots_for(load / 300, 300, wait_s=60, percentile=95) == in_a_minute
    assert slots_for(load / 300, 300, wait_s=0, percentile=95) == at_once


@pytest.mark.parametrize("load", [4, 12, 36, 200])
def test_the_square_root_rule_follows_erlang_c(load: int):
    exact = slots_for(load / 300, 300, wait_s=0, percentile=95)
    assert abs(square_root_slots(load, 2.0) - exact) <= max(1, load // 50)


@given(st.floats(0.0001, 2), st.floats(10, 900), st.floats(0, 600), st.integers(50, 99))
@settings(deadline=None)
def test_the_slots_are_the_fewest_that_keep_the_promise(
    rate: float, service_s: float, wait_s: float, percentile: int
):
    slots = slots_for(rate, service_s, wait_s=wait_s, percentile=percentile)
    load, allowed = rate * service_s, 1 - percentile / 100
    assert late_share(slots, load, service_s, wait_s) <= allowed
    assert slots == int(load) + 1 or late_share(slots - 1, load, service_s, wait_s) > allowed


def test_no_load_needs_no_slots_and_a_boundless_one_is_cut():
    assert slots_for(0, 300, wait_s=1, percentile=95) == 0
    assert slots_for(1e6, 1e6, wait_s=1, percentile=95) == SLOTS_MAX


def test_a_belief_finds_the_rate_of_a_steady_stream():
    for every_s in (3, 20, 120):
        assert steady(60, every_s).mean_per_s == pytest.approx(1 / every_s, rel=0.3)


def test_a_belief_notices_a_burst_within_ten_jobs_and_its_end_within_two_minutes():
    quiet = steady(40, 75)
    burst = steady(10, 10, quiet)
    assert burst.mean_per_s > 4 * quiet.mean_per_s
    over = burst
    for _ in range(24):
        over = over.after(0, 5)
    assert over.mean_per_s < burst.mean_per_s / 2


def test_a_rate_that_became_a_habit_is_recognised_sooner():
    strange = steady(40, 75)
    used = RateBelief(strange.now, steady(60, 10).now)
    assert steady(4, 10, used).mean_per_s > steady(4, 10, strange).mean_per_s


def test_experience_sinks_into_the_habit_and_leaves_the_present_alone():
    before = steady(60, 10)
    after = before.settled(6 * 3600)
    assert after.now == before.now
    level = before.now.index(max(before.now))
    assert after.habit[level] > 10 * before.habit[level] / 2
    assert after.habit[0] < before.habit[0]


def test_a_minute_of_experience_is_no_habit_yet():
    strange = RateBelief(sure(1.0).now, sure(0.01).habit)
    after = strange.settled(60)
    assert after.habit[strange.now.index(PPM)] == pytest.approx(60 / 21_600 * PPM, rel=0.01)


def test_after_many_regimes_the_present_is_forgotten():
    habit = RateBelief().habit
    fast, slow = RateBelief(sure(1.0).now, habit), RateBelief(sure(0.001).now, habit)
    for quick, late in zip(fast.after(90, 9_000).now, slow.after(90, 9_000).now, strict=True):
        assert quick == pytest.approx(late, rel=0.01, abs=100)


def test_within_a_regime_the_present_counts_for_more_than_the_habit():
    before = RateBelief(sure(0.04).now, sure(1.0).habit)
    assert before.after(1, 25).mean_per_s == pytest.approx(0.04, rel=0.5)


def test_nothing_that_happens_was_impossible():
    never = tuple(PPM * (level == 0) for level in range(LEVELS))
    belief = RateBelief(never, never).after(10_000, 1)
    assert belief.mean_per_s == RATES_PER_S[-1]
    assert RateBelief((0,) * LEVELS, never).mean_per_s == 0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1e6)), max_size=20),
)
def test_weights_stay_weights_whatever_arrives(counts: list[tuple[int, float]]):
    belief = RateBelief()
    for jobs, elapsed_s in counts:
        belief = belief.after(jobs, elapsed_s).settled(elapsed_s)
    for weights in (belief.now, belief.habit):
        assert len(weights) == LEVELS
        assert min(weights) >= 0
        assert abs(sum(weights) - PPM) <= LEVELS * (len(counts) + 1)


def ready(belief: RateBelief, **values: float) -> int:
    given_values = {"running": 10, "service_s": 300.0, "exposed_s": 10.0, "price_s": 300.0}
    merged = {**given_values, **values}
    return ready_slots(
        belief,
        running=int(merged["running"]),
        service_s=merged["service_s"],
        exposed_s=merged["exposed_s"],
        price_s=merged["price_s"],
    )


def test_no_slot_is_held_when_starting_one_is_soon_enough():
    assert ready(sure(1.0), exposed_s=0, price_s=1e9) == 0


def test_a_quiet_pool_holds_none_and_a_busy_one_several():
    assert ready(sure(1 / 3600)) == 0
    assert 1 <= ready(sure(12 / 300)) < ready(sure(36 / 300), running=36) <= 6


@given(
    st.sampled_from(RATES_PER_S),
    st.integers(0, 200),
    st.floats(0.5, 120),
    st.lists(st.floats(1, 20_000), min_size=2, max_size=5).map(sorted),
)
@settings(deadline=None)
def test_the_higher_the_price_the_more_are_held(
    rate: float, running: int, exposed_s: float, prices: list[float]
):
    held = [
        ready(sure(rate), running=running, exposed_s=exposed_s, price_s=price) for price in prices
    ]
    assert all(fewer <= more for fewer, more in pairwise(held))


@given(st.sampled_from(RATES_PER_S[:30]), st.lists(st.integers(0, 2000), min_size=2).map(sorted))
@settings(deadline=None)
def test_the_more_jobs_run_the_more_slots_come_free_by_themselves(rate: float, running: list[int]):
    held = [ready(sure(rate), running=jobs) for jobs in running]
    assert all(more >= fewer for more, fewer in pairwise(held))


def test_large_counts_go_on_where_exact_ones_end():
    """29 + 29 jobs are counted exactly, 31 + 31 by the normal law: the answers touch."""
    around = [
        ready_slots(sure(rate), running=round(rate * 300), service_s=300, exposed_s=60, price_s=300)
        for rate in RATES_PER_S[20:34]
    ]
    assert around == sorted(around)
    assert all(later <= 1.4 * former + 3 for former, later in pairwise(around))


def test_large_counts_follow_the_normal_law():
    """60 arrive and 30 end on average: hold up to where the density has fallen to the price."""
    rate = min(RATES_PER_S, key=lambda r: abs(r - 1.0))
    gone = 1 - math.exp(-60 / 300)
    come, go, price_s = rate * 300 * gone, 165 * gone, 500.0
    deviation = math.sqrt(come + go)
    reach = math.sqrt(2 * math.log(price_s * rate / (deviation * math.sqrt(2 * math.pi))))
    held = ready_slots(sure(rate), running=165, service_s=300, exposed_s=60, price_s=price_s)
    assert held == pytest.approx(come - go + deviation * reach + 1, abs=1)


def test_a_belief_in_two_rates_looks_as_far_as_the_faster_one():
    half = tuple((a + b) // 2 for a, b in zip(sure(1.0).now, sure(0.001).now, strict=True))
    assert ready(RateBelief(half, half), running=0, price_s=5_000) >= 15


def test_jobs_that_end_are_counted_in_full():
    assert ready(sure(0.12), running=0) > ready(sure(0.12), running=200)


def test_the_price_of_a_late_start_is_what_a_slot_may_idle_for_it():
    """A slot spares rate x P(none arrives) starts a second; hold it from that price on."""
    belief, rate = sure(0.01), min(RATES_PER_S, key=lambda r: abs(r - 0.01))
    exact_s = 1 / (rate * 2.718281828 ** (-rate * 10))
    assert ready(belief, running=0, service_s=1e6, price_s=exact_s * 1.05) == 1
    assert ready(belief, running=0, service_s=1e6, price_s=exact_s * 0.95) == 0


def test_half_a_belief_holds_less_than_a_whole_one():
    fast = sure(36 / 300)
    slow = sure(1 / 3600)
    half = replace(fast, now=tuple((a + b) // 2 for a, b in zip(fast.now, slow.now, strict=True)))
    assert ready(slow) <= ready(half, running=36) <= ready(fast, running=36)


def test_random_arrivals_find_a_slot_about_as_often_as_the_price_says():
    """Poisson arrivals at a known rate: the share that finds fewer ready than needed falls."""
    chance, rate, exposed_s = random.Random(7), 0.08, 10.0
    held = ready_slots(sure(rate), running=24, service_s=300, exposed_s=exposed_s, price_s=500)
    short = 0
    for _ in range(20_000):
        arrived = sum(chance.random() < rate * exposed_s / 100 for _ in range(100))
        finished = sum(chance.random() < exposed_s / 300 for _ in range(24))
        short += arrived - finished >= held
    assert held >= 2
    assert short / 20_000 < 0.1
