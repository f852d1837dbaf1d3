"""From rows to the domain's values, and back where a value is stored as jsonb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from neurocards.domain.jobs import Job, JobStatus, ProviderTask
from neurocards.domain.orders import AspectRatio, Order, OrderOptions, ScriptLanguage, Template
from neurocards.domain.script import Script
from neurocards.ports.orders import Draft, HistoryItem


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
        title=document["title"],
        scenes=tuple(document["scenes"]),
        call_to_action=document["call_to_action"],
        visual_direction=document["visual_direction"],
    )


def job_of(row: Row) -> Job:
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
            options=options_of(row["options"]),
            caption=row["caption"],
        ),
        price_credits=row["price_credits"],
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
        script=None if row["script"] is None else script_of(row["script"]),
        task=task_of(row),
        submissions=row["submissions"],
        submitted_at=row["submitted_at"],
        rendered_at=row["rendered_at"],
        delivery_began_at=row["delivery_began_at"],
        fallback_sent_at=row["fallback_sent_at"],
        parked_notice_at=row["parked_notice_at"],
    )


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
