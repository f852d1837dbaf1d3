"""Ids that sort by time, so that a month of jobs is one range of ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.identifiers import RANDOM_BITS, moment_of, month_bounds, uuid7

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
RANDOMNESS = st.integers(min_value=0, max_value=(1 << RANDOM_BITS) - 1)


def test_the_example_of_the_standard_comes_out():
    randomness = (0xCC3 << 62) | 0x18C4DC0C0C07398F
    moment = datetime.fromtimestamp(1645557742, tz=UTC)
    assert uuid7(moment, randomness) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(MOMENTS, RANDOMNESS)
def test_an_id_is_a_version_7_uuid_that_knows_its_moment(moment: datetime, randomness: int):
    identifier = uuid7(moment, randomness)
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"
    assert timedelta(0) <= moment - moment_of(identifier) < timedelta(milliseconds=1)


@given(MOMENTS, RANDOMNESS, RANDOMNESS)
def test_a_later_millisecond_makes_a_greater_id(moment: datetime, first: int, second: int):
    assert uuid7(moment, first) < uuid7(moment + timedelta(milliseconds=1), second)


@given(MOMENTS, RANDOMNESS)
def test_an_id_lies_within_the_bounds_of_its_month_and_of_no_other(
    moment: datetime, randomness: int
):
    start, end = month_bounds(moment)
    assert start <= uuid7(moment, randomness) < end
    assert month_bounds(moment_of(start)) == (start, end)
    assert month_bounds(moment_of(end))[0] == end


def test_the_month_is_that_of_utc():
    zone = timezone(timedelta(hours=3))
    moscow = datetime(2026, 12, 1, 1, 0, tzinfo=zone)
    assert month_bounds(moscow) == month_bounds(datetime(2026, 11, 15, tzinfo=UTC))


@pytest.mark.parametrize("year", [1969, 1960])
def test_a_moment_before_unix_time_is_refused(year: int):
    with pytest.raises(ValueError, match="does not fit"):
        uuid7(datetime(year, 1, 1, tzinfo=UTC), 0)
