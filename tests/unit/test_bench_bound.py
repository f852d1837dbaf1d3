"""What headroom costs at least: a policy that is told the rate, and the best price in hindsight."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bench.bound import at_price, least, sure

from neurocards.domain.arrivals import PPM, RATES_PER_S
from neurocards.replay.contest import Contest
from neurocards.replay.fleet import Cluster
from neurocards.replay.traces import Shape, invent, invented_rates
from support.scaling_pool import ready_made

DAYS = 0.15
SHAPE = Shape(jobs_per_hour=90, seasonal=False, bursts_per_day=40, burst_factor=3, burst_s=900)
RATES = invented_rates(SHAPE, days=DAYS, seed=4)


def contest() -> Contest:
    trace = invent(SHAPE, days=DAYS, seed=4)
    return Contest(ready_made("single"), trace, Cluster(1, 15.0), datetime(2026, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize("rate_per_s", [RATES_PER_S[0], 0.01, 0.0731, RATES_PER_S[-1]])
def test_a_certain_belief_has_the_mean_that_it_was_told(rate_per_s: float):
    belief = sure(rate_per_s)
    assert sum(belief.now) == PPM
    assert belief.mean_per_s == pytest.approx(rate_per_s, rel=1e-4)


def test_rates_beyond_the_grid_are_its_ends():
    assert sure(0) == sure(RATES_PER_S[0])
    assert sure(1e6) == sure(RATES_PER_S[-1])


def test_the_rates_of_a_trace_are_those_that_it_was_drawn_from():
    """In a burst three times as many come; both kinds of minutes are there."""
    trace = contest().trace
    levels = {RATES(at_s) for at_s in range(0, int(DAYS * 86_400), 60)}
    assert levels == {90.0, 270.0}
    busy_s = sum(60 for at_s in range(0, int(DAYS * 86_400), 60) if RATES(at_s) > 100)
    busy = sum(RATES(at_s) > 100 for at_s in trace.arrivals_s)
    assert busy / busy_s * 3600 == pytest.approx(270, rel=0.2)


def test_the_least_keeps_the_objective_and_a_lower_price_breaks_it():
    found = least(contest(), RATES)
    assert found.wait_s.p95 <= 5
    thrifty = at_price(contest(), RATES, 20.0)
    assert thrifty.wait_s.p95 > 5
    assert thrifty.worker_hours < found.worker_hours < at_price(contest(), RATES, 4000).worker_hours
