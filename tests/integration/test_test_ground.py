"""The ground that other tests stand on."""

from __future__ import annotations

import asyncpg
import nats

from support.statements import load


async def test_every_test_has_a_migrated_database_of_its_own(pool: asyncpg.Pool):
    assert await pool.fetchval(load("world")["count_jobs"]) == 0
    await pool.execute(load("world")["add_user"], 1)


async def test_what_another_test_wrote_is_not_there(pool: asyncpg.Pool):
    assert await pool.fetchval(load("world")["count_users"]) == 0


async def test_every_test_finds_nats_without_a_stream(nats_url: str):
    connection = await nats.connect(nats_url)
    assert await connection.jetstream().streams_info() == []
    await connection.jetstream().add_stream(name="LEFT", subjects=["left"])
    await connection.close()


async def test_a_stream_of_another_test_is_gone(nats_url: str):
    connection = await nats.connect(nats_url)
    assert await connection.jetstream().streams_info() == []
    await connection.close()
