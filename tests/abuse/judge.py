"""After the abuse: everything comes to rest, and every side of it is looked at."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

from abuse.people import People
from abuse.stage import Stage
from support import history, invariants
from support.canaries import MARK
from support.invariants import Breach

REST_S = 240.0
"""The deadline of a job under the profile `fast`, and what the reaper and a busy machine add."""
LOOK_S = 1.0
SHOWN_CHARACTERS = 600
BUGS = ("update.failed", "process.crashed", "job.bug", "polling.bug", "hint.handler_failed")
FOREIGN = re.compile(r"exception in asgi|logging error|task exception was never", re.IGNORECASE)
"""How libraries say that something of ours was raised at them."""


async def breaches(stage: Stage, people: People) -> list[Breach]:
    """Wait for rest, order twice as anybody would, and tell what does not hold."""
    found = [
        Breach("alive", name, member.child.log_tail()[-SHOWN_CHARACTERS:])
        for name, member in stage.members.items()
        if not member.child.is_running
    ]
    if found:
        return found
    ended = await people.order_honestly(0)
    if ended != "done":
        found.append(Breach("alive", "an honest order", f"ended as {ended}"))
    found += await _at_rest(stage)
    jobs = await invariants.endings(stage.pool)
    tasks = (await stage.http.get(f"{stage.kie_url}/sim/tasks?limit=100000")).json()
    found += invariants.bill(jobs, invariants.tasks_of(tasks))
    found += history.check(await history.operations(stage.pool))
    for name, member in stage.members.items():
        found += list(complaints(name, member.log))
    return found


async def _at_rest(stage: Stage) -> list[Breach]:
    loop = asyncio.get_running_loop()
    until = loop.time() + REST_S
    while True:
        found = await invariants.all_told(stage.pool)
        found += await invariants.queue_at_rest(stage.nats_url)
        if not found or loop.time() > until:
            return found
        await asyncio.sleep(LOOK_S)


def complaints(name: str, log: str) -> Iterator[Breach]:
    """Find in a log what may stand in none: a secret, a bug, a line that went past our pipeline."""
    for number, line in enumerate(log.splitlines(), start=1):
        where, shown = f"{name}.log:{number}", line[:SHOWN_CHARACTERS]
        if MARK in line.lower():
            # The line itself is the secret: whoever reads this looks it up.
            yield Breach("I11", where, "holds a canary")
            continue
        try:
            event = json.loads(line)
        except ValueError:
            yield Breach("log", where, f"is no event of ours: {shown}")
            continue
        words = str(event.get("event", ""))
        if words in BUGS or FOREIGN.search(words):
            yield Breach("bug", where, line[-SHOWN_CHARACTERS:])
