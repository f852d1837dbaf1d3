"""What a field of a schema is about, by its name: pure table work."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class FieldKind(StrEnum):
    TITLE = "title"
    HOOK = "hook"
    SCENES = "scenes"
    CALL = "call"
    VISUAL = "visual"
    NARRATION = "narration"
    TAGS = "tags"
    LANGUAGE = "language"
    TONE = "tone"
    PRODUCT = "product"
    RATIO = "ratio"
    SECONDS = "seconds"
    NUMBER = "number"
    TROUBLE = "trouble"
    """Says that something is wrong; it never is."""
    OTHER = "other"


_NAMES: tuple[tuple[FieldKind, frozenset[str]], ...] = (
    (FieldKind.CALL, frozenset({"cta", "call"})),
    (FieldKind.HOOK, frozenset({"hook", "opening", "opener"})),
    (FieldKind.TITLE, frozenset({"title", "headline", "heading"})),
    (
        FieldKind.TROUBLE,
        frozenset(
            {"error", "errors", "problem", "problems", "reason", "refusal", "unsafe", "violation"}
            | {"warning", "warnings", "people", "forbidden", "blocked"}
        ),
    ),
    (FieldKind.TAGS, frozenset({"hashtag", "hashtags", "tag", "tags", "keywords"})),
    (FieldKind.LANGUAGE, frozenset({"language", "lang", "locale"})),
    (FieldKind.RATIO, frozenset({"ratio"})),
    (FieldKind.SECONDS, frozenset({"seconds", "duration", "length"})),
    (
        FieldKind.VISUAL,
        frozenset({"visual", "visuals", "direction", "prompt", "camera", "shot", "footage"}),
    ),
    (
        FieldKind.SCENES,
        frozenset({"scene", "scenes", "caption", "captions", "line", "lines", "screen"})
        | frozenset({"beats", "shots", "slides", "text", "texts"}),
    ),
    (
        FieldKind.NARRATION,
        frozenset({"voice", "voiceover", "narration", "script", "body", "description", "summary"}),
    ),
    (FieldKind.TONE, frozenset({"tone", "mood"})),
    (FieldKind.PRODUCT, frozenset({"product", "name", "brand"})),
    (FieldKind.NUMBER, frozenset({"number", "index", "position", "order", "id"})),
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@lru_cache(maxsize=2_048)
def field_kind(name: str) -> FieldKind:
    words = {word.lower() for word in _WORDS.findall(name)}
    return next((kind for kind, names in _NAMES if words & names), FieldKind.OTHER)
