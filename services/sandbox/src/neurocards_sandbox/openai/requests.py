"""Reads the body of POST /v1/responses into what the simulator needs.

Invariant: a body that the real service refuses for its form is refused with the same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.openai import errors
from neurocards_sandbox.openai.errors import ApiError
from neurocards_sandbox.openai.images import PictureFacts, looked_at
from neurocards_sandbox.openai.strictness import check_strict

OUTPUT_TOKENS_MIN = 16
CHARACTERS_PER_TOKEN = 3.2
PICTURE_TOKENS = 765
MESSAGE_ROLES = frozenset({"user", "assistant", "system", "developer"})
_PARAMETERS = frozenset(
    {
        "access_programs",
        "background",
        "background_options",
        "context_management",
        "conversation",
        "image",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    type: str
    name: str
    schema: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    model: str
    instructions: str | None
    text: str
    """All text of the user's messages; magic words and facts are looked for in nothing else."""
    pictures: tuple[PictureFacts, ...]
    format: AnswerFormat
    max_output_tokens: int | None
    input_tokens: int
    body: Mapping[str, Any]


def read_request(content: bytes, models: tuple[str, ...], image_bytes_max: int) -> ResponseRequest:
    """Check and read a body; ApiError 400 with the service's code."""
    body = _json_object(content)
    for name in body:
        if name not in _PARAMETERS:
            raise errors.unknown_parameter(name)
    model = _model(body, models)
    if body.get("stream"):
        message = "The simulator does not stream."
        raise ApiError(400, message, code="unsupported_parameter", param="stream")
    texts, pictures = _input(body.get("input"), image_bytes_max)
    everything = len(str(body.get("instructions") or "")) + sum(len(text) for text in texts)
    return ResponseRequest(
        model=model,
        instructions=body.get("instructions"),
        text="\n".join(texts),
        pictures=tuple(pictures),
        format=_format(body.get("text") or {}),
        max_output_tokens=_max_output_tokens(body.get("max_output_tokens")),
        input_tokens=token_count(everything) + PICTURE_TOKENS * len(pictures),
        body=body,
    )


def token_count(characters: int) -> int:
    return max(1, round(characters / CHARACTERS_PER_TOKEN))


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.")
    return body


def _model(body: Mapping[str, Any], models: tuple[str, ...]) -> str:
    model = body.get("model")
    if model is None:
        raise errors.missing("model")
    if not isinstance(model, str):
        raise errors.wrong_type("model", "a string")
    if model not in models:
        raise errors.unknown_model(model)
    return model


def _input(given: Any, image_bytes_max: int) -> tuple[list[str], list[PictureFacts]]:
    if given is None:
        raise errors.missing("input")
    if isinstance(given, str):
        return [given], []
    if not isinstance(given, list):
        raise errors.wrong_type("input", "one of an array of objects or string")
    texts: list[str] = []
    pictures: list[PictureFacts] = []
    for number, item in enumerate(given):
        where = f"input[{number}]"
        if not isinstance(item, dict):
            raise errors.wrong_type(where, "an object")
        if item.get("type", "message") != "message":
            continue
        if item.get("role") not in MESSAGE_ROLES:
            raise ApiError(400, f"Invalid value: '{item.get('role')}'.", param=f"{where}.role")
        if item["role"] == "user":
            _content(item.get("content"), where, texts, pictures, image_bytes_max)
    return texts, pictures


def _content(
    content: Any,
    where: str,
    texts: list[str],
    pictures: list[PictureFacts],
    image_bytes_max: int,
) -> None:
    if isinstance(content, str):
        texts.append(content)
        return
    if not isinstance(content, list):
        raise errors.wrong_type(f"{where}.content", "one of an array of objects or string")
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "input_text":
                texts.append(str(part.get("text", "")))
            case "input_image":
                pictures.append(looked_at(str(part.get("image_url") or ""), image_bytes_max))
            case _:
                place = f"{where}.content[{number}]"
                raise ApiError(400, f"Invalid value: '{kind}'.", code="invalid_value", param=place)


def _format(text: Any) -> AnswerFormat:
    if not isinstance(text, dict):
        raise errors.wrong_type("text", "an object")
    given = text.get("format") or {"type": "text"}
    kind = given.get("type")
    if kind in {"text", "json_object"}:
        return AnswerFormat(kind, kind, None)
    if kind != "json_schema":
        raise ApiError(400, f"Invalid value: '{kind}'.", param="text.format.type")
    for required in ("name", "schema"):
        if required not in given:
            raise errors.missing(f"text.format.{required}")
    if not isinstance(given["schema"], dict):
        raise errors.wrong_type("text.format.schema", "an object")
    if given.get("strict"):
        check_strict(str(given["name"]), given["schema"])
    return AnswerFormat(kind, str(given["name"]), given["schema"])


def _max_output_tokens(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.wrong_type("max_output_tokens", "an integer")
    if value < OUTPUT_TOKENS_MIN:
        raise ApiError(
            400,
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{OUTPUT_TOKENS_MIN}, but got {value} instead.",
            code="integer_below_min_value",
            param="max_output_tokens",
        )
    return value
