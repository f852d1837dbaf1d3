"""TemplateStore on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.records import template_of
from neurocards.adapters.postgres.statements import load
from neurocards.domain.orders import Template


class PostgresTemplateStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("templates")

    async def templates(self) -> Sequence[Template]:
        rows = await self._database.rows(self._statements["active_templates"])
        return tuple(template_of(row) for row in rows)

    async def template(self, template_id: str) -> Template | None:
        row = await self._database.row(self._statements["template"], template_id)
        return None if row is None else template_of(row)
