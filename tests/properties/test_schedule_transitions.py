"""Windows of local time, over every change of the clocks in five zones and three years.

The oracle is naive on purpose: it walks the minutes of real time, looks at the wall clock, and
opens or closes as a person with a list of hours would.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.domain.schedule import Schedule, Timetable
from support.schedules import daily

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # the clocks change by half an hour
    "America/Santiago",  # the clocks change at midnight
    "Africa/Casablanca",  # the clocks change with the moon
)
SPANS = (("02:30", "06:00"), ("22:00", "02:30"), ("01:30", "02:00"), ("00:15", "01:45"))
MINUTE = timedelta(minutes=1)
CLOCKS = st.times().map(lambda moment: f"{moment.hour:02}:{moment.minute:02}")


def transitions(zone: ZoneInfo) -> Iterator[datetime]:
    """Give the instants of 2025 to 2027 at which the offset changes."""
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    while moment.year < 2028:
        later = moment + timedelta(minutes=30)
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield later
        moment = later


def walked(schedule: Schedule, begin: datetime, end: datetime) -> dict[datetime, bool]:
    """Open and close as the wall clock passes the two times, for the first time on each date."""
    zone = ZoneInfo(schedule.time_zone)
    edges = {
        "start": time(int(schedule.start.split()[1]), int(schedule.start.split()[0])),
        "end": time(int(schedule.end.split()[1]), int(schedule.end.split()[0])),
    }
    passed: set[tuple[str, date]] = set()
    is_open, found, moment = False, {}, begin - timedelta(days=2)
    while moment < end:
        wall = moment.astimezone(zone)
        due = sorted(
            (datetime.combine(day, edges[name]), name)
            for day in (wall.date() - timedelta(days=1), wall.date())
            for name in edges
            if (name, day) not in passed
        )
        for clock, name in due:
            if clock <= wall.replace(tzinfo=None):
                passed.add((name, clock.date()))
                is_open = name == "start"
        if moment >= begin:
            found[moment] = is_open
        moment += MINUTE
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("span", SPANS)
def test_every_minute_around_every_transition_is_as_the_wall_clock_says(
    zone: str, span: tuple[str, str]
):
    schedule = daily(*span, zone)
    changes = list(transitions(ZoneInfo(zone)))
    assert len(changes) >= 6
    for change in changes:
        timetable = Timetable([schedule])
        begin, end = change - timedelta(hours=30), change + timedelta(hours=30)
        for moment, is_open in walked(schedule, begin, end).items():
            assert bool(timetable.at(moment).names) is is_open, moment.astimezone(ZoneInfo(zone))


@pytest.mark.parametrize("zone", ZONES)
def test_the_next_change_is_where_the_state_changes(zone: str):
    for change in transitions(ZoneInfo(zone)):
        timetable = Timetable([daily("02:30", "06:00", zone)])
        moment, states = change - timedelta(hours=30), []
        while moment < change + timedelta(hours=30):
            found = timetable.next_change(moment)
            assert found is not None
            until, then = found
            assert timetable.at(until - timedelta(seconds=1)) == timetable.at(moment)
            assert timetable.at(until).names == then.names != timetable.at(moment).names
            states.append(bool(then.names))
            moment = until
        assert all(one is not other for one, other in pairwise(states))


@given(CLOCKS, CLOCKS, st.integers(0, 2 * 365 * 24 * 60))
@settings(max_examples=150, deadline=None)
def test_without_changes_of_the_clocks_a_window_is_an_interval_of_the_day(
    start: str, end: str, minute: int
):
    moment = datetime(2025, 1, 1, tzinfo=UTC) + minute * MINUTE
    clock = moment.astimezone(ZoneInfo("Europe/Moscow")).strftime("%H:%M")
    timetable = Timetable([daily(start, end, "Europe/Moscow")])
    if start == end:
        assert timetable.faults
        return
    inside = start <= clock < end if start < end else (clock >= start or clock < end)
    assert bool(timetable.at(moment).names) is inside
