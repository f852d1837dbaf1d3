"""Bad updates and bad requests without end: `make abuse UPDATES=50000 SEED=n`.

The real bot and worker on real PostgreSQL, NATS and simulators. Prints the seed first and one JSON
object last; exit code 1 when something was answered with 5xx, grew without bound, broke an
invariant, or told a secret.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abuse.attack import Attack
from abuse.endpoints import sides
from abuse.judge import breaches
from abuse.memory import growth
from abuse.people import People
from abuse.stage import Stage
from abuse.storm import Storm
from support import invariants
from support.invariants import Breach

SEED_MAX = 1_000_000
BATCHES = 20
CROWD = 200
SHOWN_BREACHES = 40
MIB = 2**20


def say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


async def run(*, updates: int, requests: int, seed: int, folder: Path) -> dict[str, Any]:
    """Abuse the processes in batches, measure after each, and tell what came of it."""
    began = time.monotonic()
    async with Stage(folder) as stage:
        people = People(stage, folder, count=CROWD)
        await people.introduce()
        await people.live()
        real = stage.recorder.updates
        say(f"{len(real)} updates of honest people are known")
        storm = Storm(stage, real, people.user_ids, seed)
        attack = Attack(sides(stage, stage.recorder.callback_paths))
        measured: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        found: list[Breach] = []
        told = 0
        for batch in range(BATCHES):
            async with asyncio.TaskGroup() as group:
                group.create_task(people.go_on(batch))
                await storm.send(updates // BATCHES)
            try:
                if batch == 0:
                    await asyncio.to_thread(attack.sweep)
                await asyncio.to_thread(
                    attack.run, examples=requests // BATCHES, number=seed * BATCHES + batch
                )
            except (AssertionError, OSError) as error:
                found.append(Breach("5xx", "an endpoint", str(error)))
                say(str(found[-1]))
            found += await invariants.always(stage.pool)
            for name, member in stage.members.items():
                measured[name].append((storm.sent, member.memory_bytes))
            say(f"{storm.sent} updates, answers {dict(sorted(storm.answers.items()))}")
            for wrong in storm.wrong[told:]:
                say(wrong)
            told = len(storm.wrong)
        found += [Breach("5xx", "webhook", wrong) for wrong in storm.wrong]
        grown = {name: growth(points) for name, points in measured.items()}
        found += [
            Breach("memory", name, f"{one.climbed_bytes} bytes over {one.updates} updates")
            for name, one in grown.items()
            if not one.is_bounded
        ]
        found += await breaches(stage, people)
        jobs = await invariants.endings(stage.pool)
    return {
        "seed": seed,
        "updates": storm.sent,
        "answers": {str(status): count for status, count in sorted(storm.answers.items())},
        "reconnected": storm.reconnected,
        "requests": attack.answers.total(),
        "requests_answered": {
            f"{side} {status}": count for (side, status), count in sorted(attack.answers.items())
        },
        "jobs": len(jobs),
        "memory_mib": {
            name: {
                "first": round(points[0][1] / MIB, 1),
                "last": round(points[-1][1] / MIB, 1),
                "climbed_after_warm_up": round(grown[name].climbed_bytes / MIB, 1),
                "allowed": round(grown[name].allowed_bytes / MIB, 1),
            }
            for name, points in measured.items()
        },
        "took_s": round(time.monotonic() - began, 1),
        "breaches_total": len(found),
        "breaches": [str(breach) for breach in sorted(set(found))[:SHOWN_BREACHES]],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="abuse", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--updates", type=int, default=50_000, help="how many bad updates")
    parser.add_argument("--requests", type=int, default=10_000, help="how many bad requests")
    parser.add_argument("--seed", type=int, default=None, help="of the run before, to repeat it")
    parser.add_argument("--keep", type=Path, default=None, help="folder for logs and data")
    chosen = parser.parse_args(arguments)
    if chosen.keep is not None and chosen.keep.exists():
        parser.error(f"{chosen.keep} is there already")
    seed = secrets.randbelow(SEED_MAX) if chosen.seed is None else chosen.seed
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="neurocards-abuse-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(
            run(updates=chosen.updates, requests=chosen.requests, seed=seed, folder=folder)
        )
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["breaches_total"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
