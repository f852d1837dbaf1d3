"""What headroom costs at least: our own rule, told what no policy can know.

It is told the rate at which the traffic was invented, at every moment, and the one price of a late
start that fits the whole day in hindsight. The moment of an arrival stays chance to it, as to every
policy. Among the policies that do not see jobs come this is the least: where arrivals are Poisson,
a fixed number of slots beyond demand for each rate, and one price for all rates, is the optimum
(docs/adr/0016-bound-of-headroom.md has how that was found).
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from neurocards.domain.arrivals import LEVELS, PPM, RATES_PER_S, RateBelief
from neurocards.domain.scaling_account import to_ms
from neurocards.domain.scaling_signals import Observation
from neurocards.replay.contest import Contest
from neurocards.replay.engine import replay
from neurocards.replay.figures import Figures, figures
from neurocards.replay.fleet import Fleet
from neurocards.replay.ours import Ours
from neurocards.replay.traces import HOUR_S, Rates

NAME = "told"
PRICES_S = (20.0, 4_000.0)
HALVINGS = 9


class Told(Ours):
    """Ours, with the truth in the place of what it would have learned."""

    name = NAME

    def __init__(self, contest: Contest, rates: Rates, price_s: float) -> None:
        super().__init__(contest.policy, contest.cluster, begins=contest.begins)
        self._rates = rates
        self._price_log_ppm = round(math.log(price_s) * PPM)

    def decide(self, now_s: float, fleet: Fleet) -> int:
        now_ms = to_ms(self._begins + timedelta(seconds=now_s))
        self._memory = replace(
            self._memory,
            belief=sure(self._rates(now_s) / HOUR_S),
            rate_ms=now_ms,
            habit_ms=now_ms,
            price_log_ppm=self._price_log_ppm,
        )
        return super().decide(now_s, fleet)

    def _observation(self, now: datetime, now_s: float, fleet: Fleet) -> Observation:
        """See no arrivals and no starts: nothing is learned from them."""
        seen = super()._observation(now, now_s, fleet)
        return replace(seen, arrived=0, started=0, late=0)


def least(contest: Contest, rates: Rates) -> Figures:
    """Give the cheapest run in which 95 % of the jobs wait no longer than the objective."""
    low_s, high_s = PRICES_S
    found = at_price(contest, rates, high_s)
    for _ in range(HALVINGS):
        middle_s = math.sqrt(low_s * high_s)
        one = at_price(contest, rates, middle_s)
        if one.wait_s.p95 > contest.slo_s:
            low_s = middle_s
        else:
            high_s, found = middle_s, one
    return found


def at_price(contest: Contest, rates: Rates, price_s: float) -> Figures:
    """Replay what is told the rates and holds a slot wherever it spares a start for that price."""
    told = Told(contest, rates, price_s)
    run = replay(contest.trace, told, contest.cluster, late_after_s=contest.slo_s)
    return figures(contest.trace, run, slo_s=contest.slo_s)


def sure(rate_per_s: float) -> RateBelief:
    """Believe in one rate: in its two neighbours of the grid, as much as each is near."""
    rate = min(max(rate_per_s, RATES_PER_S[0]), RATES_PER_S[-1])
    above = next(level for level in range(LEVELS) if RATES_PER_S[level] >= rate)
    below = max(0, above - 1)
    span = RATES_PER_S[above] - RATES_PER_S[below]
    share = (rate - RATES_PER_S[below]) / span if span else 1.0
    weights = [0] * LEVELS
    weights[below] = round(PPM * (1 - share))
    weights[above] += PPM - weights[below]
    return RateBelief(tuple(weights), tuple(weights))
