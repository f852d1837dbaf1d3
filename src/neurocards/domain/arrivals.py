"""How fast jobs arrive at this moment: a belief over rates, for arrivals that change their pace.

Arrivals are taken as a Poisson process whose rate holds for a while and then jumps to another one
of the rates that this pool has shown before. Bayes' rule over a fixed grid of rates follows such a
process as fast as the counts allow: it notices the beginning of a burst within a few jobs and its
end within the silence that is too long for it, where a sliding window would lag by its own length.

Not a forecast of the day (`forecast.py`). Weights are integers (parts per million), so a belief
that was written down and read again continues exactly as if it had never left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PPM = 1_000_000
LEVELS = 36
_LOWEST_PER_S = 1 / 7200
_RATIO = 1.4
RATES_PER_S = tuple(_LOWEST_PER_S * _RATIO**level for level in range(LEVELS))
"""The grid: from one job in two hours to eighteen a second."""
_LOG_RATES = tuple(math.log(rate) for rate in RATES_PER_S)

REGIME_MEAN_S = 2700.0
"""How long a rate is expected to hold before it jumps. Shorter notices a burst hardly sooner, and
doubts a steady rate at each chance."""
HABIT_MEAN_S = 21_600.0
"""How long it takes to forget which rates this pool used to show."""
_EVEN = PPM // LEVELS
_NEVER_PPM = 1e-6
"""What no rate falls below, so that nothing observed is impossible."""


@dataclass(frozen=True, slots=True)
class RateBelief:
    """`now`: weight of each rate of the grid; `habit`: where a jump is expected to land. In ppm."""

    now: tuple[int, ...] = (_EVEN,) * LEVELS
    habit: tuple[int, ...] = (_EVEN,) * LEVELS

    def after(self, jobs: int, elapsed_s: float) -> RateBelief:
        """Learn that `jobs` arrived within the last `elapsed_s` seconds."""
        elapsed = max(elapsed_s, 0.001)
        jump = -math.expm1(-elapsed / REGIME_MEAN_S)
        logs = [
            jobs * log_rate - rate * elapsed
            for log_rate, rate in zip(_LOG_RATES, RATES_PER_S, strict=True)
        ]
        top = max(logs)
        weights = [
            ((1 - jump) * weight + jump * habit + _NEVER_PPM) * math.exp(log - top)
            for weight, habit, log in zip(self.now, self.habit, logs, strict=True)
        ]
        scale = PPM / sum(weights)
        now = tuple([round(weight * scale) for weight in weights])
        return RateBelief(now, self.habit)

    def settled(self, elapsed_s: float) -> RateBelief:
        """Let what holds now sink into the habit, for `elapsed_s` seconds of experience."""
        share = -math.expm1(-elapsed_s / HABIT_MEAN_S)
        mixed = [
            (1 - share) * habit + share * weight
            for habit, weight in zip(self.habit, self.now, strict=True)
        ]
        return RateBelief(self.now, tuple([round(weight) for weight in mixed]))

    @property
    def mean_per_s(self) -> float:
        """The expected rate, in jobs a second."""
        total = sum(self.now) or 1
        return sum(w * rate for w, rate in zip(self.now, RATES_PER_S, strict=True)) / total
