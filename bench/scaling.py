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
from importlib.metadata import version
from pathlib import Path

from tools.cluster.binaries import FAMILIES

from bench import density, policies, reaction, stress
from bench.course import Benchmarks, add_options, keep, outcomes, parse
from bench.effort import QUICK, Effort
from bench.machine import machine, taken_at, versions
from bench.scaling_page import PAGE, write_page
from bench.stage import server_versions

BENCHMARKS: Benchmarks = {
    "policies": policies.run,
    "stress": stress.run,
    "reaction": reaction.run,
    "density": density.run,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling", description="Measure the scaling; prints JSON."
    )
    add_options(parser, BENCHMARKS, PAGE.name)
    return parse(parser, BENCHMARKS)


async def measure(
    names: list[str], effort: Effort, folder: Path, out: Path | None
) -> dict[str, object]:
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
    async for name, outcome in outcomes(BENCHMARKS, names, effort, folder):
        correct = correct and all(check.ok for check in outcome.checks)
        found[name] = {
            "figures": [figure.as_json() for figure in outcome.figures],
            "checks": [check.as_json() for check in outcome.checks],
            "details": outcome.details,
            "took_s": outcome.took_s,
        }
        report |= {"correct": correct, "benchmarks": found}
        await keep(report, out)
    return report


def main() -> int:
    parsed = arguments()
    effort = QUICK if parsed.quick else Effort()
    with tempfile.TemporaryDirectory(prefix="neurocards-scaling-") as passing:
        report = asyncio.run(
            measure(parsed.names, effort, parsed.folder or Path(passing), parsed.out)
        )
    if parsed.write_docs:
        write_page(report)
    print(json.dumps(report, indent=2))
    return 0 if report["correct"] else 1


if __name__ == "__main__":
    sys.exit(main())
