"""Whether PostgreSQL answers and holds the views that this program reads."""

from __future__ import annotations

from neurocards.adapters.postgres import Database, JobReports

SCHEMA_NEEDED = 5
"""The migration that made the views of scaling."""


class SchemaBehindError(Exception):
    """The schema is older than this program; `neurocards migrate up` makes it fit."""


class SchemaCheck:
    """A schema that fits goes on fitting: it only grows, so it is compared until it does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reports = JobReports(database)
        self._fits = False

    async def reach(self) -> None:
        """Raise unless a connection of the pool can be had."""
        async with self._database.session():
            return

    async def run(self) -> None:
        if self._fits:
            return
        version = await self._reports.schema_version()
        if version < SCHEMA_NEEDED:
            raise SchemaBehindError(f"version {version}, and {SCHEMA_NEEDED} is needed")
        self._fits = True
