"""Reads the bounds of a string or an array out of its schema, and of its description's words.

A strict schema carries few keywords, so programs write their bounds into descriptions: "at most
40 characters", "3 to 5 items". Invariant: a bound that cannot be read is no bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHARACTERS_MAX_DEFAULT = 2_000
ITEMS_MAX = 50

_UNIT = r"(characters?|chars?|symbols?|words?|items?|scenes?|lines?|captions?|entries|hashtags?)"
_AT_MOST = re.compile(
    r"(?:at most|up to|no more than|max(?:imum)?(?: of)?|<=|≤|under|within)\s*(\d{1,5})\s*" + _UNIT,
    re.IGNORECASE,
)
_RANGE = re.compile(rf"(\d{{1,5}})\s*(?:-|–|to)\s*(\d{{1,5}})\s*{_UNIT}", re.IGNORECASE)
_EXACTLY = re.compile(rf"(?:exactly\s+)?(\d{{1,3}})\s+{_UNIT}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextBounds:
    characters_min: int
    characters_max: int
    words_max: int | None


def text_bounds(schema: Mapping[str, Any]) -> TextBounds:
    told = _told(str(schema.get("description", "")))
    longest = int(schema.get("maxLength", CHARACTERS_MAX_DEFAULT))
    return TextBounds(
        characters_min=int(schema.get("minLength", 0)),
        characters_max=min(longest, told.get("characters", CHARACTERS_MAX_DEFAULT)),
        words_max=told.get("words"),
    )


def item_count(schema: Mapping[str, Any], wanted: int) -> int:
    """Give `wanted`, held within the array's bounds."""
    description = str(schema.get("description", ""))
    least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", ITEMS_MAX))
    if match := _RANGE.search(description):
        if _kind(match[3]) == "items":
            least, most = max(least, int(match[1])), min(most, int(match[2]))
    elif match := _AT_MOST.search(description):
        if _kind(match[2]) == "items":
            most = min(most, int(match[1]))
    elif (match := _EXACTLY.search(description)) and _kind(match[2]) == "items":
        least = most = max(least, min(most, int(match[1])))
    return max(least, min(most, wanted, ITEMS_MAX))


def fitted(text: str, bounds: TextBounds) -> str:
    """Cut at a word, or lengthen by repeating, until the text keeps its bounds."""
    if bounds.words_max is not None:
        text = " ".join(text.split()[: bounds.words_max])
    if len(text) > bounds.characters_max:
        cut = text[: bounds.characters_max + 1]
        text = cut.rsplit(" ", 1)[0] if " " in cut else text[: bounds.characters_max]
        text = text[: bounds.characters_max].rstrip(" ,;:—–-")
    while len(text) < bounds.characters_min:
        text = f"{text} {text or '.'}".strip()[: max(bounds.characters_min, len(text) + 1)]
    return text


def _told(description: str) -> dict[str, int]:
    told: dict[str, int] = {}
    for match in _AT_MOST.finditer(description):
        told[_kind(match[2])] = int(match[1])
    for match in _RANGE.finditer(description):
        told[_kind(match[3])] = int(match[2])
    return told


def _kind(unit: str) -> str:
    word = unit.lower()
    if word.startswith(("char", "symbol")):
        return "characters"
    return "words" if word.startswith("word") else "items"
