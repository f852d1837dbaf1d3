"""Magic words: `[sim:NAME]` or `[sim:NAME:TIMES]` inside a prompt ask a simulator for a fault.

They let a person who only has the chat, or a test that only has the public API, reach any fault.
The caller decides which text is the prompt; nothing else of a request is searched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"\[sim:([a-z0-9-]{1,40})(?::([1-9][0-9]{0,5}))?\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MagicWord:
    name: str
    times: int | None
    """How many requests with the same prompt it strikes; None strikes always."""
    text: str


def magic_words(prompt: str) -> tuple[MagicWord, ...]:
    if "[" not in prompt:
        return ()
    return tuple(
        MagicWord(match[1].lower(), int(match[2]) if match[2] else None, match[0])
        for match in _WORD.finditer(prompt)
    )


def without_magic_words(text: str) -> str:
    """Take the words out, so that they are never shown to a viewer."""
    return re.sub(r"[ \t]{2,}", " ", _WORD.sub("", text)).strip() if "[" in text else text
