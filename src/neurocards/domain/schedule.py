"""Windows of local time: when each one is open, and when that changes next.

A window opens at every wall-clock time that matches `start` and closes at the next one after it
that matches `end`, both read in the window's own zone. Where the clocks change:

- a time that does not exist (spring) is the instant of the jump: a window that starts in the gap
  starts with the first minute after it, and a window that lies within the gap is skipped;
- a time that comes twice (autumn) means its first occurrence, for start and end alike, so windows
  that touch on the wall clock touch in real time.

A dated window (`2026-12-31T18:00`) is an exception: while one is open, only dated ones count.
Among windows of the same kind the highest `min` and the lowest `max` hold.
A schedule that cannot be read is a fault of its timetable and never an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from neurocards.domain.cron import Cron, CronFault, parse_cron

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_EDGES_SEARCHED_MAX = 6000
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A window as written in a policy; `min` and `max` replicas, either may be absent."""

    name: str
    time_zone: str
    start: str
    end: str
    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleFault:
    """What is wrong with one field of one schedule; `problem` follows the field's name."""

    schedule: str
    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class Windows:
    """What the schedules ask for at an instant, and until when."""

    names: tuple[str, ...]
    min: int | None
    max: int | None
    until: datetime | None
    """The next instant at which a window opens or closes; None = never."""


@dataclass(frozen=True, slots=True)
class _Moments:
    """The local times of one edge: those of a cron expression, or a single dated one."""

    cron: Cron | None
    dated: datetime | None

    def from_day(self, day: date) -> Iterator[datetime]:
        if self.cron is not None:
            yield from self.cron.from_day(day)
        elif self.dated is not None and self.dated.date() >= day:
            yield self.dated

    def back_from_day(self, day: date) -> Iterator[datetime]:
        if self.cron is not None:
            yield from self.cron.back_from_day(day)
        elif self.dated is not None and self.dated.date() <= day:
            yield self.dated


@dataclass(frozen=True, slots=True)
class _Window:
    schedule: Schedule
    zone: ZoneInfo
    start: _Moments
    end: _Moments

    @property
    def dated(self) -> bool:
        return self.start.dated is not None

    def state(self, now: datetime) -> tuple[bool, datetime]:
        """Say whether the window is open at `now`, and when that ends (`_FAR` = never)."""
        today = now.astimezone(self.zone).date()
        for opening in islice(self.start.back_from_day(today + _DAY), _EDGES_SEARCHED_MAX):
            if instant_of(opening, self.zone) <= now:
                closing = self._closing(opening)
                if now < closing:
                    return True, closing
                break
        return False, self._next_opening(now, today)

    def _closing(self, opening: datetime) -> datetime:
        after = (local for local in self.end.from_day(opening.date()) if local > opening)
        closing = next(after, None)
        return _FAR if closing is None else instant_of(closing, self.zone)

    def _next_opening(self, now: datetime, today: date) -> datetime:
        for opening in islice(self.start.from_day(today - _DAY), _EDGES_SEARCHED_MAX):
            instant = instant_of(opening, self.zone)
            if instant > now and self._closing(opening) > instant:
                return instant
        return _FAR


class Timetable:
    """The windows of a policy. Remembers the span it answered last, which changes no answer."""

    def __init__(self, schedules: Iterable[Schedule]) -> None:
        windows: list[_Window] = []
        faults: list[ScheduleFault] = []
        for schedule in schedules:
            found = _window(schedule)
            if isinstance(found, _Window):
                windows.append(found)
            else:
                faults.extend(found)
        self._windows = tuple(windows)
        self.faults = tuple(faults)
        self._known: tuple[datetime, datetime, Windows] | None = None

    def at(self, now: datetime) -> Windows:
        """Give what holds at `now`, an aware datetime."""
        if self._known is None or not self._known[0] <= now < self._known[1]:
            windows = self._evaluate(now)
            self._known = (now, windows.until or _FAR, windows)
        return self._known[2]

    def next_change(self, now: datetime) -> tuple[datetime, Windows] | None:
        """Give the next instant at which a window opens or closes, and what holds from then on."""
        until = self.at(now).until
        return None if until is None else (until, self._evaluate(until))

    def _evaluate(self, now: datetime) -> Windows:
        states = [(window, *window.state(now)) for window in self._windows]
        until = min((change for _, _, change in states), default=_FAR)
        opened = [window for window, is_open, _ in states if is_open]
        held = [window for window in opened if window.dated] or opened
        floors = [w.schedule.min for w in held if w.schedule.min is not None]
        caps = [w.schedule.max for w in held if w.schedule.max is not None]
        return Windows(
            names=tuple(window.schedule.name for window in held),
            min=max(floors, default=None),
            max=min(caps, default=None),
            until=None if until == _FAR else until,
        )


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Turn a wall-clock time into an instant (UTC), by the rules that the module states."""
    aware = local.replace(tzinfo=zone, fold=0)
    instant = aware.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while instant - before > _MINUTE:
        middle = before + (instant - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            instant = middle
    return instant.replace(second=0, microsecond=0)


def _window(schedule: Schedule) -> _Window | list[ScheduleFault]:
    faults: list[ScheduleFault] = []

    def fault(field: str, problem: str) -> None:
        faults.append(ScheduleFault(schedule.name, field, problem))

    zone = _zone(schedule.time_zone)
    if zone is None:
        fault("timeZone", f"names no zone of the time zone database: {schedule.time_zone!r}")
    edges = {"start": _moments(schedule.start), "end": _moments(schedule.end)}
    for field, edge in edges.items():
        if isinstance(edge, CronFault):
            fault(field, f"{getattr(schedule, field)!r} {edge.problem}")
    start, end = edges["start"], edges["end"]
    if isinstance(start, _Moments) and isinstance(end, _Moments):
        if (start.dated is None) != (end.dated is None):
            fault("end", "must be a date and time if start is one, and cron if start is cron")
        elif start.dated is not None and end.dated is not None and end.dated <= start.dated:
            fault("end", "is not after start")
        elif start == end:
            fault("end", "is the same as start")
        elif zone is not None:
            return _Window(schedule, zone, start, end)
    return faults


def _moments(text: str) -> _Moments | CronFault:
    if "T" not in text or " " in text.strip():
        found = parse_cron(text)
        return found if isinstance(found, CronFault) else _Moments(found, None)
    try:
        dated = datetime.fromisoformat(text)
    except ValueError:
        return CronFault("is no date and time such as 2026-12-31T18:00")
    if dated.tzinfo is not None or dated.second or dated.microsecond:
        return CronFault("must be a local time in whole minutes, without an offset")
    return _Moments(None, dated)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
