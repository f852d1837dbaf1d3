"""The API: POST /v1/responses, GET /v1/models."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from neurocards_sandbox.openai.errors import ApiError, error_response
from neurocards_sandbox.openai.faults import Stage
from neurocards_sandbox.openai.requests import read_request
from neurocards_sandbox.openai.simulator import OpenAiSimulator
from neurocards_sandbox.simulation.edge import DroppedConnection
from neurocards_sandbox.simulation.key_ring import KeyHolder

MODELS_CREATED_S = 1_780_000_000
Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request, KeyHolder, dict[str, str]], Awaitable[Response]]


class Api:
    def __init__(self, simulator: OpenAiSimulator) -> None:
        self._simulator = simulator

    def guarded(self, handler: Handler) -> Endpoint:
        """Check the key, give every reply its headers, and every refusal its envelope."""

        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            headers = {"x-request-id": f"req_{uuid.uuid4().hex}", "openai-version": "2020-10-01"}
            try:
                holder = self._simulator.holder(request.headers.get("authorization", ""))
                request.scope["sandbox.notes"]["key_fingerprint"] = holder.fingerprint
                response = await handler(request, holder, headers)
            except ApiError as error:
                request.scope["sandbox.notes"]["code"] = error.code
                self._simulator.counters[f"errors_{error.code or error.status}"] += 1
                return error_response(error, headers)
            headers["openai-processing-ms"] = str(round((time.perf_counter() - started) * 1000))
            response.headers.update(headers)
            return response

        return endpoint

    async def responses(
        self, request: Request, holder: KeyHolder, headers: dict[str, str]
    ) -> Response:
        simulator, settings = self._simulator, self._simulator.settings
        simulator.counters["requests"] += 1
        content = await request.body()
        if len(content) > settings.body_bytes_max:
            raise ApiError(413, "The request body is too large.")
        order = read_request(content, settings.models, settings.image_bytes_max)
        drawn = simulator.drawn_faults(holder, order)
        match drawn.get(Stage.TRANSPORT):
            case "openai-drop":
                return DroppedConnection()
            case "openai-garbage":
                return Response("<!doctype html><title>Just a moment...</title>")
        try:
            answer = await simulator.answer(holder, order, drawn)
        finally:
            headers.update(simulator.limits.headers(holder.account, time.monotonic()))
        return _json(answer)

    async def models(self, _: Request, __: KeyHolder, ___: dict[str, str]) -> Response:
        data = [_model(name) for name in self._simulator.settings.models]
        return _json({"object": "list", "data": data})

    async def model(self, request: Request, _: KeyHolder, __: dict[str, str]) -> Response:
        name = request.path_params["name"]
        if name not in self._simulator.settings.models:
            message = f"The model '{name}' does not exist"
            raise ApiError(404, message, code="model_not_found", param="model")
        return _json(_model(name))

    async def unknown(self, request: Request, _: KeyHolder, __: dict[str, str]) -> Response:
        raise ApiError(404, f"Invalid URL ({request.method} {request.url.path})")


def api_router(simulator: OpenAiSimulator) -> APIRouter:
    api = Api(simulator)
    router = APIRouter()
    router.add_route("/v1/responses", api.guarded(api.responses), ["POST"])
    router.add_route("/v1/models", api.guarded(api.models), ["GET"])
    router.add_route("/v1/models/{name:path}", api.guarded(api.model), ["GET"])
    router.add_route("/v1/{rest:path}", api.guarded(api.unknown), ["GET", "POST", "DELETE"])
    return router


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": MODELS_CREATED_S, "owned_by": "openai"}


def _json(body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")
