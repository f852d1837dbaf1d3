"""The catalogue of faults: names for `[sim:NAME]` in the input text and for the control API.

Faults with an error answer with it; what the others do to an answer stands in `replies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neurocards_sandbox.openai import errors
from neurocards_sandbox.openai.errors import ApiError

RETRY_AFTER_S = 1.0


class Stage(StrEnum):
    ERROR = "error"
    """The request is refused."""
    ANSWER = "answer"
    """HTTP 200, but not the answer that was asked for."""
    TRANSPORT = "transport"
    """Late, broken or no reply."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    stage: Stage
    summary: str
    error: ApiError | None = None


def _refused(name: str, error: ApiError) -> Fault:
    return Fault(name, Stage.ERROR, f"{error.status} {error.code or error.type}", error)


def _server_error(status: int, message: str, **headers: str) -> ApiError:
    return ApiError(status, message, type="server_error", code="server_error", headers=headers)


_OVERLOADED = "The engine is currently overloaded, please try again later"
_SORRY = "The server had an error while processing your request. Sorry about that!"
_POLICY = (
    "Your request was rejected as a result of our safety system. Your prompt may contain text "
    "that is not allowed by our content policy."
)

_FAULTS = (
    _refused("openai-rate", errors.rate_limited("requests", 3, RETRY_AFTER_S)),
    _refused("openai-tokens", errors.rate_limited("tokens", 1_000, RETRY_AFTER_S)),
    _refused("openai-quota", errors.out_of_quota()),
    _refused("openai-balance", errors.out_of_quota("credit_balance_exhausted")),
    _refused("openai-spend-limit", errors.out_of_quota("organization_spend_limit_exceeded")),
    _refused(
        "openai-invalid-prompt",
        ApiError(
            400,
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
            "Please try again with a different prompt.",
            code="invalid_prompt",
        ),
    ),
    _refused("openai-policy", ApiError(400, _POLICY, code="content_policy_violation")),
    _refused(
        "openai-image-policy",
        ApiError(
            400,
            "Your image was rejected by our safety system as violating our content policy.",
            code="image_content_policy_violation",
            param="input",
        ),
    ),
    _refused("openai-invalid-image", errors.invalid_image()),
    _refused("openai-image-large", errors.image_too_large(20 * 1024 * 1024)),
    _refused("openai-401", errors.wrong_key("sk-proj-revoked-key")),
    _refused(
        "openai-403",
        ApiError(
            403,
            "Country, region, or territory not supported",
            type="request_forbidden",
            code="unsupported_country_region_territory",
        ),
    ),
    _refused(
        "openai-404",
        ApiError(
            404,
            "The model does not exist or you do not have access to it.",
            code="model_not_found",
        ),
    ),
    _refused("openai-409", ApiError(409, "The resource was changed by another request.")),
    _refused("openai-500", _server_error(500, _SORRY)),
    _refused("openai-503", _server_error(503, _OVERLOADED)),
    _refused("openai-no-retry", _server_error(500, _SORRY, **{"x-should-retry": "false"})),
    Fault("openai-refusal", Stage.ANSWER, "a refusal instead of the text"),
    Fault("openai-incomplete", Stage.ANSWER, "incomplete (max_output_tokens), JSON cut in two"),
    Fault("openai-filtered", Stage.ANSWER, "incomplete (content_filter), JSON cut in two"),
    Fault("openai-failed", Stage.ANSWER, "status failed with server_error in a 200"),
    Fault("openai-commentary", Stage.ANSWER, "the text comes in the phase commentary only"),
    Fault("openai-wrong-json", Stage.ANSWER, "JSON that does not follow the schema"),
    Fault("openai-slow", Stage.TRANSPORT, "the reply is late (setting slow_s)"),
    Fault("openai-drop", Stage.TRANSPORT, "the connection breaks instead of a reply"),
    Fault("openai-garbage", Stage.TRANSPORT, "HTTP 200 with a page instead of JSON"),
)

CATALOGUE = {fault.name: fault for fault in _FAULTS}
STAGES = {fault.name: str(fault.stage) for fault in _FAULTS}
