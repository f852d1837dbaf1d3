"""What happens around every handler of a dialogue, from the outside in.

Private chats only -> photo inspected (no lock is held while bytes travel) -> dialogue locked ->
update let in, once and within its sender's limit -> user known -> handler. A photo is let in
before it is fetched as well. The confirm button goes past all of it: its one statement does the
same, and what it costs limits it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aiogram import BaseMiddleware, Bot
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.enums import ChatType
from aiogram.types import Chat, Message, TelegramObject, Update
from aiogram.types import User as TelegramUser

from neurocards.domain.inbound import PHOTO_COST, UPDATE_COST
from neurocards.ports.orders import DialogueKey, DialogueStore, OrderStore
from neurocards_bot.accounts import Accounts
from neurocards_bot.admission import Door, Handler
from neurocards_bot.dialogue import Conversation
from neurocards_bot.languages import language_of
from neurocards_bot.photos import Photo, PhotoFile, PhotoIntake, photo_of


class PrivateOnly(BaseMiddleware):
    """Leaves groups and channels alone, before anything is fetched, locked or stored."""

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        chat: Chat | None = data.get("event_chat")
        if chat is None or chat.type != ChatType.PRIVATE:
            return UNHANDLED
        return await handler(event, data)


class InspectPhoto(BaseMiddleware):
    """Looks at the photo of a message before the dialogue is locked; gives `photo` to handlers."""

    def __init__(self, intake: PhotoIntake, dialogues: DialogueStore, door: Door) -> None:
        self._intake = intake
        self._dialogues = dialogues
        self._door = door

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        data["photo"] = None
        file = photo_of(event) if isinstance(event, Message) else None
        if not isinstance(event, Message) or file is None:
            return await handler(event, data)
        if await self._is_surplus(data["bot"], event):
            data["photo"] = Photo(file.file_id, surplus=True)
            return await handler(event, data)
        inspected = partial(self._inspected, handler, file)
        return await self._door.let_in(inspected, event, data, cost=PHOTO_COST)

    async def _inspected(
        self, handler: Handler, file: PhotoFile, event: TelegramObject, data: dict[str, Any]
    ) -> Any:
        fault = await self._intake.fault_of(data["bot"], file)
        data["photo"] = Photo(file.file_id, fault=fault)
        return await handler(event, data)

    async def _is_surplus(self, bot: Bot, message: Message) -> bool:
        """Tell whether another photo of this album is already being made a video of."""
        if message.media_group_id is None or message.from_user is None:
            return False
        key = DialogueKey(bot.id, message.chat.id, message.from_user.id)
        said = Conversation.of(await self._dialogues.data(key))
        return said.album_id == message.media_group_id


class ApplyOnce(BaseMiddleware):
    """Carries an update out once, whatever comes twice; runs under the dialogue's lock."""

    def __init__(self, orders: OrderStore, door: Door) -> None:
        self._orders = orders
        self._door = door

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        return await self._door.let_in(
            partial(self._applied, handler), event, data, cost=_cost(data.get("photo"))
        )

    async def _applied(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        bot: Bot = data["bot"]
        update: Update = data["event_update"]
        result = await handler(event, data)
        await self._orders.mark_applied(bot.id, update.update_id)
        return result


def _cost(photo: Photo | None) -> int:
    return UPDATE_COST if photo is None or photo.surplus else PHOTO_COST


class KnownUser(BaseMiddleware):
    """Gives `user` to handlers; whoever writes first is welcomed, with or without /start."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        sender: TelegramUser | None = data.get("event_from_user")
        if sender is None or sender.is_bot:
            return None
        bot: Bot = data["bot"]
        data["user"] = await self._accounts.known(
            sender.id, bot_id=bot.id, language=language_of(sender)
        )
        return await handler(event, data)
