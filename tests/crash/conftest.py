"""One world for all points of a module; NEUROCARDS_TEST_CRASH=all visits every one of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import nats
import pytest
import pytest_asyncio

from support.crash_bot_world import CrashBotWorld, crash_bot_world
from support.crash_world import CrashWorld, crash_world
from support.statements import load


class Postgres(Protocol):
    def url(self, database: str = "postgres") -> str: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `point` its values: all of the module's POINTS, or its SAMPLE."""
    if "point" not in metafunc.fixturenames:
        return
    wanted = os.environ.get("NEUROCARDS_TEST_CRASH", "sample")
    assert wanted in {"all", "sample"}, f"NEUROCARDS_TEST_CRASH={wanted} is unknown"
    module: Any = metafunc.module
    points = module.POINTS if wanted == "all" else module.SAMPLE
    metafunc.parametrize("point", [_parameter(point) for point in points])


def _parameter(point: str | tuple[str, str]) -> Any:
    """Keep the points of one world together: to build it anew for each would cost more."""
    world, name = ("worker", point) if isinstance(point, str) else (point[0], " ".join(point))
    return pytest.param(point, id=name, marks=pytest.mark.xdist_group(f"crash-{world}"))


@pytest.fixture(scope="module")
def new_database(postgres_server: Postgres, template_database: str) -> Databases:
    return Databases(postgres_server, template_database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crash(
    tmp_path_factory: pytest.TempPathFactory, new_database: Databases, nats_server: Any
) -> AsyncIterator[CrashWorld]:
    folder: Path = tmp_path_factory.mktemp("crash")
    async with new_database.named("crash_worker") as url:
        await _without_streams(nats_server.url)
        async with crash_world(folder, database_url=url, nats_url=nats_server.url) as crash:
            yield crash


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crash_bots(
    tmp_path_factory: pytest.TempPathFactory, new_database: Databases, nats_server: Any
) -> AsyncIterator[Callable[[str], Awaitable[CrashBotWorld]]]:
    """Give the world of a mode; there is one at a time, and it is kept while it is asked for."""
    async with AsyncExitStack() as stack:
        current: dict[str, CrashBotWorld] = {}

        async def of(mode: str) -> CrashBotWorld:
            if mode not in current:
                await stack.aclose()
                current.clear()
                url = await stack.enter_async_context(new_database.named(f"crash_{mode}"))
                await _without_streams(nats_server.url)
                world = crash_bot_world(
                    tmp_path_factory.mktemp(mode),
                    mode=mode,
                    database_url=url,
                    nats_url=nats_server.url,
                )
                current[mode] = await stack.enter_async_context(world)
            return current[mode]

        yield of


class Databases:
    """Makes migrated databases that are dropped afterwards."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template

    @asynccontextmanager
    async def named(self, name: str) -> AsyncIterator[str]:
        await self._run("copy", name)
        yield self._server.url(name)
        await self._run("drop", name)

    async def _run(self, what: str, name: str) -> None:
        statement = load("databases")[what].replace(":name", name)
        connection = await asyncpg.connect(self._server.url())
        try:
            await connection.execute(statement.replace(":template", self._template))
        finally:
            await connection.close()


async def _without_streams(nats_url: str) -> None:
    connection = await nats.connect(nats_url)
    jetstream = connection.jetstream()
    for stream in await jetstream.streams_info():
        if stream.config.name is not None:
            await jetstream.delete_stream(stream.config.name)
    await connection.close()
