"""Real servers for the tests and a database of its own for each of them (see tests/README.md).

`NEUROCARDS_TEST_BACKEND` says where the servers come from: `embedded` (default: the wheels, no
installation needed) or `containers` (testcontainers, needs Docker). Every pytest-xdist worker has
servers of its own, so workers never meet.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import nats
import pytest
import pytest_socket

from neurocards.adapters.postgres.pool import Database, open_database, set_codecs
from neurocards.migrate import Migrator, read_migrations
from neurocards.settings import Database as DatabaseSettings
from neurocards_sandbox.embedded import NatsServer, PostgresServer
from support.statements import load

ROOT = Path(__file__).parents[1]
TEMPLATE_DATABASE = "neurocards_template"
# Nothing is worth keeping over a crash of the machine; a killed server still loses nothing.
POSTGRES_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
_numbers = itertools.count(1)
_asyncio_sleep = asyncio.sleep


class Server(Protocol):
    """What the tests may do to a server."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def restart(self) -> None: ...
    async def kill(self) -> None: ...


class Postgres(Server, Protocol):
    def url(self, database: str = "postgres") -> str: ...


class Nats(Server, Protocol):
    @property
    def url(self) -> str: ...
    async def wipe(self) -> None: ...


def _containers_wanted() -> bool:
    backend = os.environ.get("NEUROCARDS_TEST_BACKEND", "embedded")
    assert backend in {"embedded", "containers"}, f"NEUROCARDS_TEST_BACKEND={backend} is unknown"
    return backend == "containers"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the collector what is imported here for good: aiogram alone is 75 ms of every pass."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Unit tests open no socket but asyncio's own pair, and do not wait for the clock."""
    if not {ROOT / "tests" / name for name in ("unit", "properties")} & set(request.path.parents):
        yield
        return

    def refuse(_seconds: float) -> None:
        pytest.fail("a unit test does not sleep: hand a FakeClock in")

    async def refuse_tests(delay: float, result: object = None) -> object:
        # The loops of the product have paces of their own; a test has none.
        caller = sys._getframe(1).f_code.co_filename
        if delay > 0 and "/tests/" in caller:
            refuse(delay)
        return await _asyncio_sleep(delay, result)

    monkeypatch.setattr(time, "sleep", refuse)
    monkeypatch.setattr(asyncio, "sleep", refuse_tests)
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL 18 for the session; a test that stops or kills it starts it again."""
    if _containers_wanted():
        # Imported where it is used: Docker's client is a fifth of a second of every other run.
        from support.containers import PostgresContainer  # noqa: PLC0415

        container = PostgresContainer(POSTGRES_SETTINGS)
        asyncio.run(container.start())
        yield container
        container.remove()
        return
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), settings=POSTGRES_SETTINGS)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """NATS with JetStream for the session; a test that stops or kills it starts it again."""
    if _containers_wanted():
        from support.containers import NatsContainer  # noqa: PLC0415

        container = NatsContainer()
        asyncio.run(container.start())
        yield container
        container.remove()
        return
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def template_database(postgres_server: Postgres) -> str:
    """The name of a migrated database that others are copied from; nobody connects to it."""

    async def make() -> None:
        await _on_databases(postgres_server, "create", name=TEMPLATE_DATABASE)
        migrations = read_migrations(ROOT / "migrations")
        await Migrator(postgres_server.url(TEMPLATE_DATABASE), migrations).up()

    asyncio.run(make())
    return TEMPLATE_DATABASE


@pytest.fixture
async def empty_database_url(postgres_server: Postgres) -> AsyncIterator[str]:
    """A database without a schema."""
    name = f"test_{next(_numbers)}"
    await _on_databases(postgres_server, "create", name=name)
    yield postgres_server.url(name)
    await _on_databases(postgres_server, "drop", name=name)


@pytest.fixture
async def database_url(postgres_server: Postgres, template_database: str) -> AsyncIterator[str]:
    """A freshly migrated database for this test alone."""
    name = f"test_{next(_numbers)}"
    await _on_databases(postgres_server, "copy", name=name, template=template_database)
    yield postgres_server.url(name)
    await _on_databases(postgres_server, "drop", name=name)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on `database_url`, for statements of the test itself."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=30, init=set_codecs) as pool:
        yield pool


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The adapters' own pool on `database_url`: what the stores are made with."""
    settings = DatabaseSettings.model_validate(
        {
            "database_url": database_url,
            "DB_POOL_SIZE": 30,
            "NEUROCARDS_DB_CONNECT_TIMEOUT_S": 20,
            "NEUROCARDS_DB_ACQUIRE_TIMEOUT_S": 50,
            "NEUROCARDS_DB_STATEMENT_TIMEOUT_S": 60,
        }
    )
    async with open_database(settings, application_name="tests") as database:
        yield database


@pytest.fixture
async def nats_url(nats_server: Nats) -> str:
    """The session's NATS with no stream in it."""
    connection = await nats.connect(nats_server.url)
    jetstream = connection.jetstream()
    for stream in await jetstream.streams_info():
        if stream.config.name is not None:
            await jetstream.delete_stream(stream.config.name)
    await connection.close()
    return nats_server.url


async def _on_databases(server: Postgres, what: str, **names: str) -> None:
    statement = load("databases")[what]
    for placeholder, name in names.items():
        statement = statement.replace(f":{placeholder}", name)
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
