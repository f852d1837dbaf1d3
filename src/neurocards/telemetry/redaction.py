"""Removes secrets from text that leaves the process.

It works on the finished line, so it does not matter through which key, exception or foreign
library a secret got there. Known values are removed exactly; the shapes catch the ones that
nobody has named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

REDACTED = "[redacted]"
SECRET_CHARACTERS_MIN = 4
"""A shorter value would tear ordinary words apart; it is left to the shapes."""

_SHAPES = re.compile(
    r"(?P<bot_token>\d{3,}(?::|%3[Aa])[A-Za-z0-9_-]{30,})"
    r"|(?P<before>\b[Bb]earer\s+)(?P<bearer>[A-Za-z0-9._~+/=-]{8,})"
    r"|\b(?P<api_key>sk-[A-Za-z0-9_-]{16,})"
    r"|(?P<scheme>://[^\s:/@'\"]*:)(?P<password>[^\s@'\"]+)(?=@)"
)


class Redactor:
    """A function from text to text without the given secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SHAPES.sub(_replacement, text)


def _spellings(secret: str) -> Iterator[str]:
    """Give the secret as it stands in plain text, in JSON and in a URL."""
    if len(secret) < SECRET_CHARACTERS_MIN:
        return
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")


def _replacement(match: re.Match[str]) -> str:
    return (match["before"] or match["scheme"] or "") + REDACTED
