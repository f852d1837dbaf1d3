"""The simulated Telegram: bots, users, chats, messages, updates.

Knows nothing of HTTP. The methods of bots (`methods_*`) and the acts of users (`people`) are
built on the few operations here, which keep one invariant: whatever changes a chat also writes
its feed, marks it for the journal and queues the update that Telegram would send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurocards_sandbox.telegram.bots import Bot, Token
from neurocards_sandbox.telegram.calls import CallLog
from neurocards_sandbox.telegram.chats import Chat, Json, StoredMessage
from neurocards_sandbox.telegram.errors import unauthorized
from neurocards_sandbox.telegram.faults import Faults
from neurocards_sandbox.telegram.files import FileStore
from neurocards_sandbox.telegram.frames import FrameTaker
from neurocards_sandbox.telegram.journal import Journal
from neurocards_sandbox.telegram.limits import SameSizeUploads
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.updates import PendingUpdate, UpdateQueue

CALLBACKS_KEPT = 50_000


@dataclass(slots=True)
class Tuning:
    """The settings that may change while the server runs."""

    limits: bool
    limit_factor: float
    time_factor: float
    callback_answer_s: float


@dataclass(slots=True)
class User:
    """A person; `facts` is the User object of the Bot API."""

    facts: Json
    is_deactivated: bool = False

    @property
    def id(self) -> int:
        return int(self.facts["id"])

    def record(self) -> Json:
        return {"facts": self.facts, "is_deactivated": self.is_deactivated}


class CallbackQuery:
    """A press of a button and what the bot answered to it."""

    __slots__ = ("answers", "at", "bot_id", "chat_id", "data", "id", "message_id", "user_id")

    def __init__(
        self, *, query_id: str, bot_id: int, chat_id: int, message_id: int, user_id: int, data: str
    ) -> None:
        self.id = query_id
        self.bot_id = bot_id
        self.chat_id = chat_id
        self.message_id = message_id
        self.user_id = user_id
        self.data = data
        self.at = time.monotonic()
        self.answers: list[Json] = []


class World:
    """Everything that the simulator knows."""

    def __init__(self, settings: TelegramSandboxSettings, data_dir: Path) -> None:
        self.settings = settings
        self.tuning = Tuning(
            limits=settings.limits,
            limit_factor=settings.limit_factor,
            time_factor=settings.time_factor,
            callback_answer_s=settings.callback_answer_s,
        )
        data_dir.mkdir(parents=True, exist_ok=True)
        database = data_dir / "telegram.sqlite3" if settings.data_dir else None
        self.journal = Journal(database, settings.flush_interval_s)
        self.files = FileStore(data_dir, self.journal)
        self.frames = FrameTaker(self.files.folder)
        self.faults = Faults()
        self.calls = CallLog(settings.calls_kept)
        self.same_size_uploads = SameSizeUploads()
        self.started_at = time.monotonic()
        self.bots: dict[int, Bot] = {}
        self.users: dict[int, User] = {}
        self.chats: dict[tuple[int, int], Chat] = {}
        self.callbacks: dict[str, CallbackQuery] = {}
        self.is_closing = False
        self.webhook_changed: Callable[[Bot], None] = lambda _: None
        self._callback_count = 0
        self._album_count = 0
        self._restore()

    def _restore(self) -> None:
        updates = []
        for kind, _, body in sorted(self.journal.load(), key=_restore_order):
            match kind:
                case "bot":
                    bot = self._make_bot(body["id"])
                    bot.restore(body)
                case "user":
                    user = User(**body)
                    self.users[user.id] = user
                case "file":
                    self.files.restore(body)
                case "chat":
                    chat = Chat.from_record(body)
                    self.chats[chat.bot_id, chat.id] = chat
                case "message":
                    message = StoredMessage(**body)
                    chat = self.chats[message.bot_id, message.body["chat"]["id"]]
                    chat.messages[message.body["message_id"]] = message
                case "update":
                    updates.append(PendingUpdate(**body))
        for update in updates:
            self.bots[update.bot_id].queue.restore(update)

    async def clear(self) -> None:
        """Forget every user, chat, message, file and update; bots stay known."""
        await self.journal.clear()
        for bot in self.bots.values():
            bot.queue.clear()
            bot.queue.history.clear()
            self.changed("bot", bot)
        self.users.clear()
        self.chats.clear()
        self.callbacks.clear()
        self.files.clear()
        self.faults.clear()
        self.calls.clear()

    def end_waiting(self) -> None:
        """Answer every request that waits for something to happen: the server is to stop."""
        self.is_closing = True
        for bot in self.bots.values():
            if bot.poll.active is not None:
                bot.poll.active.task.cancel()
        for chat in self.chats.values():
            chat.feed.wake()

    def changed(self, kind: str, record: Bot | User | Chat | StoredMessage) -> None:
        key = record.key if isinstance(record, Chat | StoredMessage) else str(record.id)
        self.journal.changed(kind, key, record)

    def bot_by_token(self, text: str) -> Bot:
        """The bot of a token, known from now on; raises 401."""
        token = Token.parse(text)
        if token is None:
            raise unauthorized("invalid token specified")
        if self.settings.tokens and text not in self.settings.tokens:
            raise unauthorized()
        return self.bots.get(token.bot_id) or self.add_bot(token.bot_id)

    def add_bot(self, bot_id: int) -> Bot:
        bot = self._make_bot(bot_id)
        self.changed("bot", bot)
        return bot

    def _make_bot(self, bot_id: int) -> Bot:
        queue = UpdateQueue(bot_id, self.journal, time.time)
        bot = self.bots[bot_id] = Bot(bot_id, queue)
        return bot

    def private_chat(self, bot: Bot, user: User) -> Chat:
        """The chat of a user with a bot, opened if it does not exist yet."""
        chat = self.chats.get((bot.id, user.id))
        if chat is None:
            names = ("first_name", "last_name", "username")
            facts = {"id": user.id, "type": "private"}
            facts |= {name: user.facts[name] for name in names if name in user.facts}
            chat = self.add_chat(Chat(bot_id=bot.id, facts=facts))
            chat.members = [user.id]
        return chat

    def add_chat(self, chat: Chat) -> Chat:
        self.chats[chat.bot_id, chat.id] = chat
        self.changed("chat", chat)
        return chat

    def post(self, chat: Chat, sender: Json, content: Json, *, outgoing: bool) -> StoredMessage:
        """Put a new message into a chat; `content` follows id, sender, chat and date."""
        message_id = chat.next_message_id
        chat.next_message_id += 1
        body = {
            "message_id": message_id,
            "from": sender,
            "chat": chat.facts,
            "date": int(time.time()),
            **content,
        }
        if chat.type == "channel":
            body["sender_chat"] = chat.facts
            del body["from"]
        message = StoredMessage(bot_id=chat.bot_id, body=body, outgoing=outgoing)
        chat.messages[message_id] = message
        if len(chat.messages) > self.settings.messages_per_chat_max:
            self.forget(chat, next(iter(chat.messages)))
        self.changed("chat", chat)
        self.changed("message", message)
        chat.feed.publish("message", message)
        return message

    def edit(self, chat: Chat, message: StoredMessage, body: Json) -> None:
        """Replace the body of a message by an edited one."""
        message.replace({**body, "edit_date": int(time.time())})
        self.changed("message", message)
        chat.feed.publish("edit", message)

    def delete(self, chat: Chat, message_id: int) -> None:
        self.forget(chat, message_id)
        chat.feed.publish("delete", None, message_id=message_id)

    def forget(self, chat: Chat, message_id: int) -> None:
        message = chat.messages.pop(message_id)
        self.journal.removed("message", message.key)

    def send_update(self, bot: Bot, kind: str, payload: Json, queue_key: str) -> int | None:
        lifetime_s = (
            self.settings.callback_lifetime_s
            if kind == "callback_query"
            else self.settings.update_lifetime_s
        )
        update_id = bot.queue.add(kind, payload, queue_key=queue_key, lifetime_s=lifetime_s)
        self.changed("bot", bot)
        return update_id

    def add_callback(self, chat: Chat, message_id: int, user_id: int, data: str) -> CallbackQuery:
        """Remember a press so that its answer can be matched to it."""
        self._callback_count += 1
        # Unlike any id of an earlier run, as a real server's ids are.
        query_id = str(user_id % 2**31 << 32 | (int(time.time() * 10) + self._callback_count))
        query = CallbackQuery(
            query_id=query_id,
            bot_id=chat.bot_id,
            chat_id=chat.id,
            message_id=message_id,
            user_id=user_id,
            data=data,
        )
        self.callbacks[query_id] = query
        if len(self.callbacks) > CALLBACKS_KEPT:
            del self.callbacks[next(iter(self.callbacks))]
        return query

    def new_album_id(self) -> str:
        self._album_count += 1
        return str(int(time.time() * 1000) * 1000 + self._album_count)

    async def hold_back(self, size: int) -> None:
        """The brake on uploads of one size, where it is switched on."""
        if self.settings.same_size_limit and self.tuning.limits:
            delay_s = self.same_size_uploads.delay_s(size, time.monotonic())
            await asyncio.sleep(delay_s / self.tuning.time_factor)


def _restore_order(row: tuple[str, str, Json]) -> tuple[int, list[int]]:
    kind, key, _ = row
    order = ["bot", "user", "file", "chat", "message", "update"]
    return order.index(kind), [int(part) for part in key.split("/")]
