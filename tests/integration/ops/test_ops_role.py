"""The role of whoever works by hand: it can do all of that work, and nothing beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from neurocards.adapters.postgres import Database
from neurocards.adapters.postgres.operations import Operations
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.testing.world import USER_ID, accepted
from support.operations_walk import walk_through_operations
from support.postgres_world import PostgresWorld
from support.statements import load

SQL = load("operations")
ROLE = "neurocards_ops"


@pytest.fixture
async def pool_of_role(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async def init(connection: asyncpg.Connection) -> None:
        await set_codecs(connection)
        await connection.execute(f"SET ROLE {ROLE}")

    async def keep(_connection: object) -> None:
        """A reset would take the role away."""

    async with asyncpg.create_pool(
        database_url, min_size=0, max_size=2, init=init, reset=keep
    ) as pool:
        yield pool


async def test_the_role_can_do_everything_by_hand(
    pool_of_role: asyncpg.Pool, database: Database, pool: asyncpg.Pool
):
    """Vacuuming too, from PostgreSQL 17 on, where that can be granted."""
    await accepted(PostgresWorld(database, pool))
    mine = Database(pool_of_role)
    await walk_through_operations(mine, tg_user_id=USER_ID)
    assert await Operations(mine, actor="x").tidy_up() > 10
    assert len(await pool.fetch(SQL["operations"])) == 8


@pytest.mark.parametrize("name", [name for name in SQL if name.startswith("ops_")])
async def test_what_the_role_does_not_need_it_may_not_do(pool_of_role: asyncpg.Pool, name: str):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool_of_role.execute(SQL[name])
