"""Faults on request: what the next calls of a method are to suffer.

A fault says how often it strikes and what happens: an error envelope, a delay, a connection
dropped before the call is executed, or after it (the outcome is unknown to the bot).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from neurocards_sandbox.telegram.errors import ApiError, too_many

REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


class Drop(StrEnum):
    """When the connection is cut."""

    NEVER = "never"
    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True)
class Fault:
    """One order; `left` counts down to 0."""

    fault_id: int
    method: str = "*"
    left: int = 1
    status: int = 0
    description: str = ""
    retry_after_s: int = 0
    delay_s: float = 0.0
    drop: Drop = Drop.NEVER
    bot_id: int = 0
    chat_id: str = ""

    def error(self) -> ApiError | None:
        """The envelope to answer with, None if the call goes on."""
        if self.retry_after_s and self.status in {0, 429} and not self.description:
            return too_many(self.retry_after_s)
        if not self.status:
            return None
        text = self.description or REASONS.get(self.status, "Internal Server Error")
        parameters = {"retry_after": self.retry_after_s} if self.retry_after_s else None
        return ApiError(self.status, text, parameters)

    def strikes(self, bot_id: int, method: str, chat_id: str) -> bool:
        return (
            self.left > 0
            and self.method in {"*", method}
            and self.bot_id in {0, bot_id}
            and self.chat_id in {"", chat_id}
        )

    def view(self) -> dict[str, Any]:
        return {
            "fault_id": self.fault_id,
            "method": self.method,
            "left": self.left,
            "status": self.status,
            "description": self.description,
            "retry_after": self.retry_after_s,
            "delay_s": self.delay_s,
            "drop": self.drop.value,
        }


class Faults:
    """Orders that have not been used up, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._count = 0

    def order(self, **facts: Any) -> Fault:
        self._count += 1
        fault = Fault(self._count, **facts)
        self._orders.append(fault)
        return fault

    def take(self, bot_id: int, method: str, chat_id: str) -> Fault | None:
        """The fault that strikes this call, counted down; None on a fine day."""
        for fault in self._orders:
            if fault.strikes(bot_id, method, chat_id):
                fault.left -= 1
                if fault.left == 0:
                    self._orders.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._orders.clear()

    def views(self) -> list[dict[str, Any]]:
        return [fault.view() for fault in self._orders]
