"""The words of Telegram's server about an edit that changes nothing, for bot and worker alike.

It imports no client: the bot speaks through another one than the worker.
"""

from __future__ import annotations

_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message to edit",
)
_UNCHANGED = "message is not modified"


def says_gone(description: str) -> bool:
    """Tell whether the message is deleted, too old, or a video by now."""
    text = description.lower()
    return any(words in text for words in _GONE)


def says_unchanged(description: str) -> bool:
    """Tell whether the message shows already what it should."""
    return _UNCHANGED in description.lower()
