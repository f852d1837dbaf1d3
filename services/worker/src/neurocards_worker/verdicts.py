"""From what went wrong to what becomes of the job: pure decisions of the worker."""

from __future__ import annotations

from neurocards.domain.failures import (
    ClassifiedFailure,
    Failure,
    FailureClass,
    FailureSource,
    RetryDelays,
    TryAgain,
    classify,
    reaction,
)
from neurocards.domain.jobs import Job
from neurocards.domain.outcomes import GiveUp, Retry
from neurocards.errors import (
    OutcomeUnknownError,
    PhotoNotInspectedError,
    PhotoUnusableError,
    ProviderError,
)

PHOTO_FAULT_PREFIX = "photo_"
_NO_TOKEN_STATUSES = frozenset({401, 404})
"""Of Telegram, whose addresses hold the token."""


def verdict(
    failure: ClassifiedFailure,
    job: Job,
    *,
    jitter: float,
    delays: RetryDelays,
    retry_after_s: float | None = None,
    new_task: bool = False,
) -> Retry | GiveUp:
    """Tell whether a failure is tried again; `jitter` lies within -1..1."""
    reacted = reaction(failure.failure_class, tries=job.tries + 1, delays=delays, jitter=jitter)
    if isinstance(reacted, TryAgain):
        after_s = max(reacted.after_s, retry_after_s or 0.0)
        return Retry(after_s, failure, new_task=new_task)
    return GiveUp(failure)


def verdict_on_bug(
    error: Exception, job: Job, *, jitter: float, delays: RetryDelays
) -> Retry | GiveUp:
    """Give a bug as many tries as a passing failure: it may hang on a moment, or on the job."""
    failure = ClassifiedFailure(
        FailureClass.UNKNOWN, "bug", type(error).__name__, FailureSource.NEUROCARDS
    )
    reacted = reaction(FailureClass.TEMPORARY, tries=job.tries + 1, delays=delays, jitter=jitter)
    if isinstance(reacted, TryAgain):
        return Retry(reacted.after_s, failure)
    return GiveUp(failure)


def photo_failure(error: PhotoUnusableError) -> ClassifiedFailure:
    """Name what is wrong with the photo, or with the machine that should have looked at it."""
    if isinstance(error, PhotoNotInspectedError):
        return own_failure(FailureClass.TEMPORARY, "inspection_killed", str(error))
    seen = Failure(FailureSource.PHOTO, text=str(error), code=PHOTO_FAULT_PREFIX + error.fault)
    return classify(seen)


def own_failure(failure_class: FailureClass, code: str, text: str) -> ClassifiedFailure:
    """Name a failure that no provider told us: a deadline, a lost order."""
    return ClassifiedFailure(failure_class, code, text, FailureSource.NEUROCARDS)


def passes(error: ProviderError) -> bool:
    """Tell whether the same request may do better later."""
    if isinstance(error, OutcomeUnknownError) or error.failure.source is FailureSource.NETWORK:
        return True
    passing = {FailureClass.RATE_LIMIT, FailureClass.TEMPORARY}
    return error.retry_after_s is not None or classify(error.failure).failure_class in passing


def lacks_its_token(error: ProviderError) -> bool:
    """Tell whether Telegram does not know the bot: another worker may have its token, or will."""
    return error.failure.http_status in _NO_TOKEN_STATUSES
