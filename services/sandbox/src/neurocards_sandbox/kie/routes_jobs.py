"""The API of tasks: create one, look at it, count the credits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from neurocards_sandbox.kie.envelopes import (
    CALL_FREQUENCY,
    Envelopes,
    RefusedError,
    bad_gateway,
    cloudflare_refusal,
    json_response,
    not_json,
)
from neurocards_sandbox.kie.faults import CATALOGUE, READS_STRUCK, Stage
from neurocards_sandbox.kie.gate import Gate, base_url_of, notes_of
from neurocards_sandbox.kie.models import check_callback_url, checked_order
from neurocards_sandbox.kie.simulator import KieSimulator
from neurocards_sandbox.kie.tasks import Task
from neurocards_sandbox.simulation.edge import DroppedConnection
from neurocards_sandbox.simulation.key_ring import KeyHolder

BODY_BYTES_MAX = 1024 * 1024


class Jobs:
    def __init__(self, simulator: KieSimulator, envelopes: Envelopes) -> None:
        self._simulator = simulator
        self._envelopes = envelopes
        self._reads_struck: dict[str, int] = {}

    async def create_task(self, request: Request, holder: KeyHolder) -> Response:
        simulator = self._simulator
        body = _json_object(await request.body())
        settings = simulator.settings
        order = checked_order(
            body.get("model"),
            body.get("input"),
            dead_models=settings.dead_models,
            dead_model_code=settings.dead_model_code,
        )
        check_callback_url(body)
        drawn = simulator.faults.draw([Stage.CREATE], account=holder.account, prompt=order.prompt)
        if drawn:
            return self._refused_on_request(drawn[Stage.CREATE])
        task = simulator.create(holder, order, body, base_url_of(request, simulator))
        notes_of(request)["task_id"] = task.task_id
        return await self._created(task)

    async def record_info(self, request: Request, holder: KeyHolder) -> Response:
        self._simulator.counters.add("record_info")
        task_id = request.query_params.get("taskId")
        if not task_id:
            raise RefusedError(400, "taskId parameter is required")
        task, data = self._simulator.record(task_id, holder.account)
        fault = task.fault(Stage.INFO)
        if fault == "envelope-505":
            return self._envelopes.success(data, code=505)
        if fault and fault != "info-null" and self._is_struck(task.task_id):
            return self._unreadable(fault)
        return self._envelopes.success(data)

    async def credit(self, _: Request, holder: KeyHolder) -> Response:
        return self._envelopes.success(self._simulator.accounts.account(holder.account).credits)

    async def download_url(self, request: Request, _: KeyHolder) -> Response:
        url = _json_object(await request.body()).get("url")
        own = f"{base_url_of(request, self._simulator)}/results/"
        if not isinstance(url, str) or not url.startswith(own):
            raise RefusedError(422, "Invalid URL")
        return self._envelopes.success(url)

    def _refused_on_request(self, name: str) -> Response:
        match name:
            case "http-502":
                return bad_gateway()
            case "cloudflare":
                return cloudflare_refusal()
            case "drop":
                return DroppedConnection()
        fault = CATALOGUE[name]
        raise RefusedError(int(fault.code), fault.message)

    async def _created(self, task: Task) -> Response:
        match task.fault(Stage.REPLY):
            case "lost-reply":
                self._simulator.counters.add("replies_lost")
                return DroppedConnection()
            case "garbage":
                return not_json()
            case "reply-500":
                return json_response({"error": "Internal Server Error"}, 500)
            case "slow-reply":
                delay_s = self._simulator.settings.reply_delay_s
                await asyncio.sleep(self._simulator.clock.real_duration(delay_s))
        return self._envelopes.success({"taskId": task.task_id})

    def _is_struck(self, task_id: str) -> bool:
        struck = self._reads_struck.get(task_id, 0)
        self._reads_struck[task_id] = struck + 1
        return struck < READS_STRUCK

    def _unreadable(self, fault: str) -> Response:
        match fault:
            case "info-500":
                return json_response({"error": "Internal Server Error"}, 500)
            case "info-garbage":
                return not_json()
        raise RefusedError(429, CALL_FREQUENCY)


def jobs_router(simulator: KieSimulator, envelopes: Envelopes, gate: Gate) -> APIRouter:
    jobs = Jobs(simulator, envelopes)
    router = APIRouter()
    for version in ("v1", "v3"):
        path = f"/api/{version}/jobs"
        router.add_route(f"{path}/createTask", gate.guarded(jobs.create_task), ["POST"])
        router.add_route(f"{path}/recordInfo", gate.guarded(jobs.record_info), ["GET"])
    router.add_route("/api/v1/chat/credit", gate.guarded(jobs.credit), ["GET"])
    router.add_route("/api/v1/common/download-url", gate.guarded(jobs.download_url), ["POST"])
    return router


def _json_object(content: bytes) -> dict[str, Any]:
    if len(content) > BODY_BYTES_MAX:
        raise RefusedError(422, "The request body is too large")
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(422, "The request body is not a JSON object")
    return body
