"""Reading an answer of the Responses API down to a usable script, or to the failure that it is.

The answer is looked at before it is parsed: a cut, filtered or failed answer comes with HTTP 200,
and its text may even begin like a good one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from neurocards.domain.failures import UNUSABLE_SCRIPT_CODE, Failure, FailureSource
from neurocards.domain.script import (
    SCENES_MAX,
    Script,
    UnusableScriptError,
    checked_script,
)
from neurocards.errors import ProviderError

SCHEMA_NAME = "Script"
# Lengths are checked afterwards: a strict schema with limits makes some models stop in mid-word.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "At most 60 characters."},
        "scenes": {
            "type": "array",
            "items": {"type": "string", "description": "On-screen line, at most 60 characters."},
            "description": f"As many lines as the field Scenes asks for, at most {SCENES_MAX}.",
        },
        "call_to_action": {"type": "string", "description": "At most 40 characters."},
        "visual_direction": {
            "type": "string",
            "description": "In English: camera, light, setting and motion; at most 800 characters.",
        },
    },
    "required": ["title", "scenes", "call_to_action", "visual_direction"],
    "additionalProperties": False,
}


class Answer(Protocol):
    """The fields of the client's Response that are read here."""

    status: Any
    error: Any
    incomplete_details: Any
    output: Any


def script_of(answer: Answer) -> Script:
    """Give the script; ProviderError with a code of OpenAI's, `refusal` or `unusable_script`."""
    if answer.status == "failed":
        error = answer.error
        raise _error(str(getattr(error, "message", "")), code=getattr(error, "code", None))
    texts, refusals = _parts(answer)
    if refusals:
        raise _error(" ".join(refusals), code="refusal")
    if answer.status == "incomplete":
        reason = getattr(answer.incomplete_details, "reason", None)
        code = "content_filter" if reason == "content_filter" else UNUSABLE_SCRIPT_CODE
        raise _error(f"the answer is incomplete: {reason}", code=code)
    return _parsed("".join(texts))


def _parts(answer: Answer) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    refusals: list[str] = []
    for part in _content(answer):
        if part.type == "refusal":
            refusals.append(str(part.refusal))
        elif part.type == "output_text":
            texts.append(str(part.text))
    return texts, refusals


def _content(answer: Answer) -> Iterator[Any]:
    """Yield the parts of the final message; a model's commentary is not its answer."""
    for item in answer.output or ():
        if item.type == "message" and getattr(item, "phase", None) != "commentary":
            yield from item.content or ()


def _parsed(text: str) -> Script:
    try:
        fields = json.loads(text)
        return checked_script(
            title=str(fields["title"]),
            scenes=[str(line) for line in fields["scenes"]],
            call_to_action=str(fields["call_to_action"]),
            visual_direction=str(fields["visual_direction"]),
        )
    except UnusableScriptError as error:
        raise _error(str(error), code=UNUSABLE_SCRIPT_CODE) from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _error("the answer is not a script", code=UNUSABLE_SCRIPT_CODE) from None


def _error(text: str, *, code: str | None) -> ProviderError:
    return ProviderError(Failure(FailureSource.OPENAI, text=text, code=code))
