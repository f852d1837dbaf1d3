"""The pool of connections, with a name on every statement and a limit on every wait.

Invariants: only errors of `neurocards.errors` leave it for what can happen in operation; a pool
without a free connection answers with an error within `acquire_timeout_s`; no session carries a
state from one user of a connection to the next, which is why none has to be reset; what ends a
transaction, a cancellation above all, is what leaves it, whatever becomes of its connection.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from neurocards.adapters.postgres.statements import Statement
from neurocards.errors import StoreUnavailableError
from neurocards.settings import Database as DatabaseSettings

IDLE_S_MAX = 30.0
QueryObserver = Callable[[str, float], None]
"""Called with the name of a statement and the seconds that it took."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    OSError,
    TimeoutError,
)
# asyncpg's own InterfaceError is a bug of the caller, but for these words.
_CONNECTION_IS_GONE = ("connection is closed", "pool is clos", "connection was closed")
_SAID_ITS_LAST_WORD = "cannot switch to state"


class Session:
    """Statements on one connection, in the transaction that is open on it."""

    def __init__(
        self, connection: asyncpg.pool.PoolConnectionProxy, observe: QueryObserver | None
    ) -> None:
        self._connection = connection
        self._observe = observe

    async def rows(self, statement: Statement, *values: Any) -> list[asyncpg.Record]:
        with _timed(statement, self._observe), _translated():
            return await self._connection.fetch(statement.sql, *values)

    async def row(self, statement: Statement, *values: Any) -> asyncpg.Record | None:
        with _timed(statement, self._observe), _translated():
            return await self._connection.fetchrow(statement.sql, *values)

    async def value(self, statement: Statement, *values: Any) -> Any:
        with _timed(statement, self._observe), _translated():
            return await self._connection.fetchval(statement.sql, *values)

    async def execute(self, statement: Statement, *values: Any) -> int:
        """Run it and tell how many rows it touched."""
        with _timed(statement, self._observe), _translated():
            tag = await self._connection.execute(statement.sql, *values)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class Database:
    """A pool whose users name their statements; one statement is one transaction by default."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        acquire_timeout_s: float = 5.0,
        observe: QueryObserver | None = None,
    ) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s
        self._observe = observe

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a connection; each statement on it commits by itself."""
        with _translated("no free connection to PostgreSQL"):
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        try:
            yield Session(connection, self._observe)
        except BaseException:
            with suppress(Exception):
                await self._pool.release(connection)
            raise
        with _translated():
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Lend a connection with an open transaction; an exception rolls it back."""
        async with self.session() as session:
            transaction = session._connection.transaction()  # noqa: SLF001 - two halves of one thing
            with _translated():
                await transaction.start()
            try:
                yield session
            except BaseException:
                # A connection that is gone has nothing to roll back, and must not hide the reason.
                with suppress(Exception):
                    await transaction.rollback()
                raise
            with _translated():
                await transaction.commit()

    async def rows(self, statement: Statement, *values: Any) -> Sequence[asyncpg.Record]:
        async with self.session() as session:
            return await session.rows(statement, *values)

    async def row(self, statement: Statement, *values: Any) -> asyncpg.Record | None:
        async with self.session() as session:
            return await session.row(statement, *values)

    async def value(self, statement: Statement, *values: Any) -> Any:
        async with self.session() as session:
            return await session.value(statement, *values)

    async def execute(self, statement: Statement, *values: Any) -> int:
        async with self.session() as session:
            return await session.execute(statement, *values)

    def connections(self) -> tuple[int, int]:
        """Tell how many connections are in use and how many wait idle."""
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle


@asynccontextmanager
async def open_database(
    settings: DatabaseSettings,
    *,
    application_name: str,
    observe: QueryObserver | None = None,
    size: int | None = None,
    lock_timeout_s: float | None = None,
) -> AsyncIterator[Database]:
    """Open a pool; it connects when it is used, so a process starts while PostgreSQL is away.

    `size` replaces the configured number of connections, for a pool with a task of its own.
    """
    pool = asyncpg.create_pool(
        settings.dsn,
        min_size=0,
        max_size=size or settings.pool_size + settings.pool_overflow,
        max_inactive_connection_lifetime=IDLE_S_MAX,
        timeout=settings.connect_timeout_s,
        command_timeout=settings.statement_timeout_s,
        statement_cache_size=settings.statement_cache_size,
        server_settings=_server_settings(settings, application_name, lock_timeout_s),
        init=set_codecs,
        reset=_leave_as_it_is,
    )
    async with pool:
        try:
            yield Database(pool, acquire_timeout_s=settings.acquire_timeout_s, observe=observe)
        finally:
            # A connection that is still lent out after that belongs to a handler that hangs.
            try:
                await asyncio.wait_for(pool.close(), timeout=settings.acquire_timeout_s)
            except TimeoutError:
                pool.terminate()


async def set_codecs(connection: Any) -> None:
    """Let jsonb be Python's own values."""
    await connection.set_type_codec(
        "jsonb", encoder=_to_json, decoder=json.loads, schema="pg_catalog"
    )


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def _leave_as_it_is(_connection: Any) -> None:
    """Spare the round trip: nothing here changes a session, and asyncpg ends a transaction."""


def _server_settings(
    settings: DatabaseSettings, application_name: str, lock_timeout_s: float | None
) -> dict[str, str]:
    server_settings = {"application_name": application_name}
    if settings.statement_cache_size:
        # Poolers, for which the cache is switched off, refuse further settings at the start.
        milliseconds = str(int(settings.statement_timeout_s * 1000))
        server_settings["statement_timeout"] = milliseconds
        server_settings["idle_in_transaction_session_timeout"] = "60000"
        if lock_timeout_s is not None:
            server_settings["lock_timeout"] = str(int(lock_timeout_s * 1000))
    return server_settings


@contextmanager
def _timed(statement: Statement, observe: QueryObserver | None) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        if observe is not None:
            observe(statement.name, time.perf_counter() - start)


@contextmanager
def _translated(what: str = "PostgreSQL is not available") -> Iterator[None]:
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailableError(f"{what}: {type(error).__name__}: {error}") from error
    except asyncpg.InterfaceError as error:
        if any(words in str(error) for words in _CONNECTION_IS_GONE):
            raise StoreUnavailableError(f"{what}: {error}") from error
        raise
    except asyncpg.InternalClientError as error:
        # The server has said its last word, and the end of the stream is not heard yet: the library
        # takes the new statement for one within another.
        if _SAID_ITS_LAST_WORD in str(error):
            raise StoreUnavailableError(f"{what}: {error}") from error
        raise
