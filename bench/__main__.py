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
from dataclasses import replace
from pathlib import Path

from bench import (
    accept,
    dialogue,
    drain,
    idle,
    inflight,
    keys,
    nats_gap,
    outbound,
    resume,
    scale,
    start,
    throughput,
)
from bench.course import Benchmarks, add_options, keep, outcomes, parse
from bench.effort import QUICK, Effort
from bench.figures import Check, Figure
from bench.machine import machine, taken_at, versions
from bench.report import PERFORMANCE, RELIABILITY, write_pages
from bench.stage import server_versions

BENCHMARKS: Benchmarks = {
    "accept": accept.run,
    "dialogue": dialogue.run,
    "start": start.run,
    "throughput": throughput.run,
    "inflight": inflight.run,
    "outbound": outbound.run,
    "drain": drain.run,
    "resume": resume.run,
    "nats-gap": nats_gap.run,
    "keys": keys.run,
    "idle": idle.run,
    "scale": scale.run,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure this machine; prints JSON."
    )
    add_options(parser, BENCHMARKS, f"{PERFORMANCE} and {RELIABILITY}")
    parser.add_argument("--runs", type=int, help="runs of each benchmark; 5 without it")
    parsed = parse(parser, BENCHMARKS)
    if parsed.runs is not None and parsed.runs < 1:
        parser.error("--runs is at least 1")
    return parsed


async def measure(
    names: list[str], effort: Effort, folder: Path, out: Path | None
) -> dict[str, object]:
    """Run the benchmarks one after another and put everything into one report."""
    figures: list[Figure] = []
    checks: list[Check] = []
    details: dict[str, object] = {}
    took_s: dict[str, float] = {}
    report: dict[str, object] = {"taken_at": taken_at(), "machine": machine()}
    report["versions"] = versions(await server_versions(folder / "versions"))
    async for name, outcome in outcomes(BENCHMARKS, names, effort, folder):
        figures += outcome.figures
        checks += outcome.checks
        details[name] = outcome.details
        took_s[name] = outcome.took_s
        report |= {
            "runs": effort.runs,
            "quick": effort == replace(QUICK, runs=effort.runs),
            "correct": all(check.ok for check in checks),
            "figures": [figure.as_json() for figure in figures],
            "checks": [check.as_json() for check in checks],
            "took_s": took_s,
            "details": details,
        }
        await keep(report, out)
    return report


def main() -> int:
    parsed = arguments()
    effort = QUICK if parsed.quick else Effort()
    if parsed.runs is not None:
        effort = replace(effort, runs=parsed.runs)
    with tempfile.TemporaryDirectory(prefix="neurocards-bench-") as passing:
        folder = parsed.folder or Path(passing)
        report = asyncio.run(measure(parsed.names, effort, folder, parsed.out))
    if parsed.write_docs:
        write_pages(report)
    print(json.dumps(report, indent=2))
    return 0 if report["correct"] else 1


if __name__ == "__main__":
    sys.exit(main())
