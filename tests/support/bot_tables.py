"""A look into the bot's tables, past the bot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from neurocards.adapters.postgres.statements import parse

_STATEMENTS = parse(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


class BotTables:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add_template(self, template_id: str, names: Mapping[str, str]) -> None:
        """Add a template that stands first in the menu."""
        await self._pool.execute(_STATEMENTS["add_template"].sql, template_id, dict(names))

    async def jobs(self) -> list[asyncpg.Record]:
        return list(await self._pool.fetch(_STATEMENTS["jobs"].sql))

    async def count(self, what: str) -> int:
        """Count `users`, `drafts`, `updates` or `charges`."""
        return int(await self._pool.fetchval(_STATEMENTS[f"count_{what}"].sql))

    async def balance(self, tg_user_id: int) -> int:
        return int(await self._pool.fetchval(_STATEMENTS["balance"].sql, tg_user_id))
