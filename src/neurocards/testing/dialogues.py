"""DialogueStore in memory; its lock waits for no clock, so a test that blocks it hangs itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from neurocards.ports.orders import DialogueKey
from neurocards.testing.database import DialogueRecord, MemoryDatabase


class MemoryDialogueStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def state(self, key: DialogueKey) -> str | None:
        return self._of(key).state

    async def set_state(self, key: DialogueKey, state: str | None) -> None:
        self._touched(key).state = state

    async def data(self, key: DialogueKey) -> Mapping[str, object]:
        return dict(self._of(key).data)

    async def set_data(self, key: DialogueKey, data: Mapping[str, object]) -> None:
        self._touched(key).data = dict(data)

    async def update_data(
        self, key: DialogueKey, data: Mapping[str, object]
    ) -> Mapping[str, object]:
        self._touched(key).data |= data
        return await self.data(key)

    @asynccontextmanager
    async def lock(self, key: DialogueKey) -> AsyncIterator[None]:
        async with self._of(key).lock:
            yield

    def _of(self, key: DialogueKey) -> DialogueRecord:
        now = self._database.clock.now()
        return self._database.dialogues.setdefault(key, DialogueRecord(now))

    def _touched(self, key: DialogueKey) -> DialogueRecord:
        dialogue = self._of(key)
        dialogue.touched_at = self._database.clock.now()
        return dialogue
