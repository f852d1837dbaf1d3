"""What Telegram's refusals mean, by the exact words of its server.

The number alone says little: 400 is a deleted message as well as a fault of ours.
"""

from __future__ import annotations

from typing import Any

from neurocards.adapters.telegram.edit_refusals import says_gone, says_unchanged
from neurocards.adapters.transport import Answer
from neurocards.domain.failures import Failure, FailureSource
from neurocards.errors import (
    MessageGoneError,
    OutcomeUnknownError,
    ProviderError,
    RecipientGoneError,
)

_FORBIDDEN = 403
_TOO_MANY = 429
_SERVER_ERROR = 500
_RETRY_AFTER_DEFAULT_S = 5.0

_GONE_RECIPIENT = ("chat not found", "user not found", "peer_id_invalid", "bot was kicked")


class NotModifiedError(ProviderError):
    """The message says so already."""


class FileTooBigError(ProviderError):
    """Telegram gives no bot a file of this size."""


def result_of(answer: Answer) -> Any:
    """Give `result` of a reply, or raise what its refusal means."""
    envelope = answer.json_object()
    if envelope is not None and envelope.get("ok") is True:
        return envelope.get("result")
    if envelope is None or not isinstance(envelope.get("error_code"), int):
        seen = failure("a reply that is not Telegram's", http_status=answer.status)
        raise OutcomeUnknownError(seen)
    raise _refusal(envelope)


def failure(text: str, *, http_status: int | None = None) -> Failure:
    return Failure(FailureSource.TELEGRAM, text=text, http_status=http_status)


def _refusal(envelope: dict[str, Any]) -> ProviderError:
    status = int(envelope["error_code"])
    description = str(envelope.get("description") or "")
    text = description.lower()
    seen = failure(description, http_status=status)
    if status >= _SERVER_ERROR:
        return OutcomeUnknownError(seen)
    if status == _TOO_MANY:
        return ProviderError(seen, retry_after_s=_retry_after_s(envelope))
    if says_unchanged(description):
        return NotModifiedError(seen)
    if "file is too big" in text:
        return FileTooBigError(seen)
    if status == _FORBIDDEN or any(words in text for words in _GONE_RECIPIENT):
        return RecipientGoneError(seen)
    if says_gone(description):
        return MessageGoneError(seen)
    return ProviderError(seen)


def _retry_after_s(envelope: dict[str, Any]) -> float:
    parameters = envelope.get("parameters")
    value = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(value) if isinstance(value, int | float) else _RETRY_AFTER_DEFAULT_S
