"""DialogueStore on PostgreSQL: any replica of the bot can go on with any dialogue.

The locks have a pool of their own. A handler that holds one needs a connection of the ordinary
pool as well; out of one pool, waiting dialogues could take all connections and none could go on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.ports.orders import DialogueKey

LOCK_TIMEOUT_S = 5.0


class PostgresDialogueStore:
    def __init__(self, database: Database, *, locks: Database) -> None:
        """`locks` is a pool of its own, opened with LOCK_TIMEOUT_S; its size bounds the steps.

        A step of a dialogue keeps its connection as long as it takes, calls of Telegram included.
        """
        self._database = database
        self._locks = locks
        self._statements = load("dialogues")

    async def state(self, key: DialogueKey) -> str | None:
        state = await self._database.value(self._statements["dialogue_state"], *key)
        return None if state is None else str(state)

    async def set_state(self, key: DialogueKey, state: str | None) -> None:
        await self._database.execute(self._statements["set_dialogue_state"], *key, state)

    async def data(self, key: DialogueKey) -> Mapping[str, object]:
        return dict(await self._database.value(self._statements["dialogue_data"], *key) or {})

    async def set_data(self, key: DialogueKey, data: Mapping[str, object]) -> None:
        await self._database.execute(self._statements["set_dialogue_data"], *key, dict(data))

    async def update_data(
        self, key: DialogueKey, data: Mapping[str, object]
    ) -> Mapping[str, object]:
        statement = self._statements["merge_dialogue_data"]
        return dict(await self._database.value(statement, *key, dict(data)))

    @asynccontextmanager
    async def lock(self, key: DialogueKey) -> AsyncIterator[None]:
        name = "dialogue:" + "|".join(str(part) for part in key)
        async with self._locks.transaction() as session:
            await session.row(self._statements["lock_dialogue"], name)
            yield
