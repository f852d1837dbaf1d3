"""Puts figures into docs/scaling-benchmark.md, each benchmark between marks of its own.

Leaves the words around the marks alone, and what was not measured this time. Invariant: no figure
gets onto the page by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.report import circumstances, table, used_versions

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling-benchmark.md"


def marks(name: str) -> tuple[str, str]:
    """Give the lines between which the figures of a benchmark stand."""
    return f"<!-- {name}: begin (written by `make bench-scaling`) -->", f"<!-- {name}: end -->"


def write_page(report: Mapping[str, Any]) -> None:
    """Show what this report has measured."""
    text = PAGE.read_text(encoding="utf-8")
    for name, found in report["benchmarks"].items():
        begin, end = marks(name)
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (opened and closed):
            raise ValueError(f"{PAGE} has lost the marks between which {name} stands")
        section = "\n".join(_section(report, found))
        text = f"{before}{begin}\n\n{section}\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


def _section(report: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{circumstances(report)}. {used_versions(report)}"
    yield ""
    if found["figures"]:
        yield from table(found["figures"])
    yield from found["details"].get("page", ())
    for check in found["checks"]:
        verdict = "held" if check["ok"] else "**failed**"
        yield f"- {check['name']}: {verdict} ({check['detail']})."
    yield ""
