"""Reading foreign request bodies, never more than is allowed."""

from __future__ import annotations

from starlette.requests import Request


class BodyTooLargeError(Exception):
    """The body is larger than allowed; the rest of it was not read."""


async def read_body(request: Request, *, bytes_max: int) -> bytes:
    """Read the body; BodyTooLargeError as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bytes_max:
        raise BodyTooLargeError
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > bytes_max:
            raise BodyTooLargeError
    return bytes(chunks)
