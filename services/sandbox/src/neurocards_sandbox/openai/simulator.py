"""The heart of the simulator: keys, limits, faults, counters, and one answer per request."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import replace
from typing import Any

from neurocards_sandbox.openai import errors
from neurocards_sandbox.openai.errors import ApiError
from neurocards_sandbox.openai.faults import CATALOGUE, STAGES, Stage
from neurocards_sandbox.openai.limits import Limits
from neurocards_sandbox.openai.replies import answer_text, response_object
from neurocards_sandbox.openai.requests import ResponseRequest
from neurocards_sandbox.openai.settings import OpenAiSandboxSettings
from neurocards_sandbox.simulation.fault_plan import FaultPlan
from neurocards_sandbox.simulation.key_ring import KeyHolder, KeyRing

PROMPTS_KEPT_MAX = 1_000
BEARER = "bearer "


class OpenAiSimulator:
    def __init__(self, settings: OpenAiSandboxSettings) -> None:
        self.settings = settings
        self.keys = KeyRing(settings.keys)
        self.faults = FaultPlan(STAGES)
        self.counters: Counter[str] = Counter()
        self.prompts: deque[dict[str, Any]] = deque(maxlen=PROMPTS_KEPT_MAX)
        self.limits = Limits(
            settings.requests_per_minute, settings.tokens_per_minute, settings.quota_usd
        )
        self.latency_s = settings.latency_s

    def holder(self, authorization: str) -> KeyHolder:
        """Give the holder of the key in the header; ApiError 401."""
        if authorization[: len(BEARER)].lower() != BEARER:
            raise errors.no_key()
        holder = self.keys.holder(authorization)
        if holder is None:
            raise errors.wrong_key(authorization[len(BEARER) :].strip())
        return holder

    def drawn_faults(self, holder: KeyHolder, request: ResponseRequest) -> dict[str, str]:
        drawn = self.faults.draw(list(Stage), account=holder.account, prompt=request.text)
        self._remember(request, drawn)
        return drawn

    async def answer(
        self, holder: KeyHolder, request: ResponseRequest, drawn: dict[str, str]
    ) -> dict[str, Any]:
        """Give the response object; ApiError when a limit or a fault refuses the request."""
        self.limits.take(holder.account, request.input_tokens, time.monotonic())
        slow = drawn.get(Stage.TRANSPORT) == "openai-slow"
        delay_s = self.settings.slow_s if slow else self.latency_s
        if delay_s:
            await asyncio.sleep(delay_s / self.settings.time_factor)
        if refused := drawn.get(Stage.ERROR):
            raise _copied(CATALOGUE[refused].error)
        fault = drawn.get(Stage.ANSWER)
        text = answer_text(request, self.settings.seed)
        response = response_object(request, text, fault, time.time())
        usage = response["usage"]
        self.limits.spend(holder.account, usage["input_tokens"], usage["output_tokens"])
        self.counters["responses"] += 1
        return response

    def _remember(self, request: ResponseRequest, drawn: dict[str, str]) -> None:
        self.prompts.append(
            {
                "time": time.time(),
                "model": request.model,
                "text": request.text,
                "schema": request.format.name,
                "images": [
                    {"width": p.width, "height": p.height, "format": p.format, "tone": p.tone}
                    for p in request.pictures
                ],
                "faults": sorted(drawn.values()),
            }
        )


def _copied(error: ApiError | None) -> ApiError:
    """Copy an error of the catalogue: a raised exception keeps its traceback."""
    if error is None:
        raise LookupError("a fault of the stage error needs an error")
    return replace(error)
