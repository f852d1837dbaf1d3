"""aiogram's dialogue state and per-chat isolation over the DialogueStore.

With both in PostgreSQL any replica can go on with any dialogue, and one handler at a time is in
it, wherever the updates arrive. Keys are aiogram's; None becomes the store's neutral value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseEventIsolation, BaseStorage, StateType, StorageKey

from neurocards.domain.buttons import id_from_short, short_id
from neurocards.ports.orders import DialogueKey, DialogueStore


def dialogue_key(key: StorageKey) -> DialogueKey:
    return DialogueKey(
        bot_id=key.bot_id,
        chat_id=key.chat_id,
        user_id=key.user_id,
        thread_id=key.thread_id or 0,
        business_connection_id=key.business_connection_id or "",
        destiny=key.destiny,
    )


class DialogueStorage(BaseStorage):
    def __init__(self, store: DialogueStore) -> None:
        self._store = store

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        name = state.state if isinstance(state, State) else state
        await self._store.set_state(dialogue_key(key), name)

    async def get_state(self, key: StorageKey) -> str | None:
        return await self._store.state(dialogue_key(key))

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        await self._store.set_data(dialogue_key(key), data)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        return dict(await self._store.data(dialogue_key(key)))

    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]:
        """Merge in the store; aiogram would read, change and write back."""
        return dict(await self._store.update_data(dialogue_key(key), data))

    async def close(self) -> None:
        """Leave the store open: it belongs to the composition root."""


class DialogueIsolation(BaseEventIsolation):
    def __init__(self, store: DialogueStore) -> None:
        self._store = store

    @asynccontextmanager
    async def lock(self, key: StorageKey) -> AsyncGenerator[None, None]:
        """Hold the dialogue; StoreUnavailableError when another handler keeps it too long."""
        async with self._store.lock(dialogue_key(key)):
            yield

    async def close(self) -> None:
        """Leave the store open: it belongs to the composition root."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the bot remembers of a dialogue between two updates.

    `draft_id` and `menu_message_id`: the newest open order, which a text message describes.
    `album_id`: the album of which one photo was taken, `album_told` whether the user knows it.
    `refused_album_id`: the album of which one item was refused; the others are not commented on.
    """

    draft_id: UUID | None = None
    menu_message_id: int | None = None
    album_id: str | None = None
    album_told: bool = False
    refused_album_id: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, object]) -> Conversation:
        """Read it; what cannot be read counts as not said."""
        draft, menu, album = (data.get(name) for name in ("draft", "menu", "album"))
        refused = data.get("refused_album")
        try:
            draft_id = id_from_short(draft) if isinstance(draft, str) else None
        except ValueError:
            draft_id = None
        return cls(
            draft_id=draft_id,
            menu_message_id=menu if isinstance(menu, int) else None,
            album_id=album if isinstance(album, str) else None,
            album_told=data.get("album_told") is True,
            refused_album_id=refused if isinstance(refused, str) else None,
        )


async def conversation(state: FSMContext) -> Conversation:
    return Conversation.of(await state.get_data())


async def remember_order(
    state: FSMContext, *, draft_id: UUID, menu_message_id: int, album_id: str | None
) -> None:
    await state.update_data(
        draft=short_id(draft_id), menu=menu_message_id, album=album_id, album_told=False
    )


async def forget_order(state: FSMContext) -> None:
    """Keep the album: its other photos may still be on their way."""
    await state.update_data(draft=None, menu=None)


async def is_first_refusal(state: FSMContext, album_id: str | None) -> bool:
    """Tell whether to comment on an unusable item: of an album only on the first one."""
    if album_id is None:
        return True
    if (await conversation(state)).refused_album_id == album_id:
        return False
    await state.update_data(refused_album=album_id)
    return True
