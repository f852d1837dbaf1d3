"""Reading KIE's replies: envelopes, task states and the strings that hold JSON.

KIE answers errors as HTTP 200 with a `code` in the body, so an HTTP status proves nothing. Older
pages print `message` where newer ones print `msg`; the code beside a failed task is not reliable,
so the state of the task decides whenever there is a task.
"""

from __future__ import annotations

import json
from typing import Any

from neurocards.adapters.transport import Answer
from neurocards.domain.failures import Failure, FailureSource, classify
from neurocards.errors import OutcomeUnknownError, ProviderError
from neurocards.ports.providers import Render, RenderState

_OK = 200
_SERVER_ERROR = 500
_GATEWAY_CODES = frozenset({"408", "502", "504", "520", "524"})
_UNKNOWN_TASK_TEXT = "recordinfo is null"
_PENDING_STATES = frozenset({"waiting", "queuing", "generating"})


def failure(text: str, *, http_status: int | None = None, code: str | None = None) -> Failure:
    return Failure(FailureSource.KIE, text=text, http_status=http_status, code=code)


def network_failure(text: str) -> Failure:
    return Failure(FailureSource.NETWORK, text=text)


def envelope_data(answer: Answer) -> Any:
    """Give `data` of a reply that says yes; ProviderError for a no, unknown for neither."""
    envelope = _envelope(answer)
    code = str(envelope["code"])
    if code != str(_OK):
        text = message_of(envelope)
        raise ProviderError(failure(text, http_status=answer.status, code=code))
    return envelope.get("data")


def may_be_of_a_gateway(refusal: Failure) -> bool:
    """Tell whether a refusal may come from before the service, which may have done the work.

    Envelope 500 over HTTP 200 is the service's own word: it did nothing.
    """
    status = refusal.http_status or 0
    return status >= _SERVER_ERROR or bool({str(status), refusal.code} & _GATEWAY_CODES)


def _envelope(answer: Answer) -> dict[str, Any]:
    envelope = answer.json_object()
    if envelope is not None and isinstance(envelope.get("code"), int | str):
        return envelope
    text = answer.body[:200].decode(errors="replace")
    seen = failure(text, http_status=answer.status)
    if _OK < answer.status < _SERVER_ERROR:
        # A plain refusal of something in front of the service, e.g. its firewall.
        raise ProviderError(seen)
    raise OutcomeUnknownError(seen)


def message_of(envelope: dict[str, Any]) -> str:
    return str(envelope.get("msg") or envelope.get("message") or "")


def render_of(answer: Answer) -> Render:
    """Read a reply of recordInfo."""
    envelope = _envelope(answer)
    data = envelope.get("data")
    if isinstance(data, dict) and data.get("state"):
        return _render_of_task(data)
    text = message_of(envelope)
    if _UNKNOWN_TASK_TEXT in text.lower():
        return Render(RenderState.UNKNOWN_TASK)
    raise ProviderError(failure(text, http_status=answer.status, code=str(envelope["code"])))


def _render_of_task(data: dict[str, Any]) -> Render:
    address = callback_address(data)
    match data["state"]:
        case "success":
            return _finished(data, address)
        case "fail":
            seen = failure(str(data.get("failMsg") or ""), code=str(data.get("failCode") or ""))
            return Render(RenderState.FAILED, failure=classify(seen), callback_url=address)
        case state if state in _PENDING_STATES:
            return Render(RenderState.PENDING, share=_share(data), callback_url=address)
        case state:
            raise ProviderError(failure(f"unknown task state {state!r}", code="500"))


def _finished(data: dict[str, Any], address: str | None) -> Render:
    """A success is paid for, with a video or without: never a failure, or it is ordered anew."""
    urls = _json_object(data.get("resultJson")).get("resultUrls")
    url = urls[0] if isinstance(urls, list) and urls else None
    told = url if isinstance(url, str) and url else None
    return Render(RenderState.SUCCEEDED, result_url=told, callback_url=address)


def callback_address(data: dict[str, Any]) -> str | None:
    """Tell which address the task was created with: KIE echoes the request as a JSON string."""
    address = _json_object(data.get("param")).get("callBackUrl")
    return address if isinstance(address, str) else None


def _json_object(text: object) -> dict[str, Any]:
    if isinstance(text, dict):
        return text
    if not isinstance(text, str):
        return {}
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _share(data: dict[str, Any]) -> float | None:
    progress = data.get("progress")
    if isinstance(progress, int | float) and 0 < progress <= 100:  # noqa: PLR2004 - per cent
        return float(progress) / 100
    return None
