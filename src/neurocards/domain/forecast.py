"""Arrivals of the next minutes, from the same time of earlier days and weeks.

A seasonal quantile: of what arrived at this time of day and week before, scaled by how today
compares with these days so far. It is scored on the recent past against the naive forecast (as
many as in the last bucket, and the deviation of such a count) and counts only where it is better.
Seasons are counted in UTC, so the day after a change of the clocks is an hour off; the score
notices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DAY_S = 86_400
DAYS_NEEDED = 3
DAYS_BACK = (1, 2, 3, 4, 5, 6, 7)
WEEKS_BACK = (7, 14, 21, 28)
SAMPLES_NEEDED = 6
SCORED_BUCKETS = 96
QUANTILE_PERCENT = 80
_LEVEL_BUCKETS = 16
_LEVEL_PERCENT_MIN, _LEVEL_PERCENT_MAX = 50, 200


@dataclass(frozen=True, slots=True)
class Forecast:
    """`jobs` in the busiest bucket of the horizon, and how both forecasts did lately."""

    jobs: int
    bucket_s: int
    error_milli: int
    """Mean pinball loss of this forecast, in thousandths of a job per bucket."""
    naive_error_milli: int

    @property
    def is_proven(self) -> bool:
        return self.error_milli < self.naive_error_milli

    @property
    def rate_per_s(self) -> float:
        return self.jobs / self.bucket_s


def forecast(counts: Sequence[int], *, bucket_s: int, horizon_s: int) -> Forecast | None:
    """Look `horizon_s` ahead of `counts`: arrivals per bucket, oldest first, all complete.

    None with less than three days of counts: nothing is known of seasons then.
    """
    season = DAY_S // bucket_s
    if season < 1 or len(counts) < DAYS_NEEDED * season:
        return None
    ahead = max(1, -(-horizon_s // bucket_s))
    jobs = max(_expected(counts, len(counts), offset, season) for offset in range(ahead))
    scored = range(max(len(counts) - SCORED_BUCKETS, DAYS_NEEDED * season), len(counts))
    error = naive_error = 0
    for at in scored:
        error += _loss(counts[at], _expected(counts, at, 0, season))
        naive_error += _loss(counts[at], counts[at - 1] + math.isqrt(counts[at - 1]))
    size = 100 * max(1, len(scored))
    return Forecast(jobs, bucket_s, 1000 * error // size, 1000 * naive_error // size)


def _expected(counts: Sequence[int], known: int, offset: int, season: int) -> int:
    """Forecast the bucket `known + offset` from the first `known` counts."""
    target = known + offset
    same_time = _earlier(counts, known, target, season)
    recent = range(max(0, known - _LEVEL_BUCKETS), known)
    lately = sum(counts[at] for at in recent)
    before = [_quantile(_earlier(counts, at, at, season), 50) for at in recent]
    level = 100 * lately // sum(before) if sum(before) else 100
    level = min(max(level, _LEVEL_PERCENT_MIN), _LEVEL_PERCENT_MAX)
    return -(-_quantile(same_time, QUANTILE_PERCENT) * level // 100)


def _earlier(counts: Sequence[int], known: int, target: int, season: int) -> list[int]:
    """Give what arrived about this time on the same weekday before, or else on the last days."""
    weeks = _around(counts, known, [target - back * season for back in WEEKS_BACK])
    if len(weeks) >= SAMPLES_NEEDED:
        return weeks
    return _around(counts, known, [target - back * season for back in DAYS_BACK])


def _around(counts: Sequence[int], known: int, targets: Sequence[int]) -> list[int]:
    """Give the counts at the targets and beside them, as far as they are known."""
    places = [target + beside for target in targets for beside in (-1, 0, 1)]
    return [counts[place] for place in places if 0 <= place < known]


def _quantile(values: Sequence[int], percent: int) -> int:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * percent // 100] if ordered else 0


def _loss(actual: int, expected: int) -> int:
    """Give the pinball loss at the quantile, times 100."""
    missing = actual - expected
    return QUANTILE_PERCENT * missing if missing > 0 else (QUANTILE_PERCENT - 100) * missing
