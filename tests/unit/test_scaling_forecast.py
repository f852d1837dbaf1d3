"""The forecast: seasons of day and week, scored, and silent when it knows nothing."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from neurocards.domain.forecast import DAY_S, Forecast, forecast

TAXIS = Path(__file__).parents[2] / "bench" / "traces" / "nyc_taxi.csv"
BUCKET_S = 900
PER_DAY = DAY_S // BUCKET_S


def season(days: int, *, weekend: float = 1.0, seed: int = 1) -> list[int]:
    """Counts with an evening peak, scattered as arrivals are."""
    chance = random.Random(seed)
    counts = []
    for bucket in range(days * PER_DAY):
        hour = bucket % PER_DAY * BUCKET_S / 3600
        mean = 4 + 40 * math.exp(-(((hour - 20) / 2) ** 2))
        if bucket // PER_DAY % 7 >= 5:
            mean *= weekend
        counts.append(max(0, round(chance.gauss(mean, math.sqrt(mean)))))
    return counts


def expected(counts: list[int], horizon_s: int = BUCKET_S) -> Forecast:
    found = forecast(counts, bucket_s=BUCKET_S, horizon_s=horizon_s)
    assert found is not None
    return found


def test_less_than_three_days_say_nothing_of_seasons():
    assert forecast(season(3)[:-1], bucket_s=BUCKET_S, horizon_s=BUCKET_S) is None
    assert forecast([], bucket_s=BUCKET_S, horizon_s=BUCKET_S) is None
    assert forecast(season(30), bucket_s=2 * DAY_S, horizon_s=BUCKET_S) is None


def test_three_days_give_a_forecast_that_is_not_proven_yet():
    assert not expected(season(3)).is_proven


def test_the_evening_is_seen_before_it_comes():
    until_six = season(15)[: 14 * PER_DAY + 18 * 4]
    peak = expected(until_six, horizon_s=2 * 3600)
    now = expected(until_six)
    assert 35 <= peak.jobs <= 70
    assert 2 * peak.jobs > 3 * now.jobs
    assert peak.rate_per_s == peak.jobs / BUCKET_S


def test_it_is_better_than_naive_on_seasons():
    found = expected(season(21))
    assert found.is_proven
    assert found.error_milli < found.naive_error_milli


def test_it_is_better_than_naive_on_the_taxis_of_new_york_but_not_at_new_year():
    """Half hours of a real city (bench/traces), scaled to the orders of a shop."""
    with TAXIS.open() as file:
        taxis = [round(float(row["value"]) / 250) for row in csv.DictReader(file)]
    start = datetime(2014, 7, 1, tzinfo=UTC)

    def proven(day: datetime) -> bool:
        found = forecast(taxis[: (day - start).days * 48], bucket_s=1800, horizon_s=1800)
        assert found is not None
        return found.is_proven

    assert all(proven(datetime(2014, month, 25, tzinfo=UTC)) for month in (8, 9, 10, 11))
    assert not proven(datetime(2015, 1, 2, tzinfo=UTC))


def test_it_is_not_better_than_naive_where_there_are_no_seasons():
    """A staircase that never repeats: the last count knows more than any day before."""
    chance, level, counts = random.Random(3), 50, []
    for bucket in range(21 * PER_DAY):
        if bucket % 50 == 0:
            level = chance.randint(10, 200)
        counts.append(level)
    assert not expected(counts).is_proven


def test_weekends_are_compared_with_weekends():
    counts = season(5 * 7, weekend=3.0)
    until_friday_night = counts[: 4 * 7 * PER_DAY + 4 * PER_DAY + 20 * 4]
    until_saturday_night = counts[: 4 * 7 * PER_DAY + 5 * PER_DAY + 20 * 4]
    assert expected(until_saturday_night).jobs > 2 * expected(until_friday_night).jobs


def test_a_day_that_is_busier_than_usual_lifts_what_is_expected():
    counts = season(15)[: 14 * PER_DAY + 19 * 4]
    busy = [*counts[:-16], *(count * 2 for count in counts[-16:])]
    assert 1.5 * expected(counts).jobs < expected(busy).jobs <= 2 * expected(counts).jobs + 2


def test_a_quiet_day_never_halves_twice():
    counts = season(15)[: 14 * PER_DAY + 19 * 4]
    quiet = [*counts[:-16], *(0 for _ in range(16))]
    assert expected(quiet).jobs == pytest.approx(expected(counts).jobs / 2, abs=6)


def test_nothing_ever_means_nothing_soon():
    assert expected([0] * (5 * PER_DAY)) == Forecast(0, BUCKET_S, 0, 0)
