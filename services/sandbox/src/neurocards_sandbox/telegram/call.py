"""One API call: who calls, with what, and the checks that most methods share.

The checks come in the order of the production server (chat, then access, then message), so
that the same wrong call gets the same error.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.telegram.arguments import Arguments
from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.chats import Chat, Json, StoredMessage
from neurocards_sandbox.telegram.entities import FormattedText, format_text
from neurocards_sandbox.telegram.errors import bad_request, forbidden
from neurocards_sandbox.telegram.keyboards import ReplyMarkup
from neurocards_sandbox.telegram.world import World

TEXT_LENGTH_MAX = 4096
CAPTION_LENGTH_MAX = 1024


@dataclass(frozen=True, slots=True)
class Call:
    """What a method works with."""

    world: World
    bot: Bot
    arguments: Arguments

    def chat(self, name: str = "chat_id", *, write: bool = True) -> Chat:
        """The chat of an argument; raises 400 or 403 if the bot may not use it."""
        text = self.arguments.text(name).strip()
        if not text:
            raise bad_request(f"{name} is empty")
        chat = self._find_chat(text)
        if chat is None:
            raise bad_request("chat not found")
        if write:
            self._check_access(chat)
        return chat

    def _find_chat(self, text: str) -> Chat | None:
        if text.startswith("@"):
            wanted = text[1:].lower()
            return next(
                (
                    chat
                    for (bot_id, _), chat in self.world.chats.items()
                    if bot_id == self.bot.id and chat.facts.get("username", "").lower() == wanted
                ),
                None,
            )
        try:
            return self.world.chats.get((self.bot.id, int(text)))
        except ValueError:
            return None

    def _check_access(self, chat: Chat) -> None:
        if chat.migrated_to is not None:
            raise bad_request(
                "group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": chat.migrated_to},
            )
        if chat.is_private:
            user = self.world.users.get(chat.id)
            if user is not None and user.is_deactivated:
                raise forbidden("user is deactivated")
            if chat.bot_status == "kicked":
                raise forbidden("bot was blocked by the user")
        elif chat.bot_status == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        elif chat.bot_status == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")

    def message(
        self, chat: Chat, purpose: str = "message to edit", name: str = "message_id"
    ) -> StoredMessage:
        """Raises 400 `<purpose> not found`, or that no message was named."""
        message_id = self.arguments.integer(name)
        if message_id <= 0:
            raise bad_request("message identifier is not specified")
        message = chat.messages.get(message_id)
        if message is None:
            raise bad_request(f"{purpose} not found")
        return message

    def text(self, name: str = "text", entities: str = "entities") -> FormattedText:
        """A formatted text argument; raises 400 for text that is not UTF-8 or bad markup."""
        given = self.arguments.json(entities, f'can\'t parse "{entities}" JSON object')
        text = self.arguments.text(name)
        if "\ufffd" in text and "�" not in text:
            raise bad_request("strings must be encoded in UTF-8")
        return format_text(text, self.arguments.text("parse_mode"), given)

    def caption(self) -> FormattedText:
        caption = self.text("caption", "caption_entities")
        check_caption(caption)
        return caption

    def limit(self, chat: Chat, kind: str, cost: int = 1) -> None:
        """Raises 429 when the bot is too fast."""
        tuning = self.world.tuning
        if tuning.limits:
            self.bot.limiter.check(
                kind=kind,
                chat_id=chat.id,
                is_group=not chat.is_private,
                cost=cost,
                factor=tuning.limit_factor,
                now=time.monotonic(),
            )

    def post(self, chat: Chat, content: Json, markup: ReplyMarkup) -> Json:
        """Send a message of the bot; returns its body."""
        content = {**self.reply(chat), **content}
        if markup.inline:
            content["reply_markup"] = markup.inline
        if self.arguments.flag("protect_content"):
            content["has_protected_content"] = True
        if markup.chat_keyboard:
            chat.keyboard = (
                None if "remove_keyboard" in markup.chat_keyboard else (markup.chat_keyboard)
            )
        return self.world.post(chat, self.bot.user, content, outgoing=True).body

    def reply(self, chat: Chat) -> Json:
        """The `reply_to_message` field that `reply_parameters` asks for."""
        wanted = self.arguments.json(
            "reply_parameters", "can't parse reply parameters JSON object"
        ) or {"message_id": self.arguments.integer("reply_to_message_id")}
        message_id = int(wanted.get("message_id") or 0)
        if message_id <= 0:
            return {}
        target = chat.messages.get(message_id)
        if target is None:
            lenient = "allow_sending_without_reply"
            if wanted.get(lenient) or self.arguments.flag(lenient):
                return {}
            raise bad_request("message to be replied not found")
        quoted = {key: val for key, val in target.body.items() if key != "reply_to_message"}
        return {"reply_to_message": quoted}


def check_caption(caption: FormattedText) -> None:
    if len(caption.text) > CAPTION_LENGTH_MAX:
        raise bad_request("message caption is too long")


Method = Callable[[Call], Awaitable[Any]]
"""A method's result, or a pair of result and the envelope's `description`."""
