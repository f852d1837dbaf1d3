"""The log of API calls that tests assert on. Parameters only; a token never gets in here."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any


class LoggedCall:
    """One call as it came and how it ended."""

    __slots__ = ("at", "bot_id", "description", "method", "parameters", "sequence", "status")

    def __init__(self, sequence: int, bot_id: int, method: str, parameters: dict[str, Any]) -> None:
        self.sequence = sequence
        self.at = time.time()
        self.bot_id = bot_id
        self.method = method
        self.parameters = parameters
        self.status = 0
        self.description = ""

    def view(self) -> dict[str, Any]:
        return {
            "sequence": self.sequence,
            "at": self.at,
            "bot_id": self.bot_id,
            "method": self.method,
            "parameters": {name: _decoded(value) for name, value in self.parameters.items()},
            "status": self.status,
            "description": self.description,
        }


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class CallLog:
    """The last calls of all bots and counters of all calls ever."""

    def __init__(self, kept: int) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=kept)
        self._sequence = 0
        self.counters: Counter[tuple[int, str, int]] = Counter()

    def begin(self, bot_id: int, method: str, parameters: dict[str, Any]) -> LoggedCall:
        self._sequence += 1
        call = LoggedCall(self._sequence, bot_id, method, parameters)
        self._calls.append(call)
        return call

    def end(self, call: LoggedCall, status: int, description: str = "") -> None:
        call.status = status
        call.description = description
        self.counters[call.bot_id, call.method, status] += 1

    def find(
        self, *, bot_id: int = 0, method: str = "", chat_id: str = "", after: int = 0
    ) -> Iterator[dict[str, Any]]:
        for call in self._calls:
            if (
                call.sequence > after
                and bot_id in {0, call.bot_id}
                and method.lower() in {"", call.method.lower()}
                and chat_id in {"", str(call.parameters.get("chat_id", ""))}
            ):
                yield call.view()

    def clear(self) -> None:
        self._calls.clear()
        self.counters.clear()
