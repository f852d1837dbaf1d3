"""Arguments of one API call, however they were sent.

Reads urlencoded, multipart and JSON bodies and the query string into one mapping of names to
values, plus the uploaded files. Nested values may be JSON strings or, in a JSON body, real
JSON; both read the same through `Arguments`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from neurocards_sandbox.telegram.errors import bad_request, too_large

UPLOAD_BYTES_MAX = 50 * 1024 * 1024
BODY_BYTES_MAX = 128 * 1024 * 1024
FORM_FIELD_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with the call."""

    name: str
    content_type: str
    data: bytes


@dataclass(slots=True)
class Arguments:
    """Named values of a call with the reading rules of the Bot API."""

    values: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """The value as a string; empty if absent."""
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value) if isinstance(value, dict | list) else str(value)

    def integer(self, name: str, default: int = 0, low: int | None = None, high: int = 0) -> int:
        """The value as an integer, clamped to [low, high] when `low` is given."""
        try:
            number = int(self.text(name) or default)
        except ValueError:
            number = default
        return number if low is None else min(max(number, low), high)

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def json(self, name: str, problem: str) -> Any:
        """The value decoded from JSON, None if absent; raises 400 `problem` if it is not JSON."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(problem) from None

    def logged(self) -> dict[str, Any]:
        """The arguments for the call log: files by name and size."""
        files = {
            name: {"file_name": upload.name, "bytes": len(upload.data)}
            for name, upload in self.uploads.items()
        }
        return {**self.values, **files}


async def read_arguments(request: Request) -> Arguments:
    """Raises 413 for a body or a file over the limits, 400 for JSON that is none."""
    arguments = Arguments(dict(parse_qsl(request.scope["query_string"].decode("latin-1"))))
    if request.method != "POST":
        return arguments
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        await _read_form(request, arguments)
        return arguments
    body = await _read_body(request)
    if content_type == "application/json":
        arguments.values.update(_decode_object(body))
    elif body:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        arguments.values.update(pairs)
    return arguments


async def _read_body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > UPLOAD_BYTES_MAX:
            raise too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _decode_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(value, dict):
        raise bad_request("can't parse JSON object")
    return value


async def _read_form(request: Request, arguments: Arguments) -> None:
    if int(request.headers.get("content-length", 0)) > BODY_BYTES_MAX:
        raise too_large()
    async with request.form(max_part_size=FORM_FIELD_BYTES_MAX) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                arguments.values[name] = value
                continue
            data = await value.read()
            if len(data) > UPLOAD_BYTES_MAX:
                raise too_large()
            content_type = value.content_type or "application/octet-stream"
            # A name that comes again (several files of one control call) gets a number.
            key = f"{name}.{len(arguments.uploads)}" if name in arguments.uploads else name
            arguments.uploads[key] = Upload(value.filename or name, content_type, data)
