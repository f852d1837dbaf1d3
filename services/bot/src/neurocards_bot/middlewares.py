"""What happens around every handler of a dialogue, from the outside in.

Private chats only -> photo inspected (no lock is held while bytes travel) -> dialogue locked ->
update applied once -> user known -> handler. The confirm button goes past all of it: its one
statement does the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, Bot
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.enums import ChatType
from aiogram.types import Chat, Message, TelegramObject, Update
from aiogram.types import User as TelegramUser

from neurocards.domain.orders import INTERFACE_LANGUAGES
from neurocards.ports.orders import DialogueKey, DialogueStore, OrderStore
from neurocards_bot.accounts import Accounts
from neurocards_bot.dialogue import Conversation
from neurocards_bot.photos import Photo, PhotoIntake, photo_of

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]

DEFAULT_LANGUAGE = "ru"


class PrivateOnly(BaseMiddleware):
    """Leaves groups and channels alone, before anything is fetched, locked or stored."""

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        chat: Chat | None = data.get("event_chat")
        if chat is None or chat.type != ChatType.PRIVATE:
            return UNHANDLED
        return await handler(event, data)


class InspectPhoto(BaseMiddleware):
    """Looks at the photo of a message before the dialogue is locked; gives `photo` to handlers."""

    def __init__(self, intake: PhotoIntake, dialogues: DialogueStore) -> None:
        self._intake = intake
        self._dialogues = dialogues

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        data["photo"] = None
        file = photo_of(event) if isinstance(event, Message) else None
        if isinstance(event, Message) and file is not None:
            bot: Bot = data["bot"]
            surplus = await self._is_surplus(bot, event)
            fault = None if surplus else await self._intake.fault_of(bot, file)
            data["photo"] = Photo(file.file_id, fault=fault, surplus=surplus)
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

    def __init__(self, orders: OrderStore, on_duplicate: Callable[[], None]) -> None:
        self._orders = orders
        self._on_duplicate = on_duplicate

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        bot: Bot = data["bot"]
        update: Update = data["event_update"]
        if await self._orders.was_applied(bot.id, update.update_id):
            self._on_duplicate()
            return None
        result = await handler(event, data)
        await self._orders.mark_applied(bot.id, update.update_id)
        return result


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


def language_of(sender: TelegramUser) -> str:
    """Take the language of the sender's Telegram where we speak it."""
    code = (sender.language_code or DEFAULT_LANGUAGE).partition("-")[0].lower()
    return code if code in INTERFACE_LANGUAGES else DEFAULT_LANGUAGE
