"""`python -m bench.scaling [NAME ...]`: measure how well the workers are scaled.

Apart from `python -m bench`, because it takes a Kubernetes control plane (`make cluster-tools`).
Progress goes to stderr, one JSON object to stdout. Exit 0: measured, and every check held; 1: a
check failed, and the JSON tells which; 2: usage. Whether an aim is met changes no exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from tools.cluster.binaries import FAMILIES

from bench import density, policies, reaction, stress
from bench.effort import QUICK, Effort
from bench.figures import Outcome
from bench.machine import machine, taken_at, versions
from bench.scaling_page import PAGE, write_page
from bench.stage import server_versions

Benchmark = Callable[[Effort, Path], Awaitable[Outcome]]
BENCHMARKS: Mapping[str, Benchmark] = {
    "policies": policies.run,
    "stress": stress.run,
    "reaction": reaction.run,
    "density": density.run,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling", description="Measure the scaling; prints JSON."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all without a name"
    )
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it still works")
    parser.add_argument("--out", type=Path, help="write the JSON to this file too")
    parser.add_argument(
        "--write-docs", action="store_true", help=f"put the figures into {PAGE.name} too"
    )
    parser.add_argument("--folder", type=Path, help="keep data and logs in this new folder")
    parsed = parser.parse_args()
    unknown = set(parsed.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    if parsed.quick and parsed.write_docs:
        parser.error("what --quick measures means nothing: it does not belong onto the page")
    return parsed


async def measure(names: list[str], effort: Effort, folder: Path) -> dict[str, object]:
    """Run the benchmarks one after another and put everything into one report."""
    servers = await server_versions(folder / "versions")
    servers |= {family.folder: family.version for family in FAMILIES}
    servers |= {name: version(name) for name in ("kopf", "aiohttp")}
    report: dict[str, object] = {
        "taken_at": taken_at(),
        "machine": machine(),
        "versions": versions(servers),
        "quick": effort == QUICK,
    }
    found: dict[str, object] = {}
    correct = True
    for name in names:
        began = time.monotonic()
        say(f"{name} ...")
        outcome = await BENCHMARKS[name](effort, folder)
        say(f"{name} took {time.monotonic() - began:.0f} s")
        for figure in outcome.figures:
            say(f"  {figure.name}: {figure.median:.4g} {figure.unit}")
        for check in outcome.checks:
            if not check.ok:
                say(f"  WRONG: {check.name}: {check.detail}")
        correct = correct and all(check.ok for check in outcome.checks)
        found[name] = {
            "figures": [figure.as_json() for figure in outcome.figures],
            "checks": [check.as_json() for check in outcome.checks],
            "details": outcome.details,
        }
    return report | {"correct": correct, "benchmarks": found}


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> int:
    parsed = arguments()
    effort = QUICK if parsed.quick else Effort()
    names = [name for name in BENCHMARKS if name in parsed.names or not parsed.names]
    with tempfile.TemporaryDirectory(prefix="neurocards-scaling-") as passing:
        report = asyncio.run(measure(names, effort, parsed.folder or Path(passing)))
    text = json.dumps(report, indent=2)
    if parsed.out:
        parsed.out.write_text(text + "\n", encoding="utf-8")
    if parsed.write_docs:
        write_page(report)
    print(text)
    return 0 if report["correct"] else 1


if __name__ == "__main__":
    sys.exit(main())
