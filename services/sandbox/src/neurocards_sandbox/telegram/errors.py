"""Failures of API calls, worded as the production server words them.

ApiError
 |-- bad_request   400 "Bad Request: ..."
 |-- unauthorized  401 "Unauthorized..."
 |-- forbidden     403 "Forbidden: ..."
 |-- not_found     404 "Not Found..."
 |-- conflict      409 "Conflict: ..."
 |-- too_large     413 "Request Entity Too Large"
 `-- too_many      429 "Too Many Requests: retry after N"
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A call failed; `code` is the error_code and the HTTP status."""

    def __init__(
        self, code: int, description: str, parameters: dict[str, Any] | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    @property
    def body(self) -> dict[str, Any]:
        """The error envelope."""
        envelope: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            envelope["parameters"] = self.parameters
        return envelope


def bad_request(text: str, parameters: dict[str, Any] | None = None) -> ApiError:
    return ApiError(400, f"Bad Request: {text}", parameters)


def unauthorized(text: str = "") -> ApiError:
    return ApiError(401, f"Unauthorized: {text}" if text else "Unauthorized")


def forbidden(text: str) -> ApiError:
    return ApiError(403, f"Forbidden: {text}")


def method_not_found() -> ApiError:
    return ApiError(404, "Not Found: method not found")


def conflict(text: str) -> ApiError:
    return ApiError(409, f"Conflict: {text}")


def too_large() -> ApiError:
    return ApiError(413, "Request Entity Too Large")


def too_many(retry_after_s: int) -> ApiError:
    return ApiError(
        429, f"Too Many Requests: retry after {retry_after_s}", {"retry_after": retry_after_s}
    )
