"""What an update may hold so that everything behind the door can work with it. Pure.

JSON knows more than PostgreSQL and UTF-8 do: numbers of any length, the character NUL, halves of
surrogate pairs. Telegram sends none of it, and a handler that meets it fails only when it stores
or answers something, again and again. So it is looked for once, before anything is done.
"""

from __future__ import annotations

INTEGER_BITS = 64
DEPTH_MAX = 40
"""A real update is about ten deep: a message with a reply with a photo."""


def illegible(update: object) -> str | None:
    """Name the first fault of a JSON document that no part of it may have; None without one."""
    level = [update]
    for _ in range(DEPTH_MAX):
        if not level:
            return None
        inner: list[object] = []
        for value in level:
            fault = _fault(value)
            if fault is not None:
                return fault
            if isinstance(value, dict):
                inner += value.keys()
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner
    return "too_deep"


def _fault(value: object) -> str | None:
    match value:
        case str():
            if "\0" in value:
                return "nul_in_text"
            return None if value.isascii() or _is_unicode(value) else "half_a_character"
        case int():
            beyond = not -(2 ** (INTEGER_BITS - 1)) <= value < 2 ** (INTEGER_BITS - 1)
            return "number_beyond_64_bits" if beyond else None
        case _:
            return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
