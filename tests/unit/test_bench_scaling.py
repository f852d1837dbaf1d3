"""What the benchmarks of the scaling make of what they have seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bench import density, reaction, scaling_page
from bench.effort import Effort
from bench.reaction import Changes
from bench.scaling_stage import OPERATOR_USER

START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
END = START + timedelta(seconds=40)


def look(name: str, after_s: float) -> density.Request:
    return density.Request(START + timedelta(seconds=after_s), "get", "deployments", name)


def test_the_longest_gap_counts_from_the_start_to_the_end():
    found = [look("a", 10), look("a", 22), look("b", 1), look("b", 16), look("b", 30)]
    assert density._gaps(found, ["a", "b", "c"], START, END) == {"a": 18, "b": 15, "c": 40}


def test_an_object_that_was_left_alone_fails_the_check():
    assert [check.ok for check in density._checks({"a": 15.2, "b": 44.0}, {})] == [True, True]
    checks = density._checks({"a": 15.2, "b": 46.0}, {})
    assert [check.ok for check in checks] == [False, True]
    assert checks[0].detail == "longest 46.0 s"


def test_a_write_without_a_change_fails_the_check_and_the_lease_is_none():
    requests = [
        density.Request(START, "patch", "neurocardsscalings/status", "a"),
        density.Request(START, "create", "events", ""),
        density.Request(START, "update", "leases", "neurocards-operator"),
        density.Request(START, "get", "deployments", "a"),
    ]
    assert [density._changes_something(request) for request in requests] == [
        True,
        True,
        False,
        False,
    ]
    checks = density._checks({"a": 15.0}, {"create events": 2})
    assert [check.ok for check in checks] == [True, False]
    assert checks[1].detail == "2 x create events"


def test_only_what_the_operator_asked_is_read_from_the_audit_log(tmp_path: Path):
    def line(user: str, verb: str, about: dict[str, str] | None) -> str:
        entry = {
            "user": {"username": user},
            "verb": verb,
            "requestReceivedTimestamp": "2026-03-04T09:00:00.250000Z",
        }
        return json.dumps(entry | ({"objectRef": about} if about else {}))

    scale = {"resource": "deployments", "subresource": "scale", "name": "a"}
    log = tmp_path / "audit.log"
    log.write_text(
        "\n".join(
            [
                line(OPERATOR_USER, "patch", scale),
                line("somebody", "patch", scale),
                line(OPERATOR_USER, "get", None),
            ]
        )
    )
    at = START + timedelta(milliseconds=250)
    assert list(density._requests(log)) == [
        density.Request(at, "patch", "deployments/scale", "a"),
        density.Request(at, "get", "", ""),
    ]


def test_a_burst_that_ends_elsewhere_fails_the_check():
    right = [(0.5, 20), (0.9, 40)]
    assert reaction._check([40, 40], [right, right]).ok
    assert not reaction._check([40, 41], [right, right]).ok
    assert not reaction._check([40], [[(0.5, 51), (0.9, 40)]]).ok
    assert not reaction._check([1], [[]]).ok


def test_changes_are_those_since_a_moment():
    changes = Changes([(1.0, 1), (5.0, 20), (6.0, 40)])
    assert changes.replicas == 40
    assert changes.since(5.0) == [(5.0, 20), (6.0, 40)]
    assert Changes().replicas == reaction.REPLICAS_BEFORE


def test_figures_come_between_the_marks_of_their_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "page.md"
    monkeypatch.setattr(scaling_page, "PAGE", page)
    begin, end = scaling_page.marks("density")
    other = "\n".join(scaling_page.marks("reaction"))
    page.write_text(f"words\n{begin}\nold\n{end}\nmore words\n{other}\n")
    figures = density._figures(30.0, 120_000_000, {"a": 15.0}, Effort())
    found = {
        "figures": [figure.as_json() for figure in figures],
        "details": {},
        "checks": [check.as_json() for check in density._checks({"a": 15.0}, {"create events": 2})],
    }
    machine = {"cores": 2, "processor": "a processor", "memory_gib": 8, "kernel": "6.1"}
    scaling_page.write_page(
        {
            "taken_at": "2026-03-04T09:00:00",
            "machine": machine,
            "versions": {"etcd": "v3"},
            "benchmarks": {"density": found},
        }
    )
    text = page.read_text()
    assert "| Memory of an operator with 1 objects | **120 MB** |" in text
    assert "nothing was written but the lease, since nothing changed: **failed**" in text
    assert "old" not in text
    assert text.startswith("words\n")
    assert text.endswith(f"more words\n{other}\n")


def test_a_page_that_lost_its_marks_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "page.md"
    page.write_text("words\n")
    monkeypatch.setattr(scaling_page, "PAGE", page)
    with pytest.raises(ValueError, match="has lost the marks"):
        scaling_page.write_page({"benchmarks": {"density": {}}})
    assert page.read_text() == "words\n"
