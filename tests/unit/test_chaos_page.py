"""The page of reliability takes the figures of a run, and keeps those of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaos.page import with_run

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
EMPTY = """# Title
<!-- runs: begin -->
| seed | seconds |
|---|---|
<!-- runs: end -->
between
<!-- faults: begin -->
<!-- faults: end -->
the end
"""


def _result(seed: int, *, orphans: int = 0, holds: bool = True) -> dict[str, Any]:
    return {
        "seed": seed,
        "seconds": 60.0,
        "jobs": 200,
        "faults_total": 3,
        "faults": {"nats.wipe": 1, "worker.kill": 2},
        "deaths": {"bot-0": 1, "worker-0": 2},
        "delivered": 190,
        "refunded": 10,
        "orphans": orphans,
        "sent_anew": 0,
        "longest_stall_s": 4.5,
        "invariants": {"I1": True, "I5": holds},
    }


def test_each_run_has_a_row_and_the_last_one_its_faults():
    """Everything around the blocks stays as it is."""
    page = with_run(with_run(EMPTY, _result(1)), _result(2, orphans=3))
    assert "| 1 | 60 | 200 | 3 | 3 | 190 | 10 | 0 | 0 | 4.5 | all hold |\n| 2 | 60 |" in page
    assert "| seed | seconds |\n|---|---|\n| 1 |" in page
    assert "Seed 2: nats.wipe 1, worker.kill 2." in page
    assert page.startswith("# Title\n")
    assert page.endswith("\nthe end\n")


def test_a_run_that_is_repeated_takes_its_own_place():
    """The same seed, time and orders; what it has broken is named."""
    page = with_run(with_run(EMPTY, _result(1)), _result(1, holds=False))
    assert page.count("| 1 | 60 |") == 1
    assert "broken: I5" in page


def test_the_real_page_has_the_places_for_it():
    """A page without them is refused, so the command cannot lose its figures silently."""
    assert "| 7 | 60 | 200 |" in with_run(PAGE.read_text(encoding="utf-8"), _result(7))
    with pytest.raises(ValueError, match="no block"):
        with_run("# Nothing", _result(1))
