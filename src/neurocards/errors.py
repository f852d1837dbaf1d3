"""The errors that cross the border between adapters and the rest.

NeurocardsError
├── ConfigurationError         the environment is wrong; the process exits with 2
├── StoreUnavailableError      PostgreSQL cannot be reached; nothing was decided
├── QueueUnavailableError      NATS cannot be reached; PostgreSQL still holds everything
├── PhotoUnusableError         the photo cannot be used; carries the reason
│   └── PhotoNotInspectedError its inspection was ended from outside: it may be a good one
└── ProviderError              a provider said no; carries the Failure that `classify` reads
    ├── HeldBackError          we did not ask: there was no turn to speak in time
    ├── OutcomeUnknownError    the request may or may not have been carried out
    ├── RecipientGoneError     the user blocked the bot or is no longer there
    └── MessageGoneError       the message to edit is deleted or too old
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurocards.domain.failures import Failure
    from neurocards.domain.photos import PhotoFault


class NeurocardsError(Exception):
    """Whatever this package raises on purpose."""


class ConfigurationError(NeurocardsError):
    """The environment is wrong; the text lists every fault, one a line."""


class StoreUnavailableError(NeurocardsError):
    """PostgreSQL cannot be reached or is overloaded."""


class QueueUnavailableError(NeurocardsError):
    """NATS cannot be reached or refuses to store."""


class ProviderError(NeurocardsError):
    """A provider refused or failed."""

    def __init__(self, failure: Failure, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{failure.source}: {failure.http_status} {failure.code} {failure.text}")
        self.failure = failure
        self.retry_after_s = retry_after_s


class HeldBackError(ProviderError):
    """Nothing was sent: our own limiter had no turn for it."""


class OutcomeUnknownError(ProviderError):
    """The connection broke after the request may have been sent."""


class RecipientGoneError(ProviderError):
    """The user blocked the bot, was deactivated, or the chat is gone."""


class MessageGoneError(ProviderError):
    """The message that should be edited was deleted or can no longer be edited."""


class PhotoUnusableError(NeurocardsError):
    """The photo cannot be used; `fault` names why, for the user's text."""

    def __init__(self, fault: PhotoFault) -> None:
        super().__init__(f"the photo cannot be used: {fault}")
        self.fault = fault


class PhotoNotInspectedError(PhotoUnusableError):
    """Whoever looked at the photo was killed, or had no time: nobody knows what it is."""
