"""What the markup parsers share: entities, their errors and UTF-16 lengths."""

from __future__ import annotations

from typing import Any

Entity = dict[str, Any]


class MarkupError(Exception):
    """The markup cannot be parsed; the text follows `can't parse entities: `."""


def utf16_length(text: str) -> int:
    """The length in UTF-16 units, as Telegram counts offsets."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def byte_offset(text: str, position: int) -> int:
    """The UTF-8 byte offset of a character position, as error texts give it."""
    return len(text[:position].encode())


class TextBuilder:
    """Plain text under construction that knows its UTF-16 length."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0
        self.entities: list[Entity] = []

    def add(self, text: str) -> None:
        self._parts.append(text)
        self.length += utf16_length(text)

    def mark(self, kind: str, start: int, **more: str) -> None:
        """Add an entity from `start` to here, unless it would be empty."""
        if self.length > start:
            entity = {"type": kind, "offset": start, "length": self.length - start, **more}
            self.entities.append(entity)

    def tail(self, start: int) -> str:
        """The text from a UTF-16 offset on."""
        return self.text.encode("utf-16-le")[2 * start :].decode("utf-16-le")

    @property
    def text(self) -> str:
        return "".join(self._parts)
