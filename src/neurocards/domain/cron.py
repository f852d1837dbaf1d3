"""The five-field cron expression, as a set of local minutes that it matches.

Not a scheduler and not a clock: it says which wall-clock times match, and `schedule.py` says which
instants these are. What cannot be read, or never comes (30 February), is a `CronFault`: a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

DAYS_SEARCHED_MAX = 366 * 8 + 1  # 29 February is eight years away around the year 2100
_DAYS_OF_MONTH_MAX = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:/([0-9]+))?")


@dataclass(frozen=True, slots=True)
class CronFault:
    """Why an expression is no cron expression, as a clause that follows its name."""

    problem: str


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A valid expression. Days match as in every cron: either one when both are restricted."""

    times: tuple[time, ...]
    """Times of day, ascending."""
    days_of_month: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 = Sunday."""
    any_day_of_month: bool
    any_weekday: bool

    def matches_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month = day.day in self.days_of_month
        by_week = day.isoweekday() % 7 in self.weekdays
        if self.any_day_of_month or self.any_weekday:
            return by_month and by_week
        return by_month or by_week

    def from_day(self, day: date) -> Iterator[datetime]:
        """Give the matches of `day` and later in order: local times without a zone."""
        for ahead in range(DAYS_SEARCHED_MAX):
            current = day + timedelta(days=ahead)
            if self.matches_day(current):
                yield from (datetime.combine(current, moment) for moment in self.times)

    def back_from_day(self, day: date) -> Iterator[datetime]:
        """Give the matches of `day` and earlier, the latest first."""
        for back in range(DAYS_SEARCHED_MAX):
            current = day - timedelta(days=back)
            if self.matches_day(current):
                yield from (datetime.combine(current, moment) for moment in reversed(self.times))


def parse_cron(expression: str) -> Cron | CronFault:
    """Read `minute hour day-of-month month day-of-week`; lists, ranges, steps, English names."""
    parts = expression.lower().split()
    if len(parts) != len(_FIELDS):
        return CronFault(f"has {len(parts)} fields instead of 5")
    sets: list[frozenset[int]] = []
    for part, field in zip(parts, _FIELDS, strict=True):
        values = _field_values(part, field)
        if isinstance(values, CronFault):
            return values
        sets.append(values)
    minutes, hours, days, months, weekdays = sets
    any_day, any_weekday = parts[2].startswith("*"), parts[4].startswith("*")
    if any_weekday and not any(
        day <= _DAYS_OF_MONTH_MAX[month - 1] for month in months for day in days
    ):
        return CronFault(f"names a day that never comes: day {parts[2]} of month {parts[3]}")
    return Cron(
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        days_of_month=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day_of_month=any_day,
        any_weekday=any_weekday,
    )


def _field_values(text: str, field: _Field) -> frozenset[int] | CronFault:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return CronFault(f"cannot be read at {field.name} {text!r}")
        span, step_text = match.group(1), match.group(2)
        bounds = _bounds(span, field, open_ended=step_text is not None)
        step = int(step_text or 1)
        if bounds is None or step < 1:
            return CronFault(
                f"has {field.name} {text!r}, which is not within {field.low}-{field.high}"
            )
        values.update(range(bounds[0], bounds[1] + 1, step))
    return frozenset(values)


def _bounds(span: str, field: _Field, *, open_ended: bool) -> tuple[int, int] | None:
    if span == "*":
        return field.low, field.high
    first, _, last = span.partition("-")
    low = _number(first, field)
    high = _number(last, field) if last else (field.high if open_ended else low)
    if low is None or high is None or not field.low <= low <= high <= field.high:
        return None
    return low, high


def _number(text: str, field: _Field) -> int | None:
    if text in field.names:
        return field.names.index(text) + field.low
    return int(text) if text.isascii() and text.isdigit() else None
