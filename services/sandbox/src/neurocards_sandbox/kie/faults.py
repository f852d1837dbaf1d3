"""The catalogue of faults: every error of the service that a client has to tell apart.

A name is a magic word (`[sim:NAME]`) and a fault of the control API alike. Faults of the stages
CREATE and RENDER carry the code and the text of the service; what the others do stands where
they strike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neurocards_sandbox.kie import envelopes

READS_STRUCK = 3
DOWNLOADS_STRUCK = 2


class Stage(StrEnum):
    CREATE = "create"
    """createTask is refused; there is no task."""
    REPLY = "reply"
    """The task exists, its reply does not arrive as it should."""
    RENDER = "render"
    """The task ends in state fail."""
    TIMELINE = "timeline"
    INFO = "info"
    RESULT = "result"
    CALLBACK = "callback"
    UPLOAD = "upload"
    """By control API only."""


AFTER_CREATION = (
    Stage.REPLY,
    Stage.RENDER,
    Stage.TIMELINE,
    Stage.INFO,
    Stage.RESULT,
    Stage.CALLBACK,
)


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    stage: Stage
    summary: str
    code: int | str = 0
    message: str = ""


def _create(name: str, code: int, message: str) -> Fault:
    return Fault(name, Stage.CREATE, f"createTask answers code {code}", code, message)


def _render(name: str, code: str, message: str) -> Fault:
    return Fault(name, Stage.RENDER, f"the task fails with failCode {code!r}", code, message)


PHOTOREALISTIC_PEOPLE = (
    "We currently do not support uploads of images containing photorealistic people."
)

_CREATE = (
    _create("billing", 402, envelopes.NO_CREDITS),
    _create("billing-500", 500, envelopes.NO_CREDITS),
    _create("subkey", 433, "The usage of this sub-key exceeds its limit"),
    _create("rate", 429, envelopes.CALL_FREQUENCY),
    _create("rate-limit", 429, envelopes.RATE_LIMIT_EXCEEDED),
    _create("rate-430", 430, envelopes.CALL_FREQUENCY),
    _create("unauthorized", 401, envelopes.UNAUTHENTICATED),
    _create("permission", 401, envelopes.NO_PERMISSION),
    _create("dead-model", 422, envelopes.MODEL_NOT_SUPPORTED),
    _create("dead-model-404", 404, envelopes.MODEL_NOT_SUPPORTED),
    _create("required", 500, envelopes.FIELD_REQUIRED),
    _create("aspect-required", 500, envelopes.ASPECT_RATIO_REQUIRED),
    _create("bad-request", 400, "The request parameters are incorrect"),
    _create("people-create", 400, PHOTOREALISTIC_PEOPLE),
    _create("disabled", 505, "This feature is currently disabled"),
    _create("maintenance", 455, "The service is under maintenance. Please try again later."),
    _create("create-500", 500, "Server exception"),
    _create("create-408", 408, "The request timed out. Please try again later."),
    Fault("http-502", Stage.CREATE, "a real 502 with a page instead of JSON"),
    Fault("cloudflare", Stage.CREATE, 'a real 403 "error code: 1010"'),
    Fault("drop", Stage.CREATE, "the connection breaks and there is no task"),
)

_RENDER = (
    _render(
        "violation",
        "501",
        "This content may violate our guardrails concerning similarity to third-party content.",
    ),
    _render("people", "501", PHOTOREALISTIC_PEOPLE),
    _render("flagged", "400", "Your content was flagged by OpenAI as violating content policies"),
    _render(
        "sensitive-image",
        "InputImageSensitiveContentDetected.PrivacyInformation",
        "The request failed because the input image may contain sensitive information.",
    ),
    _render(
        "sensitive-text",
        "InputTextSensitiveContentDetected",
        "The request failed because the input text may contain sensitive information.",
    ),
    _render("real-person", "500", "The request failed: the input image may contain real person."),
    _render("public-error", "501", "PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED"),
    _render("temporary", "500", "internal error, please try again later."),
    _render("internal", "500", "Internal server error"),
    _render("exception", "500", "Server exception"),
    _render("sentinel", "sentinel_block", "Hmmm something didn't look right"),
    _render("overload", "503", "We are under heavy load, please try again later."),
    _render("timeout", "408", "Generation timeout"),
    _render("generation-failed", "501", "Generation failed"),
    _render("unknown", "9999", "Unexpected result of node 17"),
    _render(
        "image-fetch",
        "451",
        "Failed to fetch the image. Kindly check any access limits set by you or your service "
        "provider.",
    ),
)

_OTHERS = (
    Fault("lost-reply", Stage.REPLY, "the connection breaks after the task was made"),
    Fault("slow-reply", Stage.REPLY, "the reply comes late (setting reply_delay_s)"),
    Fault("garbage", Stage.REPLY, "HTTP 200 with a page instead of JSON"),
    Fault("reply-500", Stage.REPLY, "a real 500 after the task was made"),
    Fault("stuck", Stage.TIMELINE, "the task never ends"),
    Fault("slow", Stage.TIMELINE, "the task takes 5 times as long"),
    Fault("fast", Stage.TIMELINE, "the task is done at once"),
    Fault("info-null", Stage.INFO, "recordInfo is null 10 times longer"),
    Fault("info-500", Stage.INFO, f"a real 500 for the first {READS_STRUCK} reads"),
    Fault("info-garbage", Stage.INFO, f"not JSON for the first {READS_STRUCK} reads"),
    Fault("info-429", Stage.INFO, f"code 429 for the first {READS_STRUCK} reads"),
    Fault("envelope-505", Stage.INFO, "code 505 beside a task that is fine"),
    Fault("result-404", Stage.RESULT, "the result is not found"),
    Fault("result-500", Stage.RESULT, f"a 500 for the first {DOWNLOADS_STRUCK} downloads"),
    Fault("result-slow", Stage.RESULT, "a few bytes in a second"),
    Fault("result-truncated", Stage.RESULT, "the connection breaks in the middle"),
    Fault("result-html", Stage.RESULT, "HTTP 200 with a page named video/mp4"),
    Fault("result-huge", Stage.RESULT, "an endless body"),
    Fault("result-redirect", Stage.RESULT, "302 to http://169.254.169.254/"),
    Fault("result-foreign", Stage.RESULT, "resultUrls name a foreign host"),
    Fault("result-null", Stage.RESULT, "state success with resultJson null"),
    Fault("result-empty", Stage.RESULT, "resultUrls is an empty list"),
    Fault("result-broken", Stage.RESULT, "resultJson is not JSON"),
    Fault("callback-lost", Stage.CALLBACK, "the callback is not sent"),
    Fault("callback-twice", Stage.CALLBACK, "the callback is sent twice"),
    Fault("callback-late", Stage.CALLBACK, "the callback is late (setting callback_delay_s)"),
    Fault("callback-unsigned", Stage.CALLBACK, "the callback carries no signature"),
    Fault("callback-forged", Stage.CALLBACK, "the callback's signature is wrong"),
    Fault("upload-500", Stage.UPLOAD, 'code 500 "File upload failed"', 500, "File upload failed"),
    Fault("upload-401", Stage.UPLOAD, "code 401", 401, envelopes.NO_PERMISSION),
    Fault("upload-slow", Stage.UPLOAD, "the reply comes late (setting reply_delay_s)"),
    Fault("upload-drop", Stage.UPLOAD, "the connection breaks and nothing is stored"),
)

CATALOGUE = {fault.name: fault for fault in (*_CREATE, *_RENDER, *_OTHERS)}
STAGES = {fault.name: str(fault.stage) for fault in CATALOGUE.values()}
