"""The progress bar: it moves, never backwards, and is full only when the video is there."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.jobs import JobStatus
from neurocards.domain.progress import Progress, progress

IN_ORDER = (
    JobStatus.QUEUED,
    JobStatus.SCRIPTING,
    JobStatus.SUBMITTING,
    JobStatus.RENDERING,
    JobStatus.FETCHING,
    JobStatus.DELIVERING,
    JobStatus.DONE,
)
SECONDS = st.floats(min_value=0, max_value=1e6)


def test_each_state_stands_further_than_the_one_before():
    shares = [progress(status, elapsed_s=0, expected_s=300).share for status in IN_ORDER]
    assert all(before < after for before, after in pairwise(shares))
    assert shares[-1] == 1


@given(SECONDS, SECONDS)
def test_a_render_never_goes_back_and_never_reaches_its_end(first: float, second: float):
    earlier, later = sorted((first, second))
    before = progress(JobStatus.RENDERING, elapsed_s=earlier, expected_s=300)
    after = progress(JobStatus.RENDERING, elapsed_s=later, expected_s=300)
    following = progress(JobStatus.FETCHING, elapsed_s=0, expected_s=300)
    assert before.share <= after.share < following.share


@pytest.mark.parametrize(
    ("elapsed_s", "remaining_s"), [(0, 300), (100.5, 200), (299.5, 1), (300, None), (900, None)]
)
def test_the_estimate_counts_down_and_is_silent_when_it_was_wrong(
    elapsed_s: float, remaining_s: int | None
):
    rendered = progress(JobStatus.RENDERING, elapsed_s=elapsed_s, expected_s=300)
    assert rendered.remaining_s == remaining_s


def test_a_render_without_an_expectation_and_a_clock_that_jumped_back_do_no_harm():
    assert progress(JobStatus.RENDERING, elapsed_s=5, expected_s=0).share < 1
    assert progress(JobStatus.RENDERING, elapsed_s=-5, expected_s=300).share == 0.15


def test_only_a_render_has_an_estimate():
    assert progress(JobStatus.SCRIPTING, elapsed_s=1, expected_s=300).remaining_s is None


@pytest.mark.parametrize(
    ("share", "bar", "percent"),
    [
        (0.0, "▱▱▱▱▱▱▱▱▱▱", 0),
        (0.3, "▰▰▰▱▱▱▱▱▱▱", 30),
        (0.999, "▰▰▰▰▰▰▰▰▰▱", 99),
        (1.0, "▰▰▰▰▰▰▰▰▰▰", 100),
    ],
)
def test_the_bar_and_the_percentage_never_promise_too_much(share: float, bar: str, percent: int):
    shown = Progress(share, None)
    assert (shown.bar, shown.percent) == (bar, percent)
