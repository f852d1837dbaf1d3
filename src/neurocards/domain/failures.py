"""From an error of a provider to what it means for the job and for the user's credits.

`classify` reads an error and names its class, `reaction` tells what follows from the class and
the tries so far. The rules are tables, first match wins; every text that was ever seen is a case
in the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from neurocards.domain.jobs import TRIES_MAX

JITTER_SHARE = 0.2
RAW_TEXT_CHARACTERS_MAX = 2000


class FailureClass(StrEnum):
    """What went wrong, in the words that the users' texts and the metrics use."""

    USER_VIOLATION = "USER_VIOLATION"
    BILLING = "BILLING"
    RATE_LIMIT = "RATE_LIMIT"
    TEMPORARY = "TEMPORARY"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> FailureClass | None:
        """Read the other name that the documents have for a class; it is never written."""
        return cls.USER_VIOLATION if value == _OTHER_NAME_OF_VIOLATION else None


_OTHER_NAME_OF_VIOLATION = "USER_ERROR"


class FailureSource(StrEnum):
    KIE = "kie"
    OPENAI = "openai"
    TELEGRAM = "telegram"
    NETWORK = "network"
    PHOTO = "photo"
    NEUROCARDS = "neurocards"


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """How long a job rests before its second try, its third, and so on; the last one for the rest.

    The third is used when TRIES_MAX is raised to 4. `scale` multiplies all of them.
    """

    temporary_s: tuple[float, ...] = (10.0, 20.0, 40.0)
    rate_limit_s: tuple[float, ...] = (60.0, 120.0, 240.0)
    scale: float = 1.0

    def after(self, failure_class: FailureClass, tries: int) -> float | None:
        """Give the delay in seconds after so many tries; None for what is not tried again."""
        match failure_class:
            case FailureClass.TEMPORARY:
                delays_s = self.temporary_s
            case FailureClass.RATE_LIMIT:
                delays_s = self.rate_limit_s
            case _:
                return None
        return self.scale * delays_s[min(tries, len(delays_s)) - 1]


RETRY_DELAYS = RetryDelays()


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it was seen, before anybody judged it.

    `http_status` is that of the reply, `code` the provider's own one (KIE's envelope or failCode,
    OpenAI's error code), `kind` OpenAI's error type.
    """

    source: FailureSource
    text: str = ""
    http_status: int | None = None
    code: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ClassifiedFailure:
    failure_class: FailureClass
    code: str
    text: str
    """The provider's words, kept as they were for whoever looks into it."""
    source: FailureSource


_BILLING_TEXT = re.compile(
    r"credits? insufficient|insufficient (credits|balance)|balance isn't enough|\btop up\b"
)
_RATE_LIMIT_TEXT = re.compile(r"rate limit exceeded|frequency is too high|too many requests")
_VIOLATION_TEXT = re.compile(
    r"violat.{0,40}(polic|guardrail)|content polic|guardrails|flagged by|moderation"
    r"|photorealistic people|real person|third-party content|sensitive|nsfw|public_error_"
)
_CONFIGURATION_TEXT = re.compile(r"model name .*not supported|is required")
_TEMPORARY_TEXT = re.compile(
    r"internal (server )?error|server exception|heavy load|overloaded|try again later"
    r"|time-?out|timed out|paused|something didn't look right|sentinel_block"
)
_BILLING_CODES = frozenset({"402", "433"})
_RATE_LIMIT_CODES = frozenset({"429", "430"})
_CONFIGURATION_CODES = frozenset({"400", "401", "403", "404", "422", "505"})
_TEMPORARY_CODES = frozenset({"408", "409", "455", "500", "501", "502", "503", "504", "520", "524"})


@dataclass(frozen=True, slots=True)
class _Rule:
    failure_class: FailureClass
    codes: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None


_KIE_RULES = (
    _Rule(FailureClass.BILLING, _BILLING_CODES, _BILLING_TEXT),
    _Rule(FailureClass.RATE_LIMIT, _RATE_LIMIT_CODES, _RATE_LIMIT_TEXT),
    _Rule(FailureClass.USER_VIOLATION, text=_VIOLATION_TEXT),
    _Rule(FailureClass.UNKNOWN, _CONFIGURATION_CODES, _CONFIGURATION_TEXT),
    _Rule(FailureClass.TEMPORARY, _TEMPORARY_CODES, _TEMPORARY_TEXT),
)
_OPENAI_VIOLATION_CODES = frozenset(
    {
        "invalid_prompt",
        "content_policy_violation",
        "image_content_policy_violation",
        "content_filter",
        "refusal",
    }
)
UNUSABLE_SCRIPT_CODE = "unusable_script"
"""Our own code: an answer in the right form that is cut, empty or not a script."""
_OPENAI_BILLING_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)
_OPENAI_TEMPORARY_CODES = frozenset({"server_error", "vector_store_timeout", UNUSABLE_SCRIPT_CODE})

_CLASS_OF_SOURCE = {
    FailureSource.NETWORK: FailureClass.TEMPORARY,
    FailureSource.PHOTO: FailureClass.USER_VIOLATION,
    FailureSource.NEUROCARDS: FailureClass.UNKNOWN,
}
"""Where the words say nothing more."""


def classify(failure: Failure) -> ClassifiedFailure:
    """Name the class of an error."""
    text = failure.text[:RAW_TEXT_CHARACTERS_MAX]
    return ClassifiedFailure(
        failure_class=_class_of(failure, _normalised(text)),
        code=failure.code or (str(failure.http_status) if failure.http_status else ""),
        text=text,
        source=failure.source,
    )


def _class_of(failure: Failure, text: str) -> FailureClass:
    if failure.source in _CLASS_OF_SOURCE:
        return _CLASS_OF_SOURCE[failure.source]
    if failure.source is FailureSource.OPENAI:
        return _openai_class(failure, text)
    if failure.source is FailureSource.TELEGRAM:
        return _telegram_class(failure)
    return _kie_class(failure, text)


def _kie_class(failure: Failure, text: str) -> FailureClass:
    codes = {failure.code or "", str(failure.http_status or "")}
    for rule in _KIE_RULES:
        if codes & rule.codes or (rule.text is not None and rule.text.search(text)):
            return rule.failure_class
    return FailureClass.UNKNOWN


def _openai_class(failure: Failure, text: str) -> FailureClass:
    status = failure.http_status or 0
    if failure.kind == "insufficient_quota" or failure.code in _OPENAI_BILLING_CODES:
        return FailureClass.BILLING
    if _BILLING_TEXT.search(text):
        return FailureClass.BILLING
    if failure.code in _OPENAI_VIOLATION_CODES or _VIOLATION_TEXT.search(text):
        return FailureClass.USER_VIOLATION
    if status == 429 or failure.code == "rate_limit_exceeded":  # noqa: PLR2004 - HTTP's own number
        return FailureClass.RATE_LIMIT
    if failure.code is not None and failure.code.startswith(("invalid_image", "image_too_")):
        return FailureClass.USER_VIOLATION
    if str(status) in _TEMPORARY_CODES or failure.code in _OPENAI_TEMPORARY_CODES:
        return FailureClass.TEMPORARY
    return FailureClass.UNKNOWN


def _telegram_class(failure: Failure) -> FailureClass:
    status = failure.http_status or 0
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return FailureClass.RATE_LIMIT
    return FailureClass.TEMPORARY if str(status) in _TEMPORARY_CODES else FailureClass.UNKNOWN


def _normalised(text: str) -> str:
    """Lower the case and make every apostrophe a plain one: providers use several."""
    return re.sub("[\u2018\u2019\u02bc`]", "'", text).lower()


@dataclass(frozen=True, slots=True)
class TryAgain:
    after_s: float


@dataclass(frozen=True, slots=True)
class StopTrying:
    pass


def reaction(
    failure_class: FailureClass,
    *,
    tries: int,
    delays: RetryDelays = RETRY_DELAYS,
    jitter: float = 0.0,
    tries_max: int = TRIES_MAX,
) -> TryAgain | StopTrying:
    """Tell what a failure leads to; `tries` counts this one too, `jitter` lies within -1..1."""
    delay_s = delays.after(failure_class, tries)
    if delay_s is None or tries >= tries_max:
        return StopTrying()
    return TryAgain(after_s=delay_s * (1 + JITTER_SHARE * max(-1.0, min(1.0, jitter))))
