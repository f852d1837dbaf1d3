"""Formatted text: what the Bot API makes of `parse_mode`, `entities` and plain text.

Offsets and lengths are in UTF-16 units, positions in error texts are UTF-8 byte offsets, both
as on the wire. `to_html` turns a stored text back into safe HTML for a chat page.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.html_markup import parse_html
from neurocards_sandbox.telegram.markdown_markup import parse_markdown, parse_markdown_v2
from neurocards_sandbox.telegram.markup import Entity, MarkupError, utf16_length

FOUND = re.compile(
    r"(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/]))"
    r"|(?P<mention>(?<![\w@])@[A-Za-z]\w{2,31}\b)"
    r"|(?P<hashtag>(?<![\w#])#\w*[^\W\d]\w*)"
    r"|(?P<url>\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]])"
    r"|(?P<email>\b[\w.+-]+@[\w-]+\.[A-Za-z]{2,}\b)"
)
LOOKS_FORMATTED = re.compile(r"[/@#]")
PRIORITIES = {
    "blockquote": 0,
    "expandable_blockquote": 0,
    "pre": 11,
    "code": 20,
    "text_link": 49,
    "bold": 90,
    "italic": 91,
    "underline": 92,
    "strikethrough": 93,
    "spoiler": 94,
    "custom_emoji": 99,
}
"""Which of two entities over the same text comes first; others have 50."""
WRAPS = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "spoiler": ('<span class="spoiler">', "</span>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
    "expandable_blockquote": ("<blockquote>", "</blockquote>"),
}


@dataclass(frozen=True, slots=True)
class FormattedText:
    """Plain text with its entities, sorted as the Bot API sorts them."""

    text: str = ""
    entities: tuple[Entity, ...] = ()

    def fields(self, text_name: str, entities_name: str) -> dict[str, Any]:
        """The two fields of a message; absent when empty."""
        fields: dict[str, Any] = {}
        if self.text:
            fields[text_name] = self.text
        if self.entities:
            fields[entities_name] = [dict(entity) for entity in self.entities]
        return fields


def format_text(
    text: str, parse_mode: str = "", given: list[Entity] | None = None
) -> FormattedText:
    """Raises 400 `can't parse entities: ...` for broken markup."""
    entities = list(given or [])
    try:
        match parse_mode.lower():
            case "html":
                text, entities = parse_html(text)
            case "markdownv2":
                text, entities = parse_markdown_v2(text)
            case "markdown":
                text, entities = parse_markdown(text)
            case "" | "none":
                pass
            case _:
                raise bad_request("unsupported parse_mode")
    except MarkupError as error:
        raise bad_request(f"can't parse entities: {error}") from None
    text, entities = _trim(text, entities)
    if LOOKS_FORMATTED.search(text):
        entities += _found(text, entities)
    entities.sort(key=_order)
    return FormattedText(text, tuple(entities))


def _order(entity: Entity) -> tuple[int, int, int]:
    return entity["offset"], -entity["length"], PRIORITIES.get(entity["type"], 50)


def _trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    stripped = text.strip()
    if not entities or stripped == text:
        return stripped, entities
    shift = utf16_length(text[: len(text) - len(text.lstrip())])
    total = utf16_length(stripped)
    kept = []
    for entity in entities:
        start = max(entity["offset"] - shift, 0)
        end = min(entity["offset"] + entity["length"] - shift, total)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return stripped, kept


def _found(text: str, entities: list[Entity]) -> list[Entity]:
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in entities
        if entity["type"] in {"code", "pre", "text_link", "text_mention"}
    ]
    found = []
    for match in FOUND.finditer(text):
        offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
        if any(start < offset + length and offset < end for start, end in taken):
            continue
        found.append({"type": match.lastgroup, "offset": offset, "length": length})
    return found


def to_html(text: str, entities: list[Entity]) -> str:
    """The text with its entities as HTML that is safe to put into a page."""
    units = text.encode("utf-16-le")
    opening: dict[int, list[str]] = {}
    closing: dict[int, list[str]] = {}
    for entity in sorted(entities, key=lambda one: (one["offset"], -one["length"])):
        start, end = entity["offset"], entity["offset"] + entity["length"]
        before, after = _wrap(entity, units[2 * start : 2 * end].decode("utf-16-le", "replace"))
        if before:
            opening.setdefault(start, []).append(before)
            closing.setdefault(end, []).insert(0, after)
    parts, last = [], 0
    for position in sorted({*opening, *closing}):
        parts.append(html.escape(units[2 * last : 2 * position].decode("utf-16-le", "replace")))
        parts += closing.get(position, []) + opening.get(position, [])
        last = position
    parts.append(html.escape(units[2 * last :].decode("utf-16-le", "replace")))
    return "".join(parts)


def _wrap(entity: Entity, covered: str) -> tuple[str, str]:
    kind = entity["type"]
    url = entity.get("url", covered) if kind in {"text_link", "url"} else ""
    if url.startswith(("http://", "https://")):
        return f'<a href="{html.escape(url)}" target="_blank" rel="noopener">', "</a>"
    return WRAPS.get(kind, ("", ""))
