"""Updates that wait for one bot, whoever will fetch them.

Keeps them in order until they are acknowledged by `getUpdates` or by a webhook's 2xx, drops
them when their life ends, and remembers the last ones so that a test can deliver them again.
Not a delivery: see `methods_updates` for polling and `webhook`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from neurocards_sandbox.telegram.journal import Journal

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
)
ON_REQUEST_ONLY = {"chat_member", "message_reaction", "message_reaction_count"}
HISTORY_KEPT = 2_000
FIRST_UPDATE_ID = 700_000_001


class PendingUpdate:
    """One update on its way; `queue_key` names the queue in which order is kept."""

    __slots__ = ("body", "bot_id", "expires_at", "is_done", "queue_key", "update_id")

    def __init__(
        self, *, bot_id: int, body: dict[str, Any], queue_key: str, expires_at: float
    ) -> None:
        self.bot_id = bot_id
        self.body = body
        self.update_id: int = body["update_id"]
        self.queue_key = queue_key
        self.expires_at = expires_at
        self.is_done = False

    @property
    def key(self) -> str:
        return f"{self.bot_id}/{self.update_id}"

    def record(self) -> dict[str, Any]:
        return {
            "bot_id": self.bot_id,
            "body": self.body,
            "queue_key": self.queue_key,
            "expires_at": self.expires_at,
        }


class UpdateQueue:
    """The updates of one bot, oldest first."""

    def __init__(self, bot_id: int, journal: Journal, clock: Callable[[], float]) -> None:
        self.bot_id = bot_id
        self.next_id = FIRST_UPDATE_ID
        self.pending: dict[int, PendingUpdate] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=HISTORY_KEPT)
        self.allowed: list[str] | None = None
        self._is_sorted = True
        self._journal = journal
        self._clock = clock
        self._arrived = asyncio.Event()
        self._listeners: list[Callable[[PendingUpdate], None]] = []

    def allows(self, kind: str) -> bool:
        if self.allowed is None:
            return kind not in ON_REQUEST_ONLY
        return kind in self.allowed

    def add(
        self, kind: str, payload: dict[str, Any], *, queue_key: str, lifetime_s: float
    ) -> int | None:
        """The new update's id, or None if the bot did not ask for this kind."""
        if not self.allows(kind):
            return None
        body = {"update_id": self.next_id, kind: payload}
        return self.add_raw(body, queue_key=queue_key, lifetime_s=lifetime_s)

    def add_raw(self, body: dict[str, Any], *, queue_key: str, lifetime_s: float) -> int:
        """Queue a whole update; one with an id of its own does not move the counter back."""
        body.setdefault("update_id", self.next_id)
        self.next_id = max(self.next_id, int(body["update_id"]) + 1)
        update = PendingUpdate(
            bot_id=self.bot_id,
            body=body,
            queue_key=queue_key,
            expires_at=self._clock() + lifetime_s,
        )
        self.restore(update)
        self.history.append(body)
        self._journal.changed("update", update.key, update)
        return update.update_id

    def restore(self, update: PendingUpdate) -> None:
        """Put an update into the queue and wake whoever waits for one."""
        if update.update_id < self.next_id - 1:
            self._is_sorted = False
        self.pending[update.update_id] = update
        self.next_id = max(self.next_id, update.update_id + 1)
        self._arrived.set()
        for listener in self._listeners:
            listener(update)

    def acknowledge(self, update_id: int) -> None:
        update = self.pending.get(update_id)
        if update is not None:
            self.finish(update)

    def finish(self, update: PendingUpdate) -> None:
        """Acknowledge one update; another one that was given the same id stays."""
        update.is_done = True
        if self.pending.get(update.update_id) is update:
            del self.pending[update.update_id]
            self._journal.removed("update", update.key)

    def acknowledge_before(self, offset: int) -> None:
        """Forget what getUpdates confirms: every id below `offset`."""
        confirmed = []
        for update_id in self.pending:
            if update_id < offset:
                confirmed.append(update_id)
            elif self._is_sorted:
                break
        for update_id in confirmed:
            self.acknowledge(update_id)

    def keep_last(self, count: int) -> None:
        """A negative offset: forget everything but the last `count` updates."""
        for update_id in sorted(self.pending)[:-count]:
            self.acknowledge(update_id)

    def clear(self) -> None:
        for update_id in list(self.pending):
            self.acknowledge(update_id)

    def due(self, limit: int) -> list[dict[str, Any]]:
        """Up to `limit` living updates, oldest first."""
        now = self._clock()
        found: list[dict[str, Any]] = []
        expired: list[int] = []
        for update in self.pending.values():
            if update.expires_at < now:
                expired.append(update.update_id)
            else:
                found.append(update.body)
            if len(found) == limit:
                break
        for update_id in expired:
            self.acknowledge(update_id)
        if not found:
            # Here and not in `wait`: what arrives between the two must end the wait at once.
            self._arrived.clear()
        return sorted(found, key=lambda body: int(body["update_id"]))

    async def wait(self, timeout_s: float) -> None:
        """Until an update arrives that came after `due` found none, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), timeout_s)

    def listen(self, listener: Callable[[PendingUpdate], None]) -> None:
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[PendingUpdate], None]) -> None:
        self._listeners.remove(listener)
