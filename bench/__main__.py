"""`python -m bench [NAME ...]`: measure, and print one JSON object at the end.

Progress goes to stderr. Exit 0: measured, and every check held; 1: a check failed, and the JSON
tells which; 2: usage. Whether an aim is met is told, and never changes the exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bench import accept, dialogue, idle, inflight, scale, start, throughput
from bench.effort import QUICK, Effort
from bench.figures import Check, Figure, Outcome
from bench.machine import machine, taken_at, versions
from bench.report import PAGE, write_page
from bench.stage import server_versions

Benchmark = Callable[[Effort, Path], Awaitable[Outcome]]
BENCHMARKS: Mapping[str, Benchmark] = {
    "accept": accept.run,
    "dialogue": dialogue.run,
    "start": start.run,
    "throughput": throughput.run,
    "inflight": inflight.run,
    "idle": idle.run,
    "scale": scale.run,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure this machine; prints JSON."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all without a name"
    )
    parser.add_argument("--runs", type=int, help="runs of each benchmark; 5 without it")
    parser.add_argument(
        "--quick", action="store_true", help="one tiny run, to see that it still works"
    )
    parser.add_argument("--out", type=Path, help="write the JSON to this file too")
    parser.add_argument(
        "--write-docs", action="store_true", help=f"put the figures into {PAGE.name} too"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep data and logs in this new folder instead of a passing one"
    )
    parsed = parser.parse_args()
    unknown = set(parsed.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    if parsed.quick and parsed.write_docs:
        parser.error("what --quick measures means nothing: it does not belong onto the page")
    if parsed.runs is not None and parsed.runs < 1:
        parser.error("--runs is at least 1")
    return parsed


async def measure(
    names: list[str], effort: Effort, folder: Path, out: Path | None
) -> dict[str, object]:
    """Run the benchmarks one after another and put everything into one report.

    `out` gets what is there after each of them, so that a failure takes no figure away.
    """
    figures: list[Figure] = []
    checks: list[Check] = []
    details: dict[str, object] = {}
    report: dict[str, object] = {"taken_at": taken_at(), "machine": machine()}
    report["versions"] = versions(await server_versions(folder / "versions"))
    for name in names:
        began = time.monotonic()
        say(f"{name} ...")
        outcome = await BENCHMARKS[name](effort, folder)
        figures += outcome.figures
        checks += outcome.checks
        details[name] = outcome.details
        say(f"{name} took {time.monotonic() - began:.0f} s")
        for figure in outcome.figures:
            say(f"  {figure.name}: {figure.median:.4g} {figure.unit}")
        for check in outcome.checks:
            if not check.ok:
                say(f"  WRONG: {check.name}: {check.detail}")
        report |= {
            "runs": effort.runs,
            "quick": effort == replace(QUICK, runs=effort.runs),
            "correct": all(check.ok for check in checks),
            "figures": [figure.as_json() for figure in figures],
            "checks": [check.as_json() for check in checks],
            "details": details,
        }
        if out is not None:
            await asyncio.to_thread(out.write_text, json.dumps(report, indent=2) + "\n", "utf-8")
    return report


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> int:
    parsed = arguments()
    effort = QUICK if parsed.quick else Effort()
    if parsed.runs is not None:
        effort = replace(effort, runs=parsed.runs)
    names = [name for name in BENCHMARKS if name in parsed.names or not parsed.names]
    with tempfile.TemporaryDirectory(prefix="neurocards-bench-") as passing:
        folder = parsed.folder or Path(passing)
        report = asyncio.run(measure(names, effort, folder, parsed.out))
    if parsed.write_docs:
        write_page(report)
    print(json.dumps(report, indent=2))
    return 0 if report["correct"] else 1


if __name__ == "__main__":
    sys.exit(main())
