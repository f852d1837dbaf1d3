"""The figures of the policies on paper still come out, and their checks hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import policies, stress
from bench.course import Benchmark
from bench.effort import QUICK

from neurocards.replay.traces import Shape


@pytest.mark.parametrize("benchmark", [policies.run, stress.run])
async def test_a_quick_run_gives_a_table_and_its_checks_hold(benchmark: Benchmark, tmp_path: Path):
    """One short stretch of each."""
    outcome = await benchmark(QUICK, tmp_path)
    assert outcome.checks
    assert [check for check in outcome.checks if not check.ok] == []
    lines = outcome.details["page"]
    assert isinstance(lines, list)
    page = [line for line in lines if line.startswith("|")]
    assert len({line.count(" | ") for line in page if "---" not in line}) == 1
    assert len(page) > 2


def test_one_of_the_traces_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As the page shows it."""
    shapes = {policies.DRAWN: Shape(jobs_per_hour=1)}
    monkeypatch.setattr(policies, "SHAPES", shapes)
    policies.draw(tmp_path / "out.svg")
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").startswith("<svg")
