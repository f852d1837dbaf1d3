"""Looks for the highest rate that a server keeps up with; pure, somebody else does the trying.

First in strides until a rate fails, then by halves between the best good and the least bad one.
Invariant: the answer is a rate that was tried and passed; a rate is never tried twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_STRIDE = 1.25


@dataclass(slots=True)
class RateSearch:
    """Ask `next_rate`, try it, `tell` how it went; until `next_rate` is None."""

    first: int
    highest: int
    """No rate above it is tried."""
    resolution: float = 0.05
    """Stop when good and bad are closer than this share of the good one."""
    passed: int = 0
    failed: int | None = None
    tried: list[tuple[int, bool]] = field(default_factory=list)

    def next_rate(self) -> int | None:
        if not self.tried:
            return self.first
        if self.failed is None:
            rate = min(self.highest, round(self.passed * _STRIDE))
            return rate if rate > self.passed else None
        if self.passed == 0:
            rate = self.failed // 2
            return rate if rate >= 1 else None
        if self.failed - self.passed <= max(1.0, self.passed * self.resolution):
            return None
        return (self.passed + self.failed) // 2

    def tell(self, rate: int, *, passed: bool) -> None:
        self.tried.append((rate, passed))
        if passed:
            self.passed = max(self.passed, rate)
        else:
            self.failed = rate if self.failed is None else min(self.failed, rate)
