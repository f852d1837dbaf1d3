"""Cron expressions: what they match, and what is a fault instead of an exception."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.cron import Cron, CronFault, parse_cron


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime.combine(date(year, month, day), time(hour, minute))


def cron(expression: str) -> Cron:
    found = parse_cron(expression)
    assert isinstance(found, Cron), found
    return found


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 19 * * *", wall(2026, 3, 4, 19)),
        ("*/20 0 * * *", wall(2026, 3, 4, 0, 0)),
        ("30 6 1 * *", wall(2026, 4, 1, 6, 30)),
        ("0 0 29 2 *", wall(2028, 2, 29)),
        ("0 8 * * mon-fri", wall(2026, 3, 4, 8)),
        ("0 8 * * SUN", wall(2026, 3, 8, 8)),
        ("0 8 * * 7", wall(2026, 3, 8, 8)),
        ("0 8 * * 5-7", wall(2026, 3, 6, 8)),
        ("0 8 * dec,JAN *", wall(2026, 12, 1, 8)),
        ("0 8 13 * 5", wall(2026, 3, 6, 8)),
        ("0 8 30 2 fri", wall(2027, 2, 5, 8)),
        ("5/30 8 * * *", wall(2026, 3, 4, 8, 5)),
        ("0 8 */10 * *", wall(2026, 3, 11, 8)),
    ],
)
def test_the_first_match_from_a_wednesday_on(expression: str, first: datetime):
    assert next(cron(expression).from_day(date(2026, 3, 4))) == first


def test_matches_of_a_day_come_in_order_and_backwards_in_reverse():
    twice = cron("15,45 9,18 * * *")
    ahead = list(islice(twice.from_day(date(2026, 3, 4)), 5))
    assert [moment.time() for moment in ahead] == [
        time(9, 15),
        time(9, 45),
        time(18, 15),
        time(18, 45),
        time(9, 15),
    ]
    back = list(islice(twice.back_from_day(date(2026, 3, 4)), 4))
    assert back == ahead[3::-1]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "has 0 fields instead of 5"),
        ("0 19 * *", "has 4 fields instead of 5"),
        ("@daily", "has 1 fields instead of 5"),
        ("60 * * * *", "has minute '60', which is not within 0-59"),
        ("0 24 * * *", "has hour '24', which is not within 0-23"),
        ("0 0 0 * *", "has day of month '0', which is not within 1-31"),
        ("0 0 * 13 *", "has month '13', which is not within 1-12"),
        ("0 0 * * 8", "has day of week '8', which is not within 0-7"),
        ("0 9-5 * * *", "has hour '9-5', which is not within 0-23"),
        ("*/0 * * * *", "has minute '*/0', which is not within 0-59"),
        ("0 noon * * *", "has hour 'noon', which is not within 0-23"),
        ("0 0 L * *", "has day of month 'l', which is not within 1-31"),
        ("1, * * * *", "cannot be read at minute '1,'"),
        ("-1 * * * *", "cannot be read at minute '-1'"),
        ("² * * * *", "cannot be read at minute '²'"),
        ("0 0 30 2 *", "names a day that never comes: day 30 of month 2"),
        ("0 0 31 4,6,9,11 *", "names a day that never comes: day 31 of month 4,6,9,11"),
    ],
)
def test_what_cannot_be_read_or_never_comes_is_a_fault(expression: str, problem: str):
    assert parse_cron(expression) == CronFault(problem)


def test_days_match_by_either_field_only_when_both_are_restricted():
    friday_or_13th = cron("0 0 13 * 5")
    assert friday_or_13th.matches_day(date(2026, 3, 13))
    assert friday_or_13th.matches_day(date(2026, 3, 6))
    assert friday_or_13th.matches_day(date(2026, 4, 13))
    assert not friday_or_13th.matches_day(date(2026, 4, 14))
    assert not cron("0 0 13 5 *").matches_day(date(2026, 4, 13))


@given(st.text(max_size=30))
def test_no_text_raises(text: str):
    assert isinstance(parse_cron(text), Cron | CronFault)


@given(st.text(alphabet="0123456789*/,-LWmonfri ", max_size=24))
def test_no_text_of_cron_characters_raises(text: str):
    assert isinstance(parse_cron(text), Cron | CronFault)


def test_the_search_ends_after_eight_years():
    new_year = cron("0 0 1 1 *")
    assert len(list(new_year.from_day(date(2026, 3, 4)))) == 8
    assert len(list(new_year.back_from_day(date(2026, 3, 4)))) == 8
