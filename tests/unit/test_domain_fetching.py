"""How often a finished video is asked for, and how long is waited between."""

from __future__ import annotations

from itertools import accumulate

import pytest

from neurocards.domain.fetching import ADDRESSES_MAX, PAUSE_S_MAX, FetchFailures

PER_ADDRESS = 4


def after(*addresses: str) -> list[FetchFailures]:
    """Give the count after each failure."""
    counts = accumulate(addresses, FetchFailures.with_one_of, initial=FetchFailures())
    return list(counts)[1:]


def gives_up(*addresses: str) -> list[bool]:
    return [count.are_too_many(per_address=PER_ADDRESS) for count in after(*addresses)]


def test_an_address_is_used_up_after_its_tries():
    assert gives_up("a", "a", "a", "a") == [False, False, False, True]


def test_a_fresh_address_gets_tries_of_its_own():
    assert gives_up("a", "a", "a", "b", "b", "b") == [False] * 6


def test_an_address_that_is_new_each_time_does_not_go_on_for_ever():
    names = [str(number) for number in range(ADDRESSES_MAX * PER_ADDRESS)]
    assert gives_up(*names) == [False] * (len(names) - 1) + [True]


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 30), (2, 60), (3, 120), (5, 480)])
def test_pauses_grow(failures: int, pause_s: float):
    assert after(*"a" * failures)[-1].pause_s == pause_s


def test_a_pause_has_an_end():
    assert after(*"a" * 50)[-1].pause_s == PAUSE_S_MAX
    assert FetchFailures().pause_s == 30
