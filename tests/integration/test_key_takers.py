"""One key and a crowd of jobs over several workers: the window is kept, and nobody is parked."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from neurocards.adapters.postgres import Database, PostgresKeyStore
from neurocards.adapters.postgres.statements import load as product
from neurocards.domain.keys import AllBlocked, KeyTaken, parse_keys
from neurocards_worker.key_gate import KeyGate, KeyWindow, Turn
from neurocards_worker.moments import SystemMoments
from support.statements import load

WORKERS = 4
TAKERS_OF_EACH = 50
LIMIT = 20
WINDOW_S = 0.4
PATIENCE_S = 5.0
KEY = parse_keys({"KIE_API_KEY": "the only one"})


def _gate(database: Database) -> KeyGate:
    return KeyGate(
        PostgresKeyStore(database),
        KEY,
        window=KeyWindow(LIMIT, WINDOW_S, margin_s=1.0),
        wait_s_max=300.0,
        moments=SystemMoments(),
    )


async def test_two_hundred_takers_on_four_workers_pass_one_key_in_full_windows(
    database: Database, pool: asyncpg.Pool
):
    """The server's own clock says when each key was taken: never more than 20 within a window."""
    sql = load("keys")
    gates = [_gate(database) for _ in range(WORKERS)]
    await asyncio.gather(*(gate.register() for gate in gates))
    await pool.execute(sql["make_table_of_takes"])
    await pool.execute(sql["keep_takes"])
    answers = await asyncio.gather(*(gate.take() for gate in gates for _ in range(TAKERS_OF_EACH)))
    assert all(isinstance(answer, Turn) for answer in answers)
    taken = [row["at"] for row in await pool.fetch(sql["times_of_takes"])]
    assert len(taken) == WORKERS * TAKERS_OF_EACH
    window = timedelta(seconds=WINDOW_S)
    pairs = zip(taken, taken[LIMIT:], strict=False)
    assert all(later - earlier >= window for earlier, later in pairs)


async def test_takers_of_different_accounts_do_not_wait_for_each_other(
    database: Database, pool: asyncpg.Pool
):
    """While one take is not committed yet, the next taker gets the other account's key at once."""
    keys = parse_keys({"KIE_API_KEY": "one,another"})
    store = PostgresKeyStore(database)
    await store.register(keys)
    take = product("keys")["take_free_key"].sql
    fingerprints = [key.fingerprint for key in keys]
    async with pool.acquire() as first, first.transaction():
        one = await first.fetchval(take, fingerprints, WINDOW_S, LIMIT)
        async with asyncio.timeout(PATIENCE_S):
            other = await store.take(fingerprints, window_s=WINDOW_S, limit=LIMIT)
    assert isinstance(other, KeyTaken)
    assert {one, other.fingerprint} == {key.fingerprint for key in keys}


async def test_a_block_that_is_set_while_the_key_is_taken_is_not_undone(
    database: Database, pool: asyncpg.Pool
):
    """What is blocked between a taker's look and its booking stays blocked, and is not taken."""
    store = PostgresKeyStore(database)
    await store.register(KEY)
    (fingerprint,) = (key.fingerprint for key in KEY)
    block = product("keys")["block_key"].sql
    async with pool.acquire() as other, other.transaction():
        await other.execute(block, fingerprint, 3600.0, "billing", False)
        taking = asyncio.create_task(store.take([fingerprint], window_s=WINDOW_S, limit=LIMIT))
        # Long enough to have looked; the block is not committed yet.
        await asyncio.sleep(0.3)
    assert isinstance(await taking, AllBlocked)
    states = await store.states([fingerprint])
    assert states[fingerprint] == "billing"
