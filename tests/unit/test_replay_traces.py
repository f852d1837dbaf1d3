"""Invented traffic has the shape that was asked for, and the same seed gives the same."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from neurocards.replay.trace import Trace, TraceError
from neurocards.replay.traces import DAY_S, HOUR_S, Shape, from_counts, invent

STEADY = Shape(jobs_per_hour=300, seasonal=False, bursts_per_day=0)


def arrivals_between(trace: Trace, begin_s: float, end_s: float) -> int:
    return sum(begin_s <= at_s < end_s for at_s in trace.arrivals_s)


def test_the_same_seed_gives_the_same_traffic():
    assert invent(STEADY, days=0.5, seed=1) == invent(STEADY, days=0.5, seed=1)
    assert invent(STEADY, days=0.5, seed=1) != invent(STEADY, days=0.5, seed=2)


def test_a_steady_rate_is_poisson():
    trace = invent(STEADY, days=3, seed=1)
    hours = [arrivals_between(trace, hour * HOUR_S, (hour + 1) * HOUR_S) for hour in range(72)]
    assert statistics.mean(hours) == pytest.approx(300, rel=0.03)
    assert statistics.pvariance(hours) == pytest.approx(300, rel=0.5)


def test_service_times_scatter_about_their_mean():
    services = invent(STEADY, days=3, seed=1).services_s
    assert statistics.mean(services) == pytest.approx(300, rel=0.01)
    assert statistics.stdev(services) == pytest.approx(45, rel=0.05)


def test_the_evening_has_more_than_the_night_and_a_week_what_was_asked_for():
    trace = invent(Shape(jobs_per_hour=300, bursts_per_day=0), days=7, seed=1)
    assert len(trace) == pytest.approx(300 * 168, rel=0.05)
    evening = arrivals_between(trace, 20 * HOUR_S, 21 * HOUR_S)
    assert evening > 5 * arrivals_between(trace, 3 * HOUR_S, 4 * HOUR_S)


def test_bursts_add_to_the_traffic_and_scatter_it():
    bursty = invent(Shape(300, seasonal=False, bursts_per_day=12), days=2, seed=1)
    assert len(bursty) > 1.1 * len(invent(STEADY, days=2, seed=1))


def test_two_bursts_at_a_time_are_no_more_than_one():
    """With a burst always on, or ten of them, it is the rate times the factor of one."""
    shape = Shape(60, seasonal=False, bursts_per_day=2000, burst_factor=4, burst_s=7200)
    trace = invent(shape, days=1, seed=1)
    assert arrivals_between(trace, DAY_S / 2, DAY_S) == pytest.approx(60 * 4 * 12, rel=0.05)


def test_a_flash_crowd_comes_when_it_is_told():
    shape = Shape(300, seasonal=False, bursts_per_day=0, crowd_at_s=7200, crowd_s=1800)
    trace = invent(shape, days=0.2, seed=1)
    crowd = arrivals_between(trace, 7200, 9000)
    assert crowd == pytest.approx(10 * arrivals_between(trace, 3600, 5400), rel=0.25)


def test_a_series_of_counts_is_scaled_to_jobs(tmp_path: Path):
    path = tmp_path / "counts.csv"
    rows = "".join(f"2014-07-01,{30 if number % 2 else 10}\n" for number in range(336))
    path.write_text("timestamp,value\n" + rows, encoding="utf-8")
    trace = from_counts(path, Shape(jobs_per_hour=120), period_s=1800, seed=1)
    assert len(trace) == pytest.approx(120 * 168, rel=0.03)
    assert trace.span_s <= 7 * DAY_S
    busy = sum(at_s % 3600 >= 1800 for at_s in trace.arrivals_s)
    assert busy == pytest.approx(0.75 * len(trace), rel=0.03)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no series of counts"),
        ("value\nmany\n", "no series of counts"),
        ("value\n", "has no counts"),
        ("value\n0\n0\n", "has no counts"),
        ("value\n-3\n9\n", "some that are none"),
        ("value\nnan\n", "some that are none"),
    ],
)
def test_what_is_no_series_of_counts_is_refused(tmp_path: Path, text: str, words: str):
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TraceError, match=words):
        from_counts(path, STEADY, period_s=1800, seed=1)
