"""The figures of runs in docs/reliability.md: a row per run, the faults of the last one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RUNS_BEGIN, RUNS_END = "<!-- runs: begin -->", "<!-- runs: end -->"
FAULTS_BEGIN, FAULTS_END = "<!-- faults: begin -->", "<!-- faults: end -->"


def with_run(page: str, result: Mapping[str, Any]) -> str:
    """Put a result into the page; a run of the same seed and size takes its old row's place."""
    before, rows, after = _parts(page, RUNS_BEGIN, RUNS_END)
    row = _row(result)
    same = row.split("|")[1:4]
    kept = [line for line in rows.strip().splitlines() if line.split("|")[1:4] != same]
    page = f"{before}{RUNS_BEGIN}\n" + "\n".join([*kept, row]) + f"\n{RUNS_END}{after}"
    before, _, after = _parts(page, FAULTS_BEGIN, FAULTS_END)
    return f"{before}{FAULTS_BEGIN}\n{_faults(result)}\n{FAULTS_END}{after}"


def _parts(page: str, begin: str, end: str) -> tuple[str, str, str]:
    before, found, rest = page.partition(begin)
    inside, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no block {begin} … {end}")
    return before, inside, after


def _row(result: Mapping[str, Any]) -> str:
    broken = [name for name, holds in result["invariants"].items() if not holds]
    cells = [
        result["seed"],
        f"{result['seconds']:g}",
        result["jobs"],
        result["faults_total"],
        sum(result["deaths"].values()),
        result["delivered"],
        result["refunded"],
        result["orphans"],
        result["sent_anew"],
        result["longest_stall_s"],
        "all hold" if not broken else "broken: " + ", ".join(broken),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _faults(result: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{kind} {count}" for kind, count in result["faults"].items())
    return f"Seed {result['seed']}: {listed}."
