"""Button data that one process writes and another one reads.

The status message is edited by the worker, the press on its button reaches the bot: what the
button carries is a contract of both. Telegram allows 64 bytes, so an id travels in 22 characters.
"""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

SEPARATOR = "|"
"""Not a colon: the values hold some, e.g. 9:16."""
CANCEL_JOB_PREFIX = "cj"
ORDER_AGAIN_PREFIX = "ag"


def short_id(identifier: UUID) -> str:
    """Write an id in 22 characters of A-Z a-z 0-9 - _."""
    return base64.urlsafe_b64encode(identifier.bytes).rstrip(b"=").decode()


def id_from_short(text: str) -> UUID:
    """Read what `short_id` wrote; ValueError for anything else."""
    try:
        decoded = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"{text!r} is no short id") from error
    identifier = UUID(bytes=decoded)
    if short_id(identifier) != text:
        raise ValueError(f"{text!r} is no short id")
    return identifier


def cancel_job_data(job_id: UUID) -> str:
    """Give the data of a button that cancels a job; the bot asks whether that is still legal."""
    return f"{CANCEL_JOB_PREFIX}{SEPARATOR}{short_id(job_id)}"


def order_again_data(job_id: UUID) -> str:
    """Give the data of a button that puts the order of a failed job together once more."""
    return f"{ORDER_AGAIN_PREFIX}{SEPARATOR}{short_id(job_id)}"
