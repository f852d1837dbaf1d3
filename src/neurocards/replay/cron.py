"""Cron expressions as KEDA reads them: by the library robfig/cron, with its answers around DST.

It is not our calendar (that is `neurocards.domain.schedule`): a rival has to be shown as it is. A
time that a change of the clocks skips is skipped for that day; one that occurs twice counts once,
whichever the library meets; a date that does not come within five years never comes. Exact to the
vectors of the real library (tests/golden/cron.jsonl).

Moments are seconds of Unix time. Zones are those of the machine or of the package tzdata.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
YEARS_AHEAD = 5
HOUR_S = 3600
NOON = 12
DAY_H = 24


class CronError(ValueError):
    """The expression is none that KEDA would take; the text says why."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0

    def number(self, text: str) -> int:
        name = text.lower()
        if name in self.names:
            return self.names.index(name) + self.first_name
        if not (text.isascii() and text.isdigit()):
            raise CronError(f"{text!r} is no number")
        return int(text)


MINUTE, HOUR, DAY = _Bounds(0, 59), _Bounds(0, 23), _Bounds(1, 31)
MONTH, WEEKDAY = _Bounds(1, 12, MONTHS, 1), _Bounds(0, 6, WEEKDAYS, 0)


@dataclass(frozen=True, slots=True)
class _Field:
    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Five fields, read once. `next_after` answers for any zone."""

    minute: _Field
    hour: _Field
    day: _Field
    month: _Field
    weekday: _Field

    @staticmethod
    def parse(text: str) -> CronSchedule:
        fields = text.split()
        bounds = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
        if len(fields) != len(bounds):
            raise CronError(f"{text!r} has {len(fields)} fields, not {len(bounds)}")
        return CronSchedule(*map(_read_field, fields, bounds))

    def next_after(self, moment: float, zone: ZoneInfo) -> int | None:
        """Give the first moment later than `moment`, in whole seconds, or None if none comes."""
        at = _Local.of(int(moment // 1) + 1, zone)
        year_last = at.time.year + YEARS_AHEAD
        cut = False
        while at.time.year <= year_last:
            at, cut, wrapped = self._step(at, cut=cut)
            if not wrapped and at.time.second == 0:
                return at.moment
            if not wrapped:
                at, cut = at.plus(60 - at.time.second), True
        return None

    def _step(self, at: _Local, *, cut: bool) -> tuple[_Local, bool, bool]:
        """Advance month, day, hour and minute in turn; wrapped means: begin again above."""
        while at.time.month not in self.month.values:
            at = at if cut else at.date(at.time.year, at.time.month, 1)
            cut = True
            at = at.next_month()
            if at.time.month == 1:
                return at, cut, True
        while not self._day_matches(at.time):
            at = at if cut else at.date(at.time.year, at.time.month, at.time.day)
            cut = True
            at = at.next_day()
            if at.time.day == 1:
                return at, cut, True
        while at.time.hour not in self.hour.values:
            at = at if cut else at.whole_hour()
            cut = True
            at = at.plus(HOUR_S)
            if at.time.hour == 0:
                return at, cut, True
        while at.time.minute not in self.minute.values:
            at = at if cut else at.plus(-at.time.second)
            cut = True
            at = at.plus(60)
            if at.time.minute == 0:
                return at, cut, True
        return at, cut, False

    def _day_matches(self, time: datetime) -> bool:
        by_day = time.day in self.day.values
        by_weekday = time.isoweekday() % 7 in self.weekday.values
        if self.day.star or self.weekday.star:
            return by_day and by_weekday
        return by_day or by_weekday


@dataclass(frozen=True, slots=True)
class _Local:
    """A moment and what the clocks of a zone show then."""

    moment: int
    time: datetime
    zone: ZoneInfo

    @staticmethod
    def of(moment: int, zone: ZoneInfo) -> _Local:
        return _Local(moment, datetime.fromtimestamp(moment, zone), zone)

    def plus(self, seconds: int) -> _Local:
        return _Local.of(self.moment + seconds, self.zone)

    def date(self, year: int, month: int, day: int, hour: int = 0) -> _Local:
        return self._at(datetime(year, month, day, hour, tzinfo=UTC))

    def whole_hour(self) -> _Local:
        return self.date(self.time.year, self.time.month, self.time.day, self.time.hour)

    def next_month(self) -> _Local:
        years, month = divmod(self.time.month, 12)
        first = self._wall().replace(year=self.time.year + years, month=month + 1)
        return self._at(first)

    def next_day(self) -> _Local:
        """Come to midnight, or to what the library takes for it where the clocks skip that."""
        day = self._at(self._wall() + timedelta(days=1))
        hour = day.time.hour
        if hour == 0:
            return day
        return day.plus((DAY_H - hour if hour > NOON else -hour) * HOUR_S)

    def _wall(self) -> datetime:
        return self.time.replace(tzinfo=UTC, fold=0)

    def _at(self, wall: datetime) -> _Local:
        """Find a moment at which the clocks show it; near a change of theirs, as Go does."""
        as_utc = int(wall.timestamp())
        offset = _offset_s(as_utc, self.zone)
        if offset:
            offset = _offset_s(as_utc - offset, self.zone)
        return _Local.of(as_utc - offset, self.zone)


def _offset_s(moment: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


def _read_field(text: str, bounds: _Bounds) -> _Field:
    parts = [_read_range(part, bounds) for part in text.split(",") if part]
    values = frozenset[int]().union(*(part.values for part in parts))
    return _Field(values, any(part.star for part in parts))


def _read_range(text: str, bounds: _Bounds) -> _Field:
    span, *steps = text.split("/")
    ends = span.split("-")
    if len(steps) > 1 or len(ends) > 2:  # noqa: PLR2004
        raise CronError(f"{text!r} is no range")
    star = ends[0] in ("*", "?")
    low, high = _ends(ends, bounds, star=star)
    step = 1
    if steps:
        step = _Bounds(0, 0).number(steps[0])
        high = bounds.high if len(ends) == 1 else high
    if not bounds.low <= low <= high <= bounds.high or step == 0:
        raise CronError(f"{text!r} is not within {bounds.low} to {bounds.high}")
    return _Field(frozenset(range(low, high + 1, step)), star and step == 1)


def _ends(ends: list[str], bounds: _Bounds, *, star: bool) -> tuple[int, int]:
    if star:
        return bounds.low, bounds.high
    low = bounds.number(ends[0])
    return low, low if len(ends) == 1 else bounds.number(ends[1])
