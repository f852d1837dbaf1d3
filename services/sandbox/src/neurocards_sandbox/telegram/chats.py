"""Chats as one bot sees them: messages in their present state and a feed of their changes.

Every bot has its own copy of a chat, so a message body is already the JSON that this bot gets.
Invariant: a body is replaced, never changed, so the feed may keep references to old ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

Json = dict[str, Any]
EVENTS_KEPT = 512
VERSIONS_KEPT = 50


class StoredMessage:
    """One message; `body` is what the Bot API says about it now."""

    __slots__ = ("body", "bot_id", "edits", "outgoing", "versions")

    def __init__(
        self,
        *,
        bot_id: int,
        body: Json,
        outgoing: bool,
        edits: int = 0,
        versions: list[Json] | None = None,
    ) -> None:
        self.bot_id = bot_id
        self.body = body
        self.outgoing = outgoing
        self.edits = edits
        self.versions = versions or []

    @property
    def key(self) -> str:
        return f"{self.bot_id}/{self.body['chat']['id']}/{self.body['message_id']}"

    def replace(self, body: Json) -> None:
        """Put an edited body in place of the present one."""
        self.versions = [*self.versions[-VERSIONS_KEPT + 1 :], self.body]
        self.body = body
        self.edits += 1

    def record(self) -> Json:
        return {
            "bot_id": self.bot_id,
            "body": self.body,
            "outgoing": self.outgoing,
            "edits": self.edits,
            "versions": self.versions,
        }


class ChatEvent:
    """A change of a chat, as it was when it happened."""

    __slots__ = ("at", "body", "edits", "facts", "kind", "outgoing", "sequence")

    def __init__(
        self, sequence: int, kind: str, message: StoredMessage | None, facts: Json
    ) -> None:
        self.sequence = sequence
        self.at = time.time()
        self.kind = kind
        self.body = message.body if message else None
        self.edits = message.edits if message else 0
        self.outgoing = message.outgoing if message else False
        self.facts = facts


class ChatFeed:
    """The last changes of one chat, numbered without gaps, for any number of readers."""

    def __init__(self) -> None:
        # Begins above every number of an earlier run, so that a reader that reconnects after a
        # restart waits for nothing that never comes.
        self.sequence = int(time.time() * 1000) * 1000
        self._events: deque[ChatEvent] = deque(maxlen=EVENTS_KEPT)
        self._waiters: set[asyncio.Future[None]] = set()

    def publish(self, kind: str, message: StoredMessage | None = None, **facts: Any) -> None:
        self.sequence += 1
        self._events.append(ChatEvent(self.sequence, kind, message, facts))
        self.wake()

    def wake(self) -> None:
        """Let every reader look, though nothing changed."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def after(self, sequence: int, timeout_s: float) -> list[ChatEvent]:
        """Changes later than `sequence`; waits for the first one, [] when the time is over."""
        if sequence >= self.sequence:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(waiter, timeout_s)
            finally:
                self._waiters.discard(waiter)
        return [event for event in self._events if event.sequence > sequence]


class Chat:
    """A chat of one bot."""

    def __init__(self, *, bot_id: int, facts: Json, bot_status: str = "member") -> None:
        self.bot_id = bot_id
        self.facts = facts
        self.bot_status = bot_status
        self.next_message_id = 1
        self.migrated_to: int | None = None
        self.members: list[int] = []
        self.keyboard: Json | None = None
        self.messages: dict[int, StoredMessage] = {}
        self.feed = ChatFeed()

    @property
    def id(self) -> int:
        return int(self.facts["id"])

    @property
    def type(self) -> str:
        return str(self.facts["type"])

    @property
    def is_private(self) -> bool:
        return self.type == "private"

    @property
    def key(self) -> str:
        return f"{self.bot_id}/{self.id}"

    def record(self) -> Json:
        return {
            "bot_id": self.bot_id,
            "facts": self.facts,
            "bot_status": self.bot_status,
            "next_message_id": self.next_message_id,
            "migrated_to": self.migrated_to,
            "members": self.members,
            "keyboard": self.keyboard,
        }

    @classmethod
    def from_record(cls, body: Json) -> Chat:
        chat = cls(bot_id=body["bot_id"], facts=body["facts"], bot_status=body["bot_status"])
        chat.next_message_id = body["next_message_id"]
        chat.migrated_to = body["migrated_to"]
        chat.members = body["members"]
        chat.keyboard = body["keyboard"]
        return chat
