"""Windows of local time: gaps, overlaps, dated exceptions, caps, and what cannot be read.

Every change of the clocks in five zones and three years: tests/properties.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.schedule import Schedule, ScheduleFault, Timetable, Windows, instant_of
from support.schedules import daily

MINUTE = timedelta(minutes=1)


def new_york(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    zone = ZoneInfo("America/New_York")
    return datetime(2026, month, day, hour, minute, tzinfo=zone, fold=fold).astimezone(UTC)


def hours_open(schedule: Schedule, begin: datetime, end: datetime) -> float:
    timetable, minutes, moment = Timetable([schedule]), 0, begin
    while moment < end:
        minutes += bool(timetable.at(moment).names)
        moment += MINUTE
    return minutes / 60


def test_a_window_that_starts_in_the_gap_starts_with_the_first_minute_after_it():
    schedule = daily("02:30", "06:00", "America/New_York")
    assert hours_open(schedule, new_york(3, 7, 12), new_york(3, 8, 12)) == 3
    assert Timetable([schedule]).next_change(new_york(3, 7, 12)) == (
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        Windows(("window",), 1, None, datetime(2026, 3, 8, 10, tzinfo=UTC)),
    )


def test_a_window_that_ends_in_the_gap_is_not_lost():
    schedule = daily("22:00", "02:30", "America/New_York")
    assert hours_open(schedule, new_york(3, 7, 12), new_york(3, 8, 12)) == 4


def test_a_window_within_the_gap_is_skipped_that_day():
    schedule = daily("02:10", "02:40", "America/New_York")
    found = Timetable([schedule]).next_change(new_york(3, 7, 12))
    assert found is not None
    assert found[0] == new_york(3, 9, 2, 10)


def test_a_time_that_comes_twice_means_the_first_one_at_both_ends():
    early = daily("00:00", "01:30", "America/New_York")
    late = Schedule("late", "America/New_York", "30 1 * * *", "0 3 * * *", 1)
    timetable = Timetable([early, late])
    first = new_york(11, 1, 1, 30)
    assert timetable.at(first - MINUTE).names == ("window",)
    assert timetable.at(first).names == ("late",)
    assert timetable.at(new_york(11, 1, 1, 30, fold=1)).names == ("late",)
    assert hours_open(late, new_york(10, 31, 12), new_york(11, 1, 12)) == 2.5


def test_a_window_may_cap_as_well_as_lift():
    found = Timetable([daily("01:00", "07:00", "Europe/Moscow", min=2, max=5)]).at(
        datetime(2026, 3, 4, 0, tzinfo=UTC)
    )
    assert (found.min, found.max) == (2, 5)


def test_of_several_open_windows_the_highest_min_and_the_lowest_max_hold():
    schedules = [
        Schedule("day", "Europe/Moscow", "0 8 * * *", "0 22 * * *", 10, 80),
        Schedule("lunch", "Europe/Moscow", "0 12 * * *", "0 14 * * *", 30, None),
        Schedule("thrift", "Europe/Moscow", "0 11 * * *", "0 13 * * *", None, 40),
    ]
    found = Timetable(schedules).at(datetime(2026, 3, 4, 9, 30, tzinfo=UTC))
    assert found == Windows(
        ("day", "lunch", "thrift"), 30, 40, datetime(2026, 3, 4, 10, tzinfo=UTC)
    )


def test_a_dated_window_stands_in_the_place_of_all_others():
    schedules = [
        Schedule("evening", "Europe/Moscow", "0 19 * * *", "0 23 * * *", 50, 100),
        Schedule("new year", "Europe/Moscow", "2026-12-31T18:00", "2027-01-01T04:00", 5, 200),
    ]
    timetable = Timetable(schedules)
    assert timetable.at(datetime(2026, 12, 31, 16, tzinfo=UTC)).names == ("new year",)
    assert timetable.at(datetime(2026, 12, 31, 16, tzinfo=UTC)).max == 200
    assert timetable.at(datetime(2027, 1, 1, 16, tzinfo=UTC)).names == ("evening",)
    assert timetable.at(datetime(2026, 12, 30, 16, tzinfo=UTC)).names == ("evening",)


def test_a_dated_window_that_is_over_changes_nothing_any_more():
    timetable = Timetable([Schedule("once", "UTC", "2026-01-01T00:00", "2026-01-02T00:00", 5)])
    assert timetable.at(datetime(2026, 1, 3, tzinfo=UTC)) == Windows((), None, None, None)
    assert timetable.next_change(datetime(2026, 1, 3, tzinfo=UTC)) is None
    assert timetable.next_change(datetime(2025, 6, 1, tzinfo=UTC)) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        Windows(("once",), 5, None, datetime(2026, 1, 2, tzinfo=UTC)),
    )


def test_a_dated_window_may_lie_within_one_day():
    timetable = Timetable([Schedule("sale", "UTC", "2026-03-04T10:00", "2026-03-04T12:00", 5)])
    assert timetable.at(datetime(2026, 3, 4, 11, tzinfo=UTC)).names == ("sale",)
    assert timetable.at(datetime(2026, 3, 4, 12, tzinfo=UTC)).names == ()


def test_a_window_that_opens_as_another_one_closes_is_open():
    hourly = Schedule("hourly", "UTC", "0 * * * *", "0 12 * * *", 5)
    assert Timetable([hourly]).at(datetime(2026, 3, 4, 12, tzinfo=UTC)).names == ("hourly",)


def test_the_name_of_a_weekday_is_no_date():
    tuesdays = Schedule("tuesdays", "UTC", "0 1 * * TUE", "0 2 * * TUE", 5)
    timetable = Timetable([tuesdays])
    assert timetable.faults == ()
    assert timetable.at(datetime(2026, 3, 3, 1, tzinfo=UTC)).names == ("tuesdays",)


def test_no_schedules_never_change():
    assert Timetable([]).at(datetime(2026, 1, 1, tzinfo=UTC)) == Windows((), None, None, None)


def test_a_window_longer_than_a_day_stays_open():
    schedule = Schedule("weekend", "Europe/Berlin", "0 18 * * fri", "0 8 * * mon", 3)
    assert (
        hours_open(schedule, datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
        == 62
    )
    leap = Schedule("leap", "UTC", "0 0 29 2 *", "0 0 1 3 *", 3)
    found = Timetable([leap]).next_change(datetime(2026, 3, 4, tzinfo=UTC))
    assert found is not None
    assert found[0] == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "field", "problem"),
    [
        (
            Schedule("a", "Europe/Moskow", "0 1 * * *", "0 2 * * *", 1),
            "timeZone",
            "names no zone of the time zone database: 'Europe/Moskow'",
        ),
        (
            Schedule("a", "../etc/passwd", "0 1 * * *", "0 2 * * *", 1),
            "timeZone",
            "names no zone of the time zone database: '../etc/passwd'",
        ),
        (
            Schedule("a", "", "0 1 * * *", "0 2 * * *", 1),
            "timeZone",
            "names no zone of the time zone database: ''",
        ),
        (
            Schedule("a", "UTC", "0 0 30 2 *", "0 2 * * *", 1),
            "start",
            "'0 0 30 2 *' names a day that never comes: day 30 of month 2",
        ),
        (Schedule("a", "UTC", "0 1 * * *", "0 1 * * *", 1), "end", "is the same as start"),
        (
            Schedule("a", "UTC", "2026-01-01T00:00", "0 1 * * *", 1),
            "end",
            "must be a date and time if start is one, and cron if start is cron",
        ),
        (
            Schedule("a", "UTC", "2026-01-02T00:00", "2026-01-01T00:00", 1),
            "end",
            "is not after start",
        ),
        (
            Schedule("a", "UTC", "2026-02-30T00:00", "2026-03-01T00:00", 1),
            "start",
            "'2026-02-30T00:00' is no date and time such as 2026-12-31T18:00",
        ),
        (
            Schedule("a", "UTC", "2026-02-01T00:00Z", "2026-03-01T00:00", 1),
            "start",
            "'2026-02-01T00:00Z' must be a local time in whole minutes, without an offset",
        ),
        (
            Schedule("a", "UTC", "2026-02-01T00:00:30", "2026-03-01T00:00", 1),
            "start",
            "'2026-02-01T00:00:30' must be a local time in whole minutes, without an offset",
        ),
    ],
)
def test_a_schedule_that_cannot_be_read_is_a_fault_and_the_others_stay(
    schedule: Schedule, field: str, problem: str
):
    timetable = Timetable([schedule, Schedule("b", "UTC", "0 0 * * *", "0 12 * * *", 7)])
    assert timetable.faults == (ScheduleFault("a", field, problem),)
    assert timetable.at(datetime(2026, 3, 4, 6, tzinfo=UTC)).min == 7


def test_two_faults_of_one_schedule_are_told_together():
    timetable = Timetable([Schedule("a", "Nowhere", "x", "y", 1)])
    assert [fault.field for fault in timetable.faults] == ["timeZone", "start", "end"]


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_raises(zone: str, start: str, end: str):
    timetable = Timetable([Schedule("a", zone, start, end, 1)])
    timetable.at(datetime(2026, 3, 4, tzinfo=UTC))


def test_an_instant_is_found_whatever_the_size_of_the_gap():
    samoa = ZoneInfo("Pacific/Apia")  # skipped 30 December 2011 altogether
    assert instant_of(datetime.fromisoformat("2011-12-30T12:00"), samoa) == datetime(
        2011, 12, 30, 10, tzinfo=UTC
    )
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    assert instant_of(datetime.fromisoformat("2026-10-04T02:10"), lord_howe) == datetime(
        2026, 10, 3, 15, 30, tzinfo=UTC
    )
