"""From rows to the domain's values, and back where a value is stored as jsonb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.jobs import Job, JobStatus, ProviderTask
from neurocards.domain.orders import AspectRatio, Order, OrderOptions, ScriptLanguage, Template
from neurocards.domain.script import Script
from neurocards.ports.jobs import Untold
from neurocards.ports.orders import Draft, HistoryItem

Value = TypeVar("Value")
Member = TypeVar("Member", bound=StrEnum)


class Row(Protocol):
    """A row of a result; columns by name."""

    def __getitem__(self, column: str, /) -> Any: ...


def options_document(options: OrderOptions) -> dict[str, object]:
    return {
        "aspect_ratio": options.aspect_ratio.value,
        "duration_s": options.duration_s,
        "script_language": options.script_language.value,
    }


def options_of(document: Mapping[str, Any]) -> OrderOptions:
    return OrderOptions(
        aspect_ratio=AspectRatio(document["aspect_ratio"]),
        duration_s=document["duration_s"],
        script_language=ScriptLanguage(document["script_language"]),
    )


def script_document(script: Script) -> dict[str, object]:
    return {
        "title": script.title,
        "scenes": list(script.scenes),
        "call_to_action": script.call_to_action,
        "visual_direction": script.visual_direction,
    }


def script_of(document: Mapping[str, Any]) -> Script:
    return Script(
        title=_text(document["title"]),
        scenes=tuple(_text(line) for line in document["scenes"]),
        call_to_action=_text(document["call_to_action"]),
        visual_direction=_text(document["visual_direction"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


class UnreadableRowError(ValueError):
    """A document in a row is not what this program writes; the message names column and kind."""


def job_of(row: Row) -> Job:
    """Give the job; UnreadableRowError when its order or its script cannot be read."""
    job = bare_job_of(row)
    options = _read(row, "options", options_of)
    script = None if row["script"] is None else _read(row, "script", script_of)
    return replace(job, order=replace(job.order, options=options), script=script)


def bare_job_of(row: Row) -> Job:
    """Give whose job it is, where it is told of and how far it came; of its order the defaults."""
    return Job(
        id=row["id"],
        bot_id=row["bot_id"],
        tg_user_id=row["tg_user_id"],
        chat_id=row["chat_id"],
        status_message_id=row["status_message_id"],
        pool=row["pool"],
        status=JobStatus(row["status"]),
        attempt=row["attempt"],
        tries=row["tries"],
        lease_losses=row["lease_losses"],
        language=row["language"],
        order=Order(
            template_id=row["template_id"],
            photo_file_id=row["photo_file_id"],
            options=OrderOptions(),
            caption=row["caption"],
        ),
        price_credits=row["price_credits"],
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
        task=task_of(row),
        submissions=row["submissions"],
        submitted_at=row["submitted_at"],
        rendered_at=row["rendered_at"],
        delivery_began_at=row["delivery_began_at"],
        fallback_sent_at=row["fallback_sent_at"],
        parked_notice_at=row["parked_notice_at"],
        fetch_failures=FetchFailures(
            row["fetch_address"], row["fetch_failures"], row["fetch_failures_in_all"]
        ),
    )


def _read(row: Row, column: str, read: Callable[[Mapping[str, Any]], Value]) -> Value:
    try:
        return read(row[column])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Not the words of the error: they may quote what the user wrote.
        raise UnreadableRowError(f"{column}: {type(error).__name__}") from None


def untold_of(row: Row) -> Untold:
    """Give an end to tell of; what it needs can always be read."""
    job = bare_job_of(row)
    return Untold(
        job=job,
        finished_at=row["finished_at"],
        failure=_failure_of(row) if job.status is JobStatus.FAILED else None,
        notice_sent=row["notice_sent_at"] is not None,
        undelivered=row["undelivered_at"] is not None,
    )


def _failure_of(row: Row) -> ClassifiedFailure:
    """Read a stored failure; what a later release may have written counts as UNKNOWN."""
    return ClassifiedFailure(
        failure_class=_member(FailureClass, row["error_class"], FailureClass.UNKNOWN),
        code=row["error_code"] or "",
        text=row["error_text"] or "",
        source=_member(FailureSource, row["error_source"], FailureSource.NEUROCARDS),
    )


def _member(kind: type[Member], value: str | None, otherwise: Member) -> Member:
    try:
        return kind(value or "")
    except ValueError:
        return otherwise


def task_of(row: Row) -> ProviderTask | None:
    if row["provider_task_id"] is None:
        return None
    return ProviderTask(
        provider=row["provider"],
        model=row["model"],
        task_id=row["provider_task_id"],
        key_fingerprint=row["key_fingerprint"],
    )


def draft_of(row: Row) -> Draft:
    return Draft(
        id=row["id"],
        bot_id=row["bot_id"],
        tg_user_id=row["tg_user_id"],
        chat_id=row["chat_id"],
        photo_file_id=row["photo_file_id"],
        caption=row["caption"],
        template_id=row["template_id"],
        options=options_of(row["options"]),
        price_credits=row["price_credits"],
        language=row["language"],
        message_id=row["message_id"],
        job_id=row["job_id"],
    )


def history_item_of(row: Row) -> HistoryItem:
    return HistoryItem(
        job_id=row["id"],
        status=JobStatus(row["status"]),
        template_id=row["template_id"],
        result_file_id=row["result_file_id"],
        price_credits=row["price_credits"],
        created_at=row["created_at"],
        status_message_id=row["status_message_id"],
    )


def template_of(row: Row) -> Template:
    return Template(
        id=row["id"], names=row["names"], prompts=row["prompts"], position=row["position"]
    )
