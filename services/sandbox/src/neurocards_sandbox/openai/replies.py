"""Builds the response object around an answer, whole or spoilt on request.

Invariant: the object has every field that the official client's types know, and its usage adds up.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.openai.briefs import read_brief
from neurocards_sandbox.openai.copywriting import Copywriter
from neurocards_sandbox.openai.filling import SchemaFiller
from neurocards_sandbox.openai.requests import CHARACTERS_PER_TOKEN, ResponseRequest, token_count

REASONING_TOKENS = 64
REFUSAL = "I'm sorry, but I can't help with that request."
_PLAIN_OBJECT = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "scenes": {"type": "array", "items": {"type": "string"}},
        "call_to_action": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    status: str = "completed"
    incomplete_reason: str | None = None
    output_tokens: int = 0


def answer_text(request: ResponseRequest, seed: int) -> str:
    """Write what was asked for: JSON for a schema, else a plain script."""
    picture = request.pictures[0] if request.pictures else None
    writer = Copywriter(read_brief(request.text), picture, seed)
    if request.format.type == "text":
        return f"{writer.title()}\n\n{writer.narration()}\n\n{writer.visual_direction()}"
    schema = request.format.schema or _PLAIN_OBJECT
    return json.dumps(SchemaFiller(schema, writer).fill(), ensure_ascii=False)


def response_object(
    request: ResponseRequest, text: str, fault: str | None, created_s: float
) -> dict[str, Any]:
    answer = _answer(request, text, fault)
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(created_s),
        "completed_at": int(created_s) if answer.status == "completed" else None,
        "status": answer.status,
        "background": False,
        "error": _error(answer),
        "incomplete_details": {"reason": answer.incomplete_reason}
        if answer.incomplete_reason
        else None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "metadata": request.body.get("metadata") or {},
        "model": request.model,
        "output": _output(request, answer, fault),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": request.body.get("reasoning") or {"effort": None, "summary": None},
        "service_tier": "default",
        "store": bool(request.body.get("store", True)),
        "temperature": request.body.get("temperature", 1.0),
        "text": request.body.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": _usage(request, answer),
        "user": None,
    }


def is_reasoning(model: str) -> bool:
    return model.startswith(("gpt-6", "gpt-5", "o"))


def _answer(request: ResponseRequest, text: str, fault: str | None) -> Answer:
    tokens = token_count(len(text)) + (REASONING_TOKENS if is_reasoning(request.model) else 0)
    match fault:
        case "openai-failed":
            return Answer("", "failed")
        case "openai-incomplete":
            return Answer(_half(text), "incomplete", "max_output_tokens", tokens)
        case "openai-filtered":
            return Answer(_half(text), "incomplete", "content_filter", tokens)
        case "openai-wrong-json":
            return Answer('{"unexpected": true}', output_tokens=tokens)
        case "openai-refusal":
            return Answer(REFUSAL, output_tokens=tokens)
    limit = request.max_output_tokens
    if limit is not None and tokens > limit:
        room = limit - (REASONING_TOKENS if is_reasoning(request.model) else 0)
        kept = text[: max(0, int(room * CHARACTERS_PER_TOKEN))]
        return Answer(kept, "incomplete", "max_output_tokens", limit)
    return Answer(text, output_tokens=tokens)


def _output(request: ResponseRequest, answer: Answer, fault: str | None) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    if is_reasoning(request.model):
        output.append({"type": "reasoning", "id": f"rs_{uuid.uuid4().hex}", "summary": []})
    if not answer.text:
        return output
    content: dict[str, Any] = {
        "type": "output_text",
        "text": answer.text,
        "annotations": [],
        "logprobs": [],
    }
    if fault == "openai-refusal":
        content = {"type": "refusal", "refusal": answer.text}
    message = {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "status": "incomplete" if answer.status == "incomplete" else "completed",
        "role": "assistant",
        "phase": "commentary" if fault == "openai-commentary" else "final_answer",
        "content": [content],
    }
    return [*output, message]


def _error(answer: Answer) -> dict[str, str] | None:
    if answer.status != "failed":
        return None
    return {"code": "server_error", "message": "The server had an error. Please try again."}


def _usage(request: ResponseRequest, answer: Answer) -> dict[str, Any]:
    reasoning = REASONING_TOKENS if is_reasoning(request.model) and answer.output_tokens else 0
    return {
        "input_tokens": request.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": min(reasoning, answer.output_tokens)},
        "total_tokens": request.input_tokens + answer.output_tokens,
    }


def _half(text: str) -> str:
    return text[: len(text) // 2]
