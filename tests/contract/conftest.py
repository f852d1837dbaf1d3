"""The worlds that the contract suites run on: in memory, and on a PostgreSQL of its own."""

from __future__ import annotations

import asyncpg
import pytest

from neurocards.adapters.postgres import Database
from neurocards.testing.world import TEMPLATES, MemoryWorld, World
from support.postgres_world import PostgresWorld
from support.statements import load


@pytest.fixture
async def postgres_world(database: Database, pool: asyncpg.Pool) -> World:
    statements = load("world")
    await pool.execute(statements["forget_templates"])
    await pool.executemany(
        statements["add_template"],
        [(t.id, t.position, dict(t.names), dict(t.prompts)) for t in TEMPLATES],
    )
    return PostgresWorld(database, pool)


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return MemoryWorld()
    world: World = request.getfixturevalue("postgres_world")
    return world
