"""`make bench` still measures: its processes start, its checks hold, its JSON has its form.

No speed is asserted: that would test the machine. Everything is tiny.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1_800
pytestmark = pytest.mark.xdist_group("bench")
"""One run for all of them, though tests are spread over processes."""


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What one quick run of everything prints."""
    finished = bench("--quick")
    assert finished.returncode == 0, finished.stderr[-4000:] + finished.stdout[-4000:]
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_every_benchmark_gives_its_figures(report: dict[str, Any]):
    names = {figure["name"].partition(".")[0] for figure in report["figures"]}
    assert names == {
        "accept",
        "dialogue",
        "start",
        "throughput",
        "inflight",
        "outbound",
        "drain",
        "resume",
        "nats-gap",
        "keys",
        "idle",
        "scale",
    }


def test_each_figure_tells_its_spread_its_aim_and_how_it_was_measured(report: dict[str, Any]):
    for figure in report["figures"]:
        assert figure["min"] <= figure["median"] <= figure["max"], figure
        assert figure["values"], figure
        assert figure["how"], figure
        assert (figure["met"] is None) == (figure["aim"] is None), figure
        assert (figure["ratio"] is None) == (figure["baseline"] is None), figure


def test_what_was_measured_was_right(report: dict[str, Any]):
    assert report["checks"]
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert report["correct"]


def test_the_machine_and_the_versions_stand_beside_the_figures(report: dict[str, Any]):
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["memory_gib"] > 0
    assert {"python", "postgresql", "nats-server", "asyncpg", "nats-py"} <= set(report["versions"])
    assert report["runs"] == 1
    assert report["quick"]


def test_the_report_says_how_long_each_part_took(report: dict[str, Any]):
    assert set(report["took_s"]) == set(report["details"])
    assert min(report["took_s"].values()) > 0


def test_an_unknown_benchmark_is_a_usage_error_that_names_the_known_ones():
    finished = bench("speed")
    assert finished.returncode == 2
    assert "speed" in finished.stderr
    assert "accept" in finished.stderr


def test_figures_of_a_quick_run_do_not_get_onto_the_page():
    finished = bench("--quick", "--write-docs")
    assert finished.returncode == 2
    assert "--quick" in finished.stderr
