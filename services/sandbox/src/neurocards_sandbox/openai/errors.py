"""Errors of the API: status, type, code and text as the real service gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Response

INVALID_REQUEST = "invalid_request_error"


@dataclass(slots=True)
class ApiError(Exception):
    """A request that is refused. `headers` join those of every reply."""

    status: int
    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def error_response(error: ApiError, headers: Mapping[str, str]) -> Response:
    body = {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }
    return Response(
        json.dumps(body, ensure_ascii=False),
        error.status,
        headers={**headers, **error.headers},
        media_type="application/json",
    )


def missing(param: str) -> ApiError:
    message = f"Missing required parameter: '{param}'."
    return ApiError(400, message, code="missing_required_parameter", param=param)


def wrong_type(param: str, expected: str) -> ApiError:
    message = f"Invalid type for '{param}': expected {expected}."
    return ApiError(400, message, code="invalid_type", param=param)


def unknown_parameter(param: str) -> ApiError:
    message = f"Unknown parameter: '{param}'."
    return ApiError(400, message, code="unknown_parameter", param=param)


def no_key() -> ApiError:
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def wrong_key(key: str) -> ApiError:
    shown = f"{key[:3]}{'*' * 8}{key[-2:]}" if len(key) > 8 else "*" * len(key)
    return ApiError(
        401,
        f"Incorrect API key provided: {shown}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def unknown_model(model: str) -> ApiError:
    return ApiError(
        400,
        f"The requested model '{model}' does not exist.",
        code="model_not_found",
        param="model",
    )


def invalid_image() -> ApiError:
    return ApiError(
        400,
        "The image data you provided does not represent a valid image. Please check your input "
        "and try again with one of the supported image formats: ['image/jpeg', 'image/png', "
        "'image/gif', 'image/webp'].",
        code="invalid_image",
        param="input",
    )


def image_too_large(bytes_max: int) -> ApiError:
    return ApiError(
        400,
        f"The image is larger than the maximum of {bytes_max} bytes.",
        code="image_too_large",
        param="input",
    )


def rate_limited(kind: str, limit: int, retry_after_s: float) -> ApiError:
    """`kind` is `requests` or `tokens`."""
    unit = "RPM" if kind == "requests" else "TPM"
    return ApiError(
        429,
        f"Rate limit reached on {kind} per min ({unit}): Limit {limit}. "
        f"Please try again in {retry_after_s:g}s.",
        type=kind,
        code="rate_limit_exceeded",
        headers={
            "retry-after": str(max(1, round(retry_after_s))),
            "retry-after-ms": str(round(retry_after_s * 1000)),
        },
    )


def out_of_quota(code: str = "insufficient_quota") -> ApiError:
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        type="insufficient_quota",
        code=code,
    )
