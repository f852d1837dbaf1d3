"""The envelope of every reply, and the texts with which the service refuses.

The texts are the service's own, to the letter: clients classify by them. Invariant: a business
error is HTTP 200 with `code` in the body unless the settings ask for real status codes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Response

NO_CREDITS = (
    "Credits insufficient : Your current balance isn’t enough to run this request. "
    "Please top up to continue."
)
UNAUTHENTICATED = (
    "Unauthorized – Authentication failed. Please check that your Authorization and Content-Type "
    "headers are correctly set."
)
NO_PERMISSION = "You do not have access permissions"
MODEL_NOT_SUPPORTED = (
    "The model name you specified is not supported. Please verify your input and use one of the "
    "supported models provided by KIE."
)
CALL_FREQUENCY = "Your call frequency is too high. Please try again later."
RATE_LIMIT_EXCEEDED = "Rate limit exceeded"
RECORD_IS_NULL = "recordInfo is null"
FIELD_REQUIRED = "This field is required"
ASPECT_RATIO_REQUIRED = "aspect_ratio is required"


@dataclass(slots=True)
class RefusedError(Exception):
    """A request that is answered with an error; `data` is null in all of them."""

    code: int
    message: str


class Envelopes:
    """Builds replies; one per app, since the status code is a setting."""

    def __init__(self, *, http_status_from_code: bool) -> None:
        self._http_status_from_code = http_status_from_code

    def success(self, data: Any, message: str = "success", code: int = 200) -> Response:
        return json_response({"code": code, "msg": message, "data": data})

    def refusal(self, refused: RefusedError) -> Response:
        body = {"code": refused.code, "msg": refused.message, "data": None}
        status = refused.code if self._http_status_from_code else 200
        return json_response(body, status)


def json_response(body: Any, status: int = 200) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")


def bad_gateway() -> Response:
    page = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
    return Response(page, 502, media_type="text/html")


def cloudflare_refusal() -> Response:
    return Response("error code: 1010", 403, media_type="text/plain")


def not_json() -> Response:
    return Response("<!doctype html><html><body>One moment, please</body></html>", 200)
