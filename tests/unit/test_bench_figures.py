"""The arithmetic of the benchmarks: percentiles, aims, ratios, the search, the page."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench import report
from bench.figures import Aim, Baseline, Figure, Sense, percentile, rounded
from bench.rate_search import RateSearch


def figure(*values: float, aim: Aim | None = None, baseline: float | None = None) -> Figure:
    return Figure(
        name="accept.p99_ms",
        title="Confirm",
        unit="ms",
        values=values,
        how="pressed",
        aim=aim,
        baseline=None if baseline is None else Baseline("bare", (baseline,)),
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float):
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_the_median_decides_whether_an_aim_is_met():
    aim = Aim(Sense.AT_MOST, 50.0)
    assert figure(40, 50, 90, aim=aim).is_met is True
    assert figure(40, 51, 52, aim=aim).is_met is False
    assert figure(40, 51, 52).is_met is None
    assert figure(1500, aim=Aim(Sense.AT_LEAST, 1500)).is_met is True


def test_the_ratio_says_how_many_times_the_baseline_it_is():
    assert figure(10, 30, 20, baseline=5).ratio == 4
    assert figure(10).ratio is None


def test_figures_keep_four_digits():
    assert rounded(123456.0) == 123500
    assert rounded(0.000123456) == 0.0001235
    assert rounded(0) == 0


def search_on(capacity: int, *, first: int = 400, highest: int = 6000) -> RateSearch:
    search = RateSearch(first, highest)
    while (rate := search.next_rate()) is not None:
        assert rate not in [tried for tried, _ in search.tried], "a rate is tried once"
        search.tell(rate, passed=rate <= capacity)
    return search


@pytest.mark.parametrize("capacity", [1, 7, 399, 400, 401, 999, 1500, 3210])
def test_the_search_comes_within_five_percent_of_what_is_possible(capacity: int):
    search = search_on(capacity)
    assert capacity * 0.95 - 1 <= search.passed <= capacity


def test_the_search_stops_at_the_highest_rate_that_it_may_try():
    assert search_on(10_000, highest=2000).passed == 2000


def test_the_search_says_zero_when_nothing_passes():
    assert search_on(0).passed == 0


def report_of(*figures: Figure, check: str = "accept: right") -> dict[str, Any]:
    return {
        "taken_at": "2026-11-23T00:00:00+00:00",
        "machine": {"cores": 2, "processor": "x", "memory_gib": 4, "kernel": "6"},
        "versions": {"python": "3.11"},
        "runs": 5,
        "figures": [figure.as_json() for figure in figures],
        "checks": [{"name": check, "ok": False, "detail": "lost 1"}],
    }


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Two pages with places for figures."""
    for name in (report.PERFORMANCE, report.RELIABILITY):
        page = f"Before\n{report.BEGIN}\nold\n{report.END}\nAfter\n"
        (tmp_path / name).write_text(page, encoding="utf-8")
    return tmp_path


def test_the_page_shows_a_missed_aim_as_missed(docs: Path):
    missed = figure(60, 70, aim=Aim(Sense.AT_MOST, 50), baseline=6.5)
    report.write_pages(report_of(missed), docs=docs)
    text = (docs / report.PERFORMANCE).read_text(encoding="utf-8")
    assert text.startswith("Before\n")
    assert text.endswith("\nAfter\n")
    assert "old" not in text
    assert "| Confirm | **65 ms** | 60 to 70 | at most 50 ms | **no** | 6.5 ms | 10 |" in text
    assert "Aim: at most 50 ms, missed. Baseline: bare." in text
    assert "2 cores" in text
    assert "0 of 1 checks" in text
    assert "failed: accept: right (lost 1)" in text


def test_figures_of_survival_have_their_own_page_and_what_was_not_measured_stays(docs: Path):
    resumed = replace(figure(60, 61), name="resume.killed_s", title="Go on")
    report.write_pages(report_of(resumed, check="resume: all"), docs=docs)
    assert "old" in (docs / report.PERFORMANCE).read_text(encoding="utf-8")
    text = (docs / report.RELIABILITY).read_text(encoding="utf-8")
    assert "| Go on | **60.5 ms** |" in text
    assert "failed: resume: all (lost 1)" in text


def test_a_page_without_a_place_for_figures_is_refused(docs: Path):
    (docs / report.PERFORMANCE).write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="lost the marks"):
        report.write_pages(report_of(figure(1)), docs=docs)


def test_the_real_pages_have_the_places_for_them(tmp_path: Path):
    """So the command loses no figure at its end."""
    for name in (report.PERFORMANCE, report.RELIABILITY):
        shutil.copy(report.DOCS / name, tmp_path)
    figures = [figure(1), replace(figure(2), name="drain.exit_s")]
    report.write_pages(report_of(*figures), docs=tmp_path)
    for name in (report.PERFORMANCE, report.RELIABILITY):
        assert "2026-11-23" in (tmp_path / name).read_text(encoding="utf-8")
