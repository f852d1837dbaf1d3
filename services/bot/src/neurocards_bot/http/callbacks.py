"""POST /kie/callback/{job_id}/{attempt}/{mac}: the provider says that a render may be done.

A hint and nothing else: whoever carries the job asks the provider itself. So nothing of the body
is believed but the task id, which helps where the answer to createTask was lost, and the worker
checks that too. 200 announced, 400 no task id, 401 not our address or a wrong signature, 503 the
broker did not take the announcement: the provider calls again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from neurocards.domain.callbacks import is_our_address, is_signed_by_provider
from neurocards.errors import QueueUnavailableError
from neurocards.ports.clock import Clock
from neurocards.ports.queue import Hints
from neurocards_bot.http.bodies import BodyTooLargeError, read_body
from neurocards_bot.metrics import BotMetrics

log = structlog.get_logger(__name__)

CALLBACK_BYTES_MAX = 256 * 1024
TASK_ID_CHARACTERS_MAX = 200
ATTEMPT_MAX = 2**31 - 1
BROKER_AWAY = 503
RETRY_AFTER_S = 5


class CallbackReceiver:
    """Checks callbacks and announces them. Without a secret no address is ours."""

    def __init__(
        self,
        hints: Hints,
        clock: Clock,
        metrics: BotMetrics,
        *,
        secret: str | None,
        provider_key: str | None,
    ) -> None:
        self._hints = hints
        self._clock = clock
        self._metrics = metrics
        self._secret = secret.encode() if secret else None
        self._provider_key = provider_key.encode() if provider_key else None

    async def receive(self, request: Request, job_id: str, attempt: str, mac: str) -> int:
        """Give the HTTP status of the answer."""
        status, outcome = await self._judge(request, job_id, attempt, mac)
        self._metrics.callbacks_total.labels(outcome).inc()
        if outcome != "announced":
            log.warning("callback.refused", job_id=job_id[:36], outcome=outcome)
        return status

    async def _judge(
        self, request: Request, job_id: str, attempt: str, mac: str
    ) -> tuple[int, str]:
        job = self._job_of(job_id, attempt, mac)
        if job is None:
            return 401, "foreign_address"
        try:
            task_id = _task_id(await read_body(request, bytes_max=CALLBACK_BYTES_MAX))
        except BodyTooLargeError:
            return 400, "too_large"
        if task_id is None:
            return 400, "no_task_id"
        if not self._is_signed(request.headers, task_id):
            return 401, "wrong_signature"
        try:
            await self._hints.announce_surely(f"wake.render.{job}", task_id.encode())
        except QueueUnavailableError:
            return BROKER_AWAY, "broker_away"
        return 200, "announced"

    def _job_of(self, job_id: str, attempt: str, mac: str) -> UUID | None:
        if self._secret is None or not (attempt.isascii() and attempt.isdigit()):
            return None
        try:
            job, number = UUID(job_id), int(attempt[:11])
        except ValueError:
            return None
        known = number <= ATTEMPT_MAX and is_our_address(self._secret, job, number, mac)
        return job if known else None

    def _is_signed(self, headers: Mapping[str, str], task_id: str) -> bool:
        return self._provider_key is None or is_signed_by_provider(
            self._provider_key,
            task_id=task_id,
            timestamp=headers.get("x-webhook-timestamp", ""),
            signature=headers.get("x-webhook-signature", ""),
            now_unix_s=self._clock.now().timestamp(),
        )


def _task_id(body: bytes) -> str | None:
    """Find the task id; the provider spells its field in two ways."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    task_id = data.get("taskId") or data.get("task_id")
    usable = isinstance(task_id, str) and len(task_id) <= TASK_ID_CHARACTERS_MAX
    return str(task_id) if usable and str(task_id).isascii() else None


def callback_routes(receiver: CallbackReceiver) -> APIRouter:
    router = APIRouter()

    async def receive(request: Request, job_id: str, attempt: str, mac: str) -> Response:
        status = await receiver.receive(request, job_id, attempt, mac)
        again = {"Retry-After": str(RETRY_AFTER_S)} if status == BROKER_AWAY else None
        return Response(status_code=status, headers=again)

    router.add_api_route(
        "/kie/callback/{job_id}/{attempt}/{mac}", receive, methods=["POST"], response_model=None
    )
    return router
