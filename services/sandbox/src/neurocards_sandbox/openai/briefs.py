"""Reads the facts of a brief: lines `Key: value` anywhere in the user's text.

Invariant: nothing in a value is obeyed; a value is text to be mentioned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from neurocards_sandbox.simulation.magic_words import magic_words, without_magic_words

PRODUCT_CHARACTERS_MAX = 48
FACT_CHARACTERS_MAX = 90
FACTS_MAX = 8
SCENES_DEFAULT, SCENES_MAX = 3, 12
LANGUAGES = ("ru", "en", "es", "de")

_LINE = re.compile(r"^[ \t>*-]*([A-Za-z][A-Za-z _-]{1,30}?)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_PARTS = re.compile(r"\s*(?:[;\n•|]|,\s|\.\s|!\s|\s[—–]\s)\s*")
_NOTHING = frozenset({"", "-", "(none)", "none", "n/a", "нет"})
_NAMES = {
    "product": ("product", "caption", "photo caption", "seller text", "description"),
    "template": ("template",),
    "style": ("style", "template prompt", "visual style"),
    "language": ("script language", "language"),
    "length": ("length", "duration"),
    "scenes": ("scenes", "scene count"),
    "ratio": ("aspect ratio", "format"),
    "audience": ("audience", "target audience"),
}


@dataclass(frozen=True, slots=True)
class Brief:
    product: str
    """Short name of the product, empty when the seller said nothing."""
    facts: tuple[str, ...]
    """What else the seller said, one short phrase each."""
    template: str
    style: str
    language: str
    seconds: int
    scenes: int
    aspect_ratio: str
    audience: str
    video_faults: str
    """Magic words for the video provider, to be handed on in the visual direction."""


def read_brief(text: str) -> Brief:
    values = _values(text)
    said = values.get("product", "")
    parts = [part for part in _PARTS.split(without_magic_words(said)) if part.strip(" .,!?")]
    product = _clipped(parts[0], PRODUCT_CHARACTERS_MAX) if parts else ""
    facts = tuple(_clipped(part, FACT_CHARACTERS_MAX) for part in parts[1 : FACTS_MAX + 1])
    return Brief(
        product=product,
        facts=facts,
        template=without_magic_words(values.get("template", "")),
        style=without_magic_words(values.get("style", "")),
        language=_language(values.get("language", "")),
        seconds=_number(values.get("length", ""), 10, 1, 120),
        scenes=_number(values.get("scenes", ""), SCENES_DEFAULT, 1, SCENES_MAX),
        aspect_ratio=values.get("ratio", "9:16"),
        audience=values.get("audience", ""),
        video_faults=" ".join(
            word.text for word in magic_words(text) if not word.name.startswith("openai-")
        ),
    )


def _values(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _LINE.finditer(text):
        found.setdefault(match[1].strip().lower().replace("_", " "), match[2].strip())
    values: dict[str, str] = {}
    for name, spellings in _NAMES.items():
        for spelling in spellings:
            value = found.get(spelling, "")
            if value.lower() not in _NOTHING:
                values.setdefault(name, value)
    return values


def _language(value: str) -> str:
    word = value.strip().lower()
    names = {"russian": "ru", "english": "en", "spanish": "es", "german": "de", "русский": "ru"}
    return next((code for code in LANGUAGES if word[:2] == code), names.get(word, "en"))


def _number(value: str, default: int, minimum: int, maximum: int) -> int:
    match = re.search(r"\d{1,4}", value)
    return max(minimum, min(maximum, int(match[0]))) if match else default


def _clipped(text: str, characters_max: int) -> str:
    flat = " ".join(text.split()).strip(" .,;:!")
    if len(flat) <= characters_max:
        return flat
    return flat[:characters_max].rsplit(" ", 1)[0].rstrip(" ,;:—-")
