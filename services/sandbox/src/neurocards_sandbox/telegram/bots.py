"""Bots: tokens, what a bot has told about itself, and its webhook's configuration."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass
from typing import Any

from neurocards_sandbox.telegram.limits import RateLimiter
from neurocards_sandbox.telegram.updates import UpdateQueue

TOKEN = re.compile(r"([1-9]\d{0,18}):([A-Za-z0-9_-]+)")
TOKEN_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class Token:
    """A well-formed token; the number in it is the bot's id."""

    bot_id: int

    @classmethod
    def parse(cls, text: str) -> Token | None:
        match = TOKEN.fullmatch(text)
        return cls(int(match[1])) if match and len(text) <= TOKEN_LENGTH_MAX else None


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """What setWebhook set."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_certificate: bool = False


@dataclass(slots=True)
class LongPoll:
    """A getUpdates request that waits; set `ended` to the reason to end it with 409."""

    task: asyncio.Task[Any]
    ended_because: str = ""


@dataclass(slots=True)
class PollState:
    """What is remembered of getUpdates calls to refuse and slow down busy loops."""

    active: LongPoll | None = None
    last_offset: int | None = None
    last_start: float = 0.0


@dataclass(slots=True)
class WebhookErrors:
    """The last failure of the webhook, as getWebhookInfo shows it."""

    date: int = 0
    message: str = ""


class Bot:
    """One bot and everything that belongs to it alone."""

    def __init__(self, bot_id: int, queue: UpdateQueue) -> None:
        self.id = bot_id
        self.queue = queue
        self.first_name = "Sandbox bot"
        self.username = f"sandbox_{bot_id}_bot"
        self.webhook = WebhookConfig()
        self.webhook_errors = WebhookErrors()
        self.webhook_allowed_at = 0.0
        self.poll = PollState()
        self.limiter = RateLimiter()
        self.profile: dict[str, Any] = {}
        self.logged_out_until = 0.0

    @property
    def user(self) -> dict[str, Any]:
        """The bot as a User object inside messages."""
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.first_name,
            "username": self.username,
        }

    def record(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "first_name": self.first_name,
            "username": self.username,
            "webhook": asdict(self.webhook),
            "profile": self.profile,
            "allowed": self.queue.allowed,
            "next_update_id": self.queue.next_id,
        }

    def restore(self, body: dict[str, Any]) -> None:
        self.first_name = body["first_name"]
        self.username = body["username"]
        self.webhook = WebhookConfig(**body["webhook"])
        self.profile = body["profile"]
        self.queue.allowed = body["allowed"]
        self.queue.next_id = body["next_update_id"]
