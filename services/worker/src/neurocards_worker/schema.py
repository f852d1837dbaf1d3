"""Whether PostgreSQL answers and holds the schema that this program needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from neurocards.adapters.postgres import Database
from neurocards.migrate import Migrator, migrations_folder, read_migrations


class SchemaBehindError(Exception):
    """The schema is older than this program; `neurocards migrate up` makes it fit."""


class SchemaCheck:
    """A schema that fits goes on fitting: it only grows, so it is compared until it does."""

    def __init__(self, dsn: str) -> None:
        self._migrator = Migrator(dsn, read_migrations(migrations_folder()))
        self._fits = False

    async def run(self) -> None:
        if self._fits:
            return
        comparison = await self._migrator.compare()
        if comparison.pending:
            raise SchemaBehindError(f"{len(comparison.pending)} migrations are pending")
        self._fits = True

    def database(self, database: Database) -> Callable[[], Awaitable[None]]:
        """Give the check that a connection of the pool can be had."""

        async def check() -> None:
            async with database.session():
                return

        return check
