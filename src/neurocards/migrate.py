"""The schema's own runner: plain SQL files, applied once, in order, by one process at a time.

Files are `NNNN_name.up.sql` with a `NNNN_name.down.sql` beside it. Each runs in a transaction of
its own together with the note that it ran, unless its first line is `-- no-transaction`; then it
holds one statement that may be repeated (CREATE INDEX CONCURRENTLY IF NOT EXISTS and its like).

Invariants: what was applied never changes unseen (checksums), a schema newer than this program is
left alone, and nothing is ever undone but by `down`, which a person has to ask for.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

import asyncpg

from neurocards.adapters.postgres.statements import load
from neurocards.errors import NeurocardsError, StoreUnavailableError

NO_TRANSACTION = "-- no-transaction"
LOCK_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
OTHER_MIGRATOR_S_MAX = 900.0
WAIT_POLL_S = 0.2
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.(up|down)\.sql")
_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


class MigrationError(NeurocardsError):
    """The files and the database do not fit together; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    up_sql: str
    down_sql: str | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.up_sql.encode()).hexdigest()

    @property
    def title(self) -> str:
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    version: int
    name: str
    sha256: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the files and the database say, side by side."""

    migrations: tuple[Migration, ...]
    applied: Mapping[int, Applied]

    @property
    def pending(self) -> tuple[Migration, ...]:
        return tuple(m for m in self.migrations if m.version not in self.applied)

    @property
    def schema_version(self) -> int:
        return max(self.applied, default=0)

    @property
    def program_version(self) -> int:
        return max((m.version for m in self.migrations), default=0)

    @property
    def schema_is_newer(self) -> bool:
        return self.schema_version > self.program_version

    @property
    def faults(self) -> tuple[str, ...]:
        """Sentences about applied files that changed or went missing, and about gaps."""
        known = {m.version: m for m in self.migrations}
        faults = [
            f"{known[version].title} was changed after it had been applied: "
            "restore the file and write a new migration"
            for version, applied in self.applied.items()
            if version in known and known[version].sha256 != applied.sha256
        ]
        faults += [
            f"{applied.version:04d}_{applied.name} was applied, but its file is missing"
            for version, applied in self.applied.items()
            if version not in known and version <= self.program_version
        ]
        faults += [
            f"{m.title} was not applied, but a later one was"
            for m in self.pending
            if m.version < self.schema_version
        ]
        return tuple(faults)


def migrations_folder() -> Path:
    """Find the files: beside this module in a wheel, at the top of the repository otherwise."""
    packaged = Path(str(resources.files("neurocards") / "migrations"))
    if packaged.is_dir():
        return packaged
    repository = Path(__file__).parents[2] / "migrations"
    if repository.is_dir():
        return repository
    raise MigrationError(f"no migrations in {packaged} nor in {repository}")


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """Read the files in order; MigrationError for names that say nothing or the same twice."""
    texts: dict[tuple[int, str], dict[str, str]] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_name.up.sql or NNNN_name.down.sql")
        version, name, direction = int(match[1]), match[2], match[3]
        texts.setdefault((version, name), {})[direction] = path.read_text(encoding="utf-8")
    versions = [version for version, _ in texts]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(f"the numbers of the migrations in {folder} have a gap or a double")
    missing = [name for (_, name), files in texts.items() if "up" not in files]
    if missing:
        raise MigrationError(f"no .up.sql for {', '.join(missing)}")
    return tuple(
        Migration(version, name, files["up"], files.get("down"))
        for (version, name), files in texts.items()
    )


class Migrator:
    """Compares and applies; every call opens a connection of its own."""

    def __init__(self, dsn: str, migrations: Sequence[Migration]) -> None:
        self._dsn = dsn
        self._migrations = tuple(migrations)
        self._statements = load("migrations")

    async def compare(self) -> Comparison:
        async with self._connection() as connection:
            return await self._compare(connection)

    async def up(self, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> tuple[Comparison, list[str]]:
        """Apply what is pending; give the state before and the titles of what was applied.

        A newer schema is left as it is. MigrationError when an applied file was changed.
        """
        async with self._locked(lock_timeout_s) as connection:
            await connection.execute(self._statements["create_migrations_table"].sql)
            before = await self._compare(connection)
            if before.schema_is_newer:
                return before, []
            _require_no_faults(before)
            for migration in before.pending:
                await self._apply(connection, migration)
            await self._ensure_partitions(connection)
            return before, [migration.title for migration in before.pending]

    async def down(self, to: int, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> list[str]:
        """Undo everything above version `to`, newest first; give the titles of what was undone."""
        async with self._locked(lock_timeout_s) as connection:
            state = await self._compare(connection)
            if state.schema_is_newer:
                raise MigrationError("the schema is newer than this program: use the newer one")
            _require_no_faults(state)
            above = [m for m in state.migrations if m.version > to and m.version in state.applied]
            for migration in reversed(above):
                await self._undo(connection, migration)
            return [migration.title for migration in reversed(above)]

    async def wait(self, at_least: int, *, timeout_s: float) -> int:
        """Wait until the schema has reached a version; give the one that it has.

        StoreUnavailableError when it has not in time, with what was seen last.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                version = (await self.compare()).schema_version
                seen = f"the schema is at version {version}"
            except StoreUnavailableError as error:
                version, seen = -1, str(error)
            if version >= at_least:
                return version
            if time.monotonic() >= deadline:
                raise StoreUnavailableError(
                    f"waited {timeout_s:g} s for version {at_least}: {seen}"
                )
            await asyncio.sleep(min(WAIT_POLL_S, max(0.0, deadline - time.monotonic())))

    async def _compare(self, connection: asyncpg.Connection) -> Comparison:
        rows: Sequence[asyncpg.Record] = ()
        if await connection.fetchval(self._statements["has_migrations_table"].sql):
            rows = await connection.fetch(self._statements["applied_migrations"].sql)
        applied = {row["version"]: Applied(**dict(row)) for row in rows}
        return Comparison(self._migrations, applied)

    async def _apply(self, connection: asyncpg.Connection, migration: Migration) -> None:
        note = (migration.version, migration.name, migration.sha256)
        record = self._statements["record_migration"].sql
        await _run(connection, migration.title, migration.up_sql, record, note)

    async def _undo(self, connection: asyncpg.Connection, migration: Migration) -> None:
        if migration.down_sql is None:
            raise MigrationError(f"{migration.title} has no .down.sql")
        forget = self._statements["forget_migration"].sql
        await _run(connection, migration.title, migration.down_sql, forget, (migration.version,))

    async def _ensure_partitions(self, connection: asyncpg.Connection) -> None:
        if await connection.fetchval(self._statements["has_partitions_function"].sql):
            await connection.fetchval(load("outbox")["ensure_partitions"].sql)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_TIMEOUT_S,
                server_settings={"application_name": "neurocards-migrate"},
            )
        except _UNREACHABLE as error:
            raise StoreUnavailableError(f"PostgreSQL cannot be reached: {error}") from error
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def _locked(self, lock_timeout_s: float) -> AsyncIterator[asyncpg.Connection]:
        """One migrator at a time; MigrationError when another one does not come to an end."""
        async with self._connection() as connection:
            deadline = time.monotonic() + OTHER_MIGRATOR_S_MAX
            while not await connection.fetchval(self._statements["try_to_lock_migrations"].sql):
                if time.monotonic() >= deadline:
                    raise MigrationError("another migration has been running for too long")
                await asyncio.sleep(WAIT_POLL_S)
            try:
                milliseconds = str(int(lock_timeout_s * 1000))
                await connection.fetchval(self._statements["limit_lock_waits"].sql, milliseconds)
                yield connection
            finally:
                await connection.execute(self._statements["unlock_migrations"].sql)


async def _run(
    connection: asyncpg.Connection, title: str, sql: str, note: str, values: tuple[object, ...]
) -> None:
    try:
        if sql.lstrip().startswith(NO_TRANSACTION):
            await connection.execute(sql)
            await connection.execute(note, *values)
            return
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(note, *values)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{title} failed and is not applied: {error}") from error


def _require_no_faults(comparison: Comparison) -> None:
    if comparison.faults:
        raise MigrationError("\n".join(comparison.faults))
