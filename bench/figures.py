"""What a measurement comes to: figures with their spread, aim and baseline, and checks.

Pure values, no measuring. Invariant: a figure keeps the value of every run, so nobody has to
trust a median alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that `share` (0..1) of all values do not exceed."""
    if not values:
        raise ValueError("no values, no percentile")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


class Sense(StrEnum):
    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Aim:
    sense: Sense
    value: float

    def is_met_by(self, value: float) -> bool:
        return value <= self.value if self.sense is Sense.AT_MOST else value >= self.value


@dataclass(frozen=True, slots=True)
class Baseline:
    """The same commits and messages without our code around them."""

    what: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `values` has one entry per run, `how` says how it was measured."""

    name: str
    title: str
    unit: str
    values: tuple[float, ...]
    how: str
    aim: Aim | None = None
    baseline: Baseline | None = None

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def is_met(self) -> bool | None:
        return None if self.aim is None else self.aim.is_met_by(self.median)

    @property
    def ratio(self) -> float | None:
        """How many times the baseline this figure is."""
        below = median(self.baseline.values) if self.baseline else 0.0
        return self.median / below if below else None

    def as_json(self) -> dict[str, object]:
        baseline = self.baseline
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "median": rounded(self.median),
            "min": rounded(min(self.values)),
            "max": rounded(max(self.values)),
            "values": [rounded(value) for value in self.values],
            "aim": {"sense": self.aim.sense, "value": self.aim.value} if self.aim else None,
            "met": self.is_met,
            "baseline": {
                "what": baseline.what,
                "median": rounded(median(baseline.values)),
                "values": [rounded(value) for value in baseline.values],
            }
            if baseline
            else None,
            "ratio": None if self.ratio is None else rounded(self.ratio),
            "how": self.how,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Whether what was measured was also right."""

    name: str
    ok: bool
    detail: str = ""

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one benchmark found; `details` is for those who want to look further."""

    figures: tuple[Figure, ...] = ()
    checks: tuple[Check, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    took_s: float = 0.0
    """Servers and all, on the clock of the wall."""


def rounded(value: float) -> float:
    """Keep four significant digits: more would be invented."""
    if value == 0 or not math.isfinite(value):
        return 0.0 if value == 0 else value
    return round(value, 3 - math.floor(math.log10(abs(value))))
