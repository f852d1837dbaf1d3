"""Puts figures into the pages of docs: `python -m bench.report FILE.json [FILE.json ...]`.

What tells how well jobs survive goes into reliability.md, all else into performance.md. Replaces
what stands between the two marks and leaves the words around them alone, and a page of which
nothing was measured as well. Invariant: no figure gets onto a page by hand, and none without its
spread, its way of measuring and its aim.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PERFORMANCE, RELIABILITY = "performance.md", "reliability.md"
ABOUT_RELIABILITY = frozenset({"drain", "resume", "nats-gap"})
"""The benchmarks whose figures stand on that page."""
BEGIN = "<!-- figures: begin (written by `python -m bench --write-docs`) -->"
END = "<!-- figures: end -->"

Report = Mapping[str, Any]


def write_pages(*reports: Report, docs: Path = DOCS) -> None:
    """Show these reports, the figures of a later one in the place of an earlier one's."""
    for name in (PERFORMANCE, RELIABILITY):
        shown = [part for report in reports if (part := _part(report, name))["figures"]]
        if shown:
            _write(docs / name, "\n".join(_section(shown)))


def page_of(benchmark: str) -> str:
    return RELIABILITY if benchmark in ABOUT_RELIABILITY else PERFORMANCE


def _part(report: Report, page: str) -> Report:
    """Take what belongs onto the page; names of checks begin as those of figures do."""
    return {
        **report,
        "figures": [one for one in report["figures"] if _page(one["name"]) == page],
        "checks": [one for one in report["checks"] if _page(one["name"]) == page],
    }


def _page(name: str) -> str:
    return page_of(re.split(r"[.,:]", name, maxsplit=1)[0])


def _write(page: Path, section: str) -> None:
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has lost the marks between which the figures stand")
    page.write_text(f"{before}{BEGIN}\n\n{section}\n{END}{after}", encoding="utf-8")


def _section(reports: Sequence[Report]) -> Iterator[str]:
    # Parts that were measured one after another have these in common, as a rule.
    for line in dict.fromkeys(line for report in reports for line in _around(report)):
        yield line
        yield ""
    figures = {figure["name"]: figure for report in reports for figure in report["figures"]}
    yield from table(list(figures.values()))
    checks = [check for report in reports for check in report["checks"]]
    failed = [check for check in checks if not check["ok"]]
    yield f"Correctness: {len(checks) - len(failed)} of {len(checks)} checks of these runs held."
    for check in failed:
        yield f"- failed: {check['name']} ({check['detail']})"
    yield ""


def _around(report: Report) -> Iterator[str]:
    runs = report["runs"]
    yield circumstances(report) + (f"; medians of {runs} runs." if runs > 1 else "; one run.")
    yield used_versions(report)


def circumstances(report: Report) -> str:
    machine = report["machine"]
    return (
        f"Taken {report['taken_at'][:10]} on {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB of memory, Linux {machine['kernel']}"
    )


def used_versions(report: Report) -> str:
    return "Versions: " + ", ".join(f"{what} {v}" for what, v in report["versions"].items()) + "."


def table(figures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """List the figures, and below them how each was measured."""
    yield "| figure | median | spread | aim | met | baseline | ratio |"
    yield "|---|---|---|---|---|---|---|"
    for figure in figures:
        yield _row(figure)
    yield ""
    yield "How each was measured:"
    yield ""
    for figure in figures:
        yield _explanation(figure)
    yield ""


def _row(figure: Mapping[str, Any]) -> str:
    unit, aim, baseline = figure["unit"], figure["aim"], figure["baseline"]
    cells = (
        figure["title"],
        f"**{_number(figure['median'])} {unit}**",
        f"{_number(figure['min'])} to {_number(figure['max'])}",
        f"{aim['sense']} {_number(aim['value'])} {unit}" if aim else "",
        {True: "yes", False: "**no**", None: ""}[figure["met"]],
        f"{_number(baseline['median'])} {unit}" if baseline else "",
        f"{_number(figure['ratio'])}" if figure["ratio"] is not None else "",
    )
    return "| " + " | ".join(cells) + " |"


def _explanation(figure: Mapping[str, Any]) -> str:
    aim, baseline = figure["aim"], figure["baseline"]
    words = f"- {figure['title']}: {figure['how']}."
    if aim:
        met = "met" if figure["met"] else "missed"
        words += f" Aim: {aim['sense']} {_number(aim['value'])} {figure['unit']}, {met}."
    if baseline:
        words += f" Baseline: {baseline['what']}."
    return words


def _number(value: float) -> str:
    """Write it with the digits that mean something: 1234, 12.3, 0.123."""
    magnitude = abs(value)
    if magnitude >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]]
    write_pages(*(json.loads(file.read_text(encoding="utf-8")) for file in files))


if __name__ == "__main__":
    main()
