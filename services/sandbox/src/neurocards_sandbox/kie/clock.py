"""Simulated time: Unix seconds that may run faster than real ones and whose speed may change.

Invariant: it never goes backwards, neither when the speed changes nor across a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """A moment known in both times, and the speed since then. This is what a restart needs."""

    simulated_s: float
    real_s: float
    factor: float


class SimulatedClock:
    def __init__(
        self,
        factor: float,
        *,
        saved: ClockAnchor | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._real_time = real_time
        now = real_time()
        self._anchor = saved or ClockAnchor(now, now, factor)
        self.set_factor(factor)

    @property
    def anchor(self) -> ClockAnchor:
        return self._anchor

    @property
    def factor(self) -> float:
        return self._anchor.factor

    def now(self) -> float:
        elapsed = max(0.0, self._real_time() - self._anchor.real_s)
        return self._anchor.simulated_s + elapsed * self._anchor.factor

    def real_now(self) -> float:
        return self._real_time()

    def set_factor(self, factor: float) -> None:
        if not 0 < factor <= 1_000_000:
            raise ValueError("the time factor must be above 0 and at most 1000000")
        self._anchor = ClockAnchor(self.now(), self._real_time(), factor)

    def real_duration(self, simulated_s: float) -> float:
        return simulated_s / self._anchor.factor
