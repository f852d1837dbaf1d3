"""I10: a key is blocked, and every worker by itself must say so, and say when it is over.

What they say is their metric `neurocards_provider_keys`, asked of each process; what is true is the
row in the database. Both changes, the block and its end, must have reached all of them within the
promised time. It is tried several times, since a machine that stands still is no fault of a worker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from chaos.stage import Stage
from neurocards.adapters.postgres import PostgresKeyStore, open_database
from neurocards.settings import Database
from support.invariants import Breach
from support.statements import load

SQL = load("chaos")
METRIC = "neurocards_provider_keys"
REASON = "billing"
"""Nothing else in a run lets a key rest for this reason once the storm is over."""
PROMISED_S = 2.0
RESTS_S = 6.0
TRIES = 10
LOOK_S = 0.1
EQUAL_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class KeyHealth:
    """`slowest_s`: from a change to the moment at which all workers knew it, at the best try."""

    slowest_s: float
    breaches: tuple[Breach, ...] = ()


async def checked(stage: Stage) -> KeyHealth:
    """Block a key for a while and watch all workers."""
    best = KeyHealth(EQUAL_WITHIN_S, (Breach("I10", "keys", "none is known"),))
    settings = Database.model_validate({"database_url": stage.database_url})
    async with open_database(settings, application_name="chaos") as database:
        store = PostgresKeyStore(database)
        for _ in range(TRIES):
            keys = await stage.pool.fetch(SQL["keys"])
            if not keys:
                break
            await store.block(keys[0]["fingerprint"], for_s=RESTS_S, reason=REASON)
            blocked = await _until_equal(stage, resting=True)
            await asyncio.sleep(max(0.0, RESTS_S - blocked.slowest_s))
            healthy = await _until_equal(stage, resting=False)
            found = max(blocked, healthy, key=lambda one: one.slowest_s)
            best = min(best, found, key=lambda one: one.slowest_s)
            if not best.breaches:
                break
    return best


async def _until_equal(stage: Stage, *, resting: bool) -> KeyHealth:
    """Wait until every worker says what the database does, and that is what it should be."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        truth = Counter(row["state"] for row in await stage.pool.fetch(SQL["keys"]))
        seen = await _seen(stage)
        took_s = loop.time() - began
        wrong = differing(truth, seen)
        if (truth[REASON] > 0) == resting and not wrong:
            late = took_s > PROMISED_S
            words = f"known to all of them only {took_s:.1f} s after the change"
            return KeyHealth(took_s, (Breach("I10", "workers", words),) if late else ())
        if took_s > EQUAL_WITHIN_S:
            return KeyHealth(took_s, tuple(wrong) or (Breach("I10", "keys", "did not change"),))
        await asyncio.sleep(LOOK_S)


async def _seen(stage: Stage) -> dict[str, Counter[str]]:
    workers = {name: one for name, one in stage.members.items() if name.startswith("worker")}
    said = await asyncio.gather(*(_said(stage, one.probes_url) for one in workers.values()))
    return dict(zip(workers, said, strict=True))


async def _said(stage: Stage, probes_url: str) -> Counter[str]:
    """Ask one worker; nothing while it starts again after its death."""
    try:
        return states_in((await stage.http.get(f"{probes_url}/metrics")).text)
    except httpx.TransportError:
        return Counter()


def states_in(page: str) -> Counter[str]:
    """Read how many keys are in which state off a page of metrics."""
    return Counter(
        {
            sample.labels["state"]: int(sample.value)
            for family in text_string_to_metric_families(page)
            if family.name == METRIC
            for sample in family.samples
            if sample.value
        }
    )


def differing(truth: Mapping[str, int], seen: Mapping[str, Mapping[str, int]]) -> list[Breach]:
    """Tell which worker says something else than the database."""
    return [
        Breach("I10", name, f"says {dict(states)}, true is {dict(truth)}")
        for name, states in seen.items()
        if dict(states) != dict(truth)
    ]
