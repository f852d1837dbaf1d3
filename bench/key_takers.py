"""Takers of provider keys, a process of its own: `python -m bench.key_takers COMMAND FILE.json`.

take: through the product's own store, as fast as it goes, for some seconds.
bare: the least that a take could be, one UPDATE of one row, on bare asyncpg.
window: every taker asks once, with the provider's window. Prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from bench.figures import percentile
from bench.statements import product_statement, statement
from neurocards.adapters.postgres import PostgresKeyStore, open_database
from neurocards.domain.keys import AllBlocked, KeyTaken, ProviderKey, WindowFull, parse_keys
from neurocards.settings import Database

WINDOW_S = 0.005
LIMIT = 10_000
"""Never reached; what is remembered of a window stays about as long as it is in production."""
PATIENCE_S = 60.0
Settings = dict[str, Any]
Take = Callable[[], Awaitable[str]]


async def main(command: str, settings: Settings) -> dict[str, Any]:
    keys = _keys(settings["accounts"])
    fingerprints = [key.fingerprint for key in keys]
    async with asyncpg.create_pool(
        settings["database_url"], min_size=settings["takers"], max_size=settings["takers"]
    ) as pool:
        await pool.execute(statement("forget_keys"))
        if command == "bare":
            return await _bare(pool, settings, keys)
    stored = Database.model_validate(
        {
            "database_url": settings["database_url"],
            "DB_POOL_SIZE": settings["takers"],
            "NEUROCARDS_DB_CONNECT_TIMEOUT_S": PATIENCE_S,
            "NEUROCARDS_DB_ACQUIRE_TIMEOUT_S": PATIENCE_S,
            "NEUROCARDS_DB_STATEMENT_TIMEOUT_S": PATIENCE_S,
        }
    )
    async with open_database(stored, application_name="bench-keys") as database:
        store = PostgresKeyStore(database)
        await store.register(keys)
        window_s = settings.get("window_s", WINDOW_S)
        limit = settings.get("limit", LIMIT)

        async def take() -> str:
            answer = await store.take(fingerprints, window_s=window_s, limit=limit)
            return _ANSWERS[type(answer)]

        if command == "window":
            answers = Counter(await asyncio.gather(*(take() for _ in range(settings["takers"]))))
            return {name: answers[name] for name in _ANSWERS.values()}
        found = await _taken(take, settings)
        return {**found, **await _counts(settings["database_url"])}


_ANSWERS = {KeyTaken: "taken", WindowFull: "waiting", AllBlocked: "blocked"}


def _keys(accounts: int) -> tuple[ProviderKey, ...]:
    """Give one key for each account."""
    return parse_keys({f"KIE_API_KEY_{n}": f"bench-key-{n}" for n in range(1, accounts + 1)})


async def _bare(
    pool: asyncpg.Pool, settings: Settings, keys: tuple[ProviderKey, ...]
) -> dict[str, Any]:
    sql = statement("take_bare")
    fingerprints, accounts = [key.fingerprint for key in keys], [key.account for key in keys]
    await pool.execute(product_statement("keys", "register_keys"), fingerprints, accounts)
    turns = itertools.cycle(fingerprints)

    async def take() -> str:
        await pool.fetchval(sql, next(turns))
        return "taken"

    return await _taken(take, settings)


async def _taken(take: Take, settings: Settings) -> dict[str, Any]:
    """Let every taker take one key after the other until the time is over."""
    # Connections are opened and statements prepared on demand: before the time counts.
    warm_up = 2 * settings["takers"]
    await asyncio.gather(*(take() for _ in range(warm_up)))
    answers: Counter[str] = Counter()
    times_ms: list[float] = []
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    until = began + settings["seconds"]

    async def taker() -> None:
        while (asked := time.perf_counter()) < until:
            answers[await take()] += 1
            times_ms.append((time.perf_counter() - asked) * 1e3)

    async with asyncio.TaskGroup() as group:
        for _ in range(settings["takers"]):
            group.create_task(taker())
    took_s = time.perf_counter() - began
    return {
        **{name: answers[name] for name in _ANSWERS.values()},
        "warm_up": warm_up,
        "took_s": took_s,
        "p99_ms": round(percentile(times_ms, 0.99), 3),
    }


async def _counts(database_url: str) -> dict[str, int]:
    """Ask the database how often each key was taken."""
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(statement("key_counts"))
    finally:
        await connection.close()
    return dict(row or {})


if __name__ == "__main__":
    chosen = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    json.dump(uvloop.run(main(sys.argv[1], chosen)), sys.stdout)
