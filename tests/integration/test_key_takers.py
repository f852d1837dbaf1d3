"""One key and a crowd of jobs over several workers: the window is kept, and nobody is parked."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from neurocards.adapters.postgres import Database, PostgresKeyStore
from neurocards.domain.keys import ProviderKey, parse_keys
from neurocards_worker.key_gate import KeyGate, KeyWindow
from neurocards_worker.moments import SystemMoments
from support.statements import load

WORKERS = 4
TAKERS_OF_EACH = 50
LIMIT = 20
WINDOW_S = 0.4
KEY = parse_keys({"KIE_API_KEY": "the only one"})


def _gate(database: Database) -> KeyGate:
    return KeyGate(
        PostgresKeyStore(database),
        KEY,
        window=KeyWindow(LIMIT, WINDOW_S),
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
    assert all(isinstance(answer, ProviderKey) for answer in answers)
    taken = [row["at"] for row in await pool.fetch(sql["times_of_takes"])]
    assert len(taken) == WORKERS * TAKERS_OF_EACH
    window = timedelta(seconds=WINDOW_S)
    pairs = zip(taken, taken[LIMIT:], strict=False)
    assert all(later - earlier >= window for earlier, later in pairs)
