"""Many orders while everything fails: `make chaos SECONDS=600 JOBS=5000 SEED=n`.

Real PostgreSQL and NATS, three workers and two bots as processes, simulators of the rest. Prints
the seed first and one JSON object last; exit code 1 when an invariant is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.crowd import Crowd
from chaos.judge import judged, report
from chaos.nemesis import Nemesis
from chaos.page import with_run
from chaos.plan import arrivals, programme
from chaos.stage import Stage

SEED_MAX = 1_000_000


def say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


async def run(*, seconds: float, jobs: int, seed: int, folder: Path) -> dict[str, Any]:
    """Make the storm and tell what came of it."""
    began = time.monotonic()
    async with Stage(folder, seed, say) as stage:
        crowd, nemesis = Crowd(stage, seed, folder=folder), Nemesis(stage, seed, say)
        strikes = programme(seed, seconds)
        async with asyncio.TaskGroup() as group:
            ordering = group.create_task(crowd.run(arrivals(seed, seconds, jobs)))
            await nemesis.run(strikes)
            await stage.heal()
            say(f"the storm is over; {len(crowd.user_ids)} people have come to order")
            await ordering
        say("all orders are accepted")
        verdict = await judged(stage, crowd.user_ids, say)
        facts = {
            "seed": seed,
            "seconds": seconds,
            "jobs": jobs,
            "took_s": round(time.monotonic() - began, 1),
            "faults": dict(sorted(nemesis.strikes.items())),
            "faults_total": nemesis.strikes.total(),
            "deaths": {name: member.deaths for name, member in stage.members.items()},
        }
    return report(verdict, facts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things go wrong")
    parser.add_argument("--jobs", type=int, default=200, help="how many people order")
    parser.add_argument("--seed", type=int, default=None, help="of the run before, to repeat it")
    parser.add_argument("--keep", type=Path, default=None, help="folder for logs and data")
    parser.add_argument("--record", type=Path, default=None, help="page to put the figures into")
    chosen = parser.parse_args(arguments)
    if chosen.keep is not None and chosen.keep.exists():
        parser.error(f"{chosen.keep} is there already")
    seed = secrets.randbelow(SEED_MAX) if chosen.seed is None else chosen.seed
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="neurocards-chaos-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(
            run(seconds=chosen.seconds, jobs=chosen.jobs, seed=seed, folder=folder)
        )
    if chosen.record is not None:
        page = chosen.record.read_text(encoding="utf-8")
        chosen.record.write_text(with_run(page, result), encoding="utf-8")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if all(result["invariants"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
