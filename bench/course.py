"""What the two commands that measure have in common: their options, and one run after another.

Progress goes to stderr, so that stdout keeps the one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.effort import Effort
from bench.figures import Outcome

Benchmark = Callable[[Effort, Path], Awaitable[Outcome]]
Benchmarks = Mapping[str, Benchmark]


def add_options(parser: argparse.ArgumentParser, benchmarks: Benchmarks, pages: str) -> None:
    """Give the parser what both commands take; `pages` names where figures are shown."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(benchmarks)}; all without a name"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one tiny run, to see that it still works"
    )
    parser.add_argument("--out", type=Path, help="write the JSON to this file too")
    parser.add_argument(
        "--write-docs", action="store_true", help=f"put the figures into {pages} too"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep data and logs in this new folder instead of a passing one"
    )


def parse(parser: argparse.ArgumentParser, benchmarks: Benchmarks) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with 2."""
    parsed = parser.parse_args()
    unknown = set(parsed.names) - set(benchmarks)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(benchmarks)}")
    if parsed.quick and parsed.write_docs:
        parser.error("what --quick measures means nothing: it does not belong onto the page")
    parsed.names = [name for name in benchmarks if name in parsed.names or not parsed.names]
    return parsed


async def outcomes(
    benchmarks: Benchmarks, names: Sequence[str], effort: Effort, folder: Path
) -> AsyncIterator[tuple[str, Outcome]]:
    """Run one benchmark after another, and tell what each has found."""
    for name in names:
        began = time.monotonic()
        _say(f"{name} ...")
        outcome = await benchmarks[name](effort, folder)
        outcome = replace(outcome, took_s=round(time.monotonic() - began, 1))
        _say(f"{name} took {outcome.took_s:.0f} s")
        for figure in outcome.figures:
            _say(f"  {figure.name}: {figure.median:.4g} {figure.unit}")
        for check in outcome.checks:
            if not check.ok:
                _say(f"  WRONG: {check.name}: {check.detail}")
        yield name, outcome


async def keep(report: Mapping[str, object], out: Path | None) -> None:
    """Write what is there after each benchmark: a failure later takes no figure away."""
    if out is not None:
        await asyncio.to_thread(out.write_text, json.dumps(report, indent=2) + "\n", "utf-8")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
