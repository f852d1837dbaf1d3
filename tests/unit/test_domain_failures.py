"""From the words of providers to the five classes: every text that was ever seen is a case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.failures import (
    JITTER_SHARE,
    RAW_TEXT_CHARACTERS_MAX,
    Failure,
    FailureClass,
    FailureSource,
    RetryDelays,
    StopTrying,
    TryAgain,
    classify,
    reaction,
)

BILLING = FailureClass.BILLING
RATE_LIMIT = FailureClass.RATE_LIMIT
VIOLATION = FailureClass.USER_VIOLATION
TEMPORARY = FailureClass.TEMPORARY
UNKNOWN = FailureClass.UNKNOWN

INSUFFICIENT = (
    "Credits insufficient : Your current balance isn\u2019t enough to run this request. "
    "Please top up to continue."
)
NO_SUCH_MODEL = (
    "The model name you specified is not supported. Please verify your input and use one of the "
    "supported models provided by KIE."
)
UNAUTHORIZED = (
    "Unauthorized \u2013 Authentication failed. Please check that your Authorization and "
    "Content-Type headers are correctly set."
)
PEOPLE = "We currently do not support uploads of images containing photorealistic people."
OPENAI_PEOPLE = (
    "OpenAI currently do not support uploads of images containing photorealistic people."
)
GUARDRAILS = "This content may violate our guardrails concerning similarity to third-party content."

KIE_CASES = [
    ("402", INSUFFICIENT, BILLING),
    ("500", INSUFFICIENT, BILLING),
    ("200", "Insufficient balance", BILLING),
    ("402", "", BILLING),
    ("433", "Sub-key usage exceeds limit", BILLING),
    ("429", "Rate limit exceeded", RATE_LIMIT),
    ("200", "Your call frequency is too high. Please try again later.", RATE_LIMIT),
    ("430", "", RATE_LIMIT),
    ("500", "Too many requests", RATE_LIMIT),
    ("501", PEOPLE, VIOLATION),
    ("400", OPENAI_PEOPLE, VIOLATION),
    ("500", GUARDRAILS, VIOLATION),
    ("501", "Your content was flagged by OpenAI as violating content policies", VIOLATION),
    ("501", "InputImageSensitiveContentDetected.PrivacyInformation", VIOLATION),
    ("501", "InputTextSensitiveContentDetected", VIOLATION),
    ("501", "The image may contain real person", VIOLATION),
    ("501", "PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED", VIOLATION),
    ("501", "NSFW content", VIOLATION),
    ("401", UNAUTHORIZED, UNKNOWN),
    ("401", "You do not have access permissions", UNKNOWN),
    ("404", NO_SUCH_MODEL, UNKNOWN),
    ("422", NO_SUCH_MODEL, UNKNOWN),
    ("500", "This field is required", UNKNOWN),
    ("500", "aspect_ratio is required", UNKNOWN),
    ("400", "Bad request", UNKNOWN),
    ("505", "Feature disabled", UNKNOWN),
    ("408", "", TEMPORARY),
    ("455", "Service under maintenance", TEMPORARY),
    ("500", "internal error, please try again later.", TEMPORARY),
    ("200", "Internal Server Error", TEMPORARY),
    ("501", "Generation failed", TEMPORARY),
    ("500", "Server exception", TEMPORARY),
    ("200", "Hmmm something didn\u2019t look right", TEMPORARY),
    ("200", "sentinel_block", TEMPORARY),
    ("200", "We are under heavy load", TEMPORARY),
    ("200", "Task timed out", TEMPORARY),
    ("200", "a text that nobody has seen yet", UNKNOWN),
    (None, "", UNKNOWN),
]


@pytest.mark.parametrize(("code", "text", "expected"), KIE_CASES)
def test_every_error_of_kie_has_its_class(code: str | None, text: str, expected: FailureClass):
    failure = Failure(FailureSource.KIE, text, http_status=200, code=code)
    assert classify(failure).failure_class is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(402, BILLING), (429, RATE_LIMIT), (403, UNKNOWN), (503, TEMPORARY), (None, UNKNOWN)],
)
def test_the_status_of_http_says_the_same_as_the_code_in_the_body(
    status: int | None, expected: FailureClass
):
    assert classify(Failure(FailureSource.KIE, http_status=status)).failure_class is expected


OPENAI_CASES = [
    (429, "tokens", "rate_limit_exceeded", RATE_LIMIT),
    (429, "requests", "rate_limit_exceeded", RATE_LIMIT),
    (None, None, "rate_limit_exceeded", RATE_LIMIT),
    (429, None, None, RATE_LIMIT),
    (429, "insufficient_quota", "insufficient_quota", BILLING),
    (429, "insufficient_quota", "credit_balance_exhausted", BILLING),
    (429, "insufficient_quota", "organization_spend_limit_exceeded", BILLING),
    (429, "insufficient_quota", "project_spend_limit_exceeded", BILLING),
    (429, "insufficient_quota", "organization_usage_limit_exceeded", BILLING),
    (200, None, "insufficient_quota", BILLING),
    (400, "invalid_request_error", "invalid_prompt", VIOLATION),
    (400, "invalid_request_error", "content_policy_violation", VIOLATION),
    (200, None, "image_content_policy_violation", VIOLATION),
    (200, None, "content_filter", VIOLATION),
    (200, None, "refusal", VIOLATION),
    (400, "invalid_request_error", "invalid_image", VIOLATION),
    (400, "invalid_request_error", "invalid_image_format", VIOLATION),
    (400, "invalid_request_error", "image_too_large", VIOLATION),
    (400, "invalid_request_error", None, UNKNOWN),
    (401, "invalid_request_error", "invalid_api_key", UNKNOWN),
    (403, None, None, UNKNOWN),
    (404, "invalid_request_error", "model_not_found", UNKNOWN),
    (200, None, "failed_to_download_image", UNKNOWN),
    (408, None, None, TEMPORARY),
    (409, None, None, TEMPORARY),
    (500, "server_error", None, TEMPORARY),
    (503, None, None, TEMPORARY),
    (200, None, "server_error", TEMPORARY),
    (None, None, None, UNKNOWN),
]


@pytest.mark.parametrize(("status", "kind", "code", "expected"), OPENAI_CASES)
def test_every_error_of_openai_has_its_class(
    status: int | None, kind: str | None, code: str | None, expected: FailureClass
):
    failure = Failure(FailureSource.OPENAI, "", http_status=status, code=code, kind=kind)
    assert classify(failure).failure_class is expected


def test_openais_words_count_where_its_codes_say_nothing():
    billing = Failure(FailureSource.OPENAI, "Please top up your account", http_status=400)
    assert classify(billing).failure_class is BILLING
    violation = Failure(FailureSource.OPENAI, "Rejected by our moderation", http_status=400)
    assert classify(violation).failure_class is VIOLATION


@pytest.mark.parametrize(
    ("source", "status", "expected"),
    [
        (FailureSource.TELEGRAM, 429, RATE_LIMIT),
        (FailureSource.TELEGRAM, 502, TEMPORARY),
        (FailureSource.TELEGRAM, 400, UNKNOWN),
        (FailureSource.TELEGRAM, None, UNKNOWN),
        (FailureSource.NETWORK, None, TEMPORARY),
        (FailureSource.PHOTO, None, VIOLATION),
        (FailureSource.NEUROCARDS, None, UNKNOWN),
    ],
)
def test_the_source_decides_where_there_are_no_words(
    source: FailureSource, status: int | None, expected: FailureClass
):
    assert classify(Failure(source, http_status=status)).failure_class is expected


def test_the_words_are_kept_as_they_were_and_the_code_falls_back_to_the_status():
    classified = classify(Failure(FailureSource.KIE, INSUFFICIENT, http_status=500))
    assert (classified.text, classified.code) == (INSUFFICIENT, "500")
    assert classified.source is FailureSource.KIE
    assert classify(Failure(FailureSource.NETWORK)).code == ""


@given(st.text(), st.text(max_size=12))
def test_whatever_a_provider_says_is_classified_and_bounded(text: str, code: str):
    classified = classify(Failure(FailureSource.KIE, text * 50, code=code))
    assert classified.failure_class in FailureClass
    assert len(classified.text) <= RAW_TEXT_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("failure_class", "tries", "expected"),
    [
        (TEMPORARY, 1, TryAgain(10)),
        (TEMPORARY, 2, TryAgain(20)),
        (TEMPORARY, 3, StopTrying()),
        (RATE_LIMIT, 1, TryAgain(60)),
        (RATE_LIMIT, 2, TryAgain(120)),
        (RATE_LIMIT, 3, StopTrying()),
        (VIOLATION, 1, StopTrying()),
        (BILLING, 1, StopTrying()),
        (UNKNOWN, 1, StopTrying()),
    ],
)
def test_what_a_failure_leads_to(
    failure_class: FailureClass, tries: int, expected: TryAgain | StopTrying
):
    assert reaction(failure_class, tries=tries) == expected


def test_the_third_delay_is_used_when_four_tries_are_allowed():
    assert reaction(TEMPORARY, tries=3, tries_max=4) == TryAgain(40)
    assert reaction(RATE_LIMIT, tries=3, tries_max=4) == TryAgain(240)
    assert reaction(RATE_LIMIT, tries=9, tries_max=20) == TryAgain(240)


def test_other_delays_can_be_chosen_and_the_last_one_holds_for_the_rest():
    """C-3, S2-27: 30 and 60 seconds are the calmer choice."""
    calm = RetryDelays(temporary_s=(30, 60), scale=0.5)
    found = [reaction(TEMPORARY, tries=tries, delays=calm, tries_max=9) for tries in (1, 2, 3)]
    assert found == [TryAgain(15), TryAgain(30), TryAgain(30)]
    assert reaction(RATE_LIMIT, tries=1, delays=calm) == TryAgain(30)


@given(st.floats(allow_nan=False))
def test_jitter_moves_a_delay_by_a_fifth_at_most(jitter: float):
    answer = reaction(TEMPORARY, tries=1, jitter=jitter)
    assert isinstance(answer, TryAgain)
    assert 10 * (1 - JITTER_SHARE) <= answer.after_s <= 10 * (1 + JITTER_SHARE)


def test_the_other_name_of_a_violation_is_read_and_never_written() -> None:
    """C-1, S2-24: the documents call it USER_ERROR too."""
    assert FailureClass("USER_ERROR") is VIOLATION
    assert VIOLATION.value == "USER_VIOLATION"
    assert "USER_ERROR" not in list(FailureClass)
    with pytest.raises(ValueError, match="USER_MISTAKE"):
        FailureClass("USER_MISTAKE")
