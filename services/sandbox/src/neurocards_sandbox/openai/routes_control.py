"""The control API under `/sim/`: for tests, chaos, the bench and the demo. It asks for no key.

GET  /sim/health                    {"ok": true}
GET  /sim/counters                  requests, responses, errors_<code>
GET  /sim/requests?limit=           the last requests, newest first
GET  /sim/prompts?limit=            what was asked: text, schema's name, images, faults
GET, POST, DELETE /sim/faults       catalogue and what is armed; arm ({"fault", "next" | "rate",
                                    "seed"?, "account"?}); disarm all
POST /sim/keys                      {"key": "..."}
POST /sim/keys/revoke, /restore     {"key" | "fingerprint": "..."}
POST /sim/settings                  {"latency_s": 1.5}
POST /sim/reset                     forget counters, requests, prompts and armed faults
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from neurocards_sandbox.openai.faults import CATALOGUE
from neurocards_sandbox.openai.simulator import OpenAiSimulator
from neurocards_sandbox.simulation.edge import RequestLog
from neurocards_sandbox.simulation.fault_plan import UnusableFaultOrderError
from neurocards_sandbox.simulation.key_ring import UnknownKeyError

LIMIT_MAX = 10_000


class KeyName(BaseModel):
    key: str | None = None
    fingerprint: str | None = None


class Latency(BaseModel):
    latency_s: float = Field(ge=0, le=600)


class FaultOrder(BaseModel):
    fault: str
    next: int | None = Field(default=None, ge=1, le=1_000_000)
    rate: float | None = Field(default=None, ge=0, le=1)
    seed: int = 1
    account: str | None = None


class Control:
    def __init__(self, simulator: OpenAiSimulator, log: RequestLog) -> None:
        self._simulator = simulator
        self._log = log

    async def health(self) -> dict[str, bool]:
        return {"ok": True}

    async def counters(self) -> dict[str, int]:
        return {"requests": 0, "responses": 0, **self._simulator.counters}

    async def requests(self, limit: int = 100) -> dict[str, Any]:
        return {"requests": self._log.newest(min(limit, LIMIT_MAX))}

    async def prompts(self, limit: int = 100) -> dict[str, Any]:
        newest = islice(reversed(self._simulator.prompts), min(limit, LIMIT_MAX))
        return {"prompts": list(newest)}

    async def faults(self) -> dict[str, Any]:
        catalogue = [
            {"name": f.name, "stage": f.stage, "summary": f.summary} for f in CATALOGUE.values()
        ]
        return {"catalogue": catalogue, "armed": self._simulator.faults.armed()}

    async def arm(self, order: FaultOrder) -> dict[str, Any]:
        try:
            self._simulator.faults.arm(
                order.fault,
                next_count=order.next,
                rate=order.rate,
                seed=order.seed,
                account=order.account,
            )
        except UnusableFaultOrderError as error:
            raise HTTPException(422, str(error)) from None
        return {"armed": self._simulator.faults.armed()}

    async def disarm(self) -> dict[str, Any]:
        self._simulator.faults.disarm()
        return {"armed": []}

    async def add_key(self, order: KeyName) -> dict[str, str]:
        if not order.key:
            raise HTTPException(422, "key is missing")
        holder = self._simulator.keys.add(order.key)
        return {"fingerprint": holder.fingerprint, "account": holder.account}

    async def revoke_key(self, order: KeyName) -> dict[str, Any]:
        return self._set_revoked(order, revoked=True)

    async def restore_key(self, order: KeyName) -> dict[str, Any]:
        return self._set_revoked(order, revoked=False)

    async def set_latency(self, order: Latency) -> dict[str, float]:
        self._simulator.latency_s = order.latency_s
        return {"latency_s": order.latency_s}

    async def reset(self) -> dict[str, bool]:
        self._simulator.counters.clear()
        self._simulator.prompts.clear()
        self._simulator.faults.disarm()
        self._log.clear()
        return {"ok": True}

    def _set_revoked(self, order: KeyName, *, revoked: bool) -> dict[str, Any]:
        try:
            holder = self._simulator.keys.find(order.key or order.fingerprint or "")
        except UnknownKeyError as error:
            raise HTTPException(404, str(error)) from None
        holder.revoked = revoked
        return {"fingerprint": holder.fingerprint, "revoked": revoked}


def control_router(simulator: OpenAiSimulator, log: RequestLog) -> APIRouter:
    control = Control(simulator, log)
    router = APIRouter(prefix="/sim")
    for method, path, endpoint in (
        ("GET", "/health", control.health),
        ("GET", "/counters", control.counters),
        ("GET", "/requests", control.requests),
        ("GET", "/prompts", control.prompts),
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.arm),
        ("DELETE", "/faults", control.disarm),
        ("POST", "/keys", control.add_key),
        ("POST", "/keys/revoke", control.revoke_key),
        ("POST", "/keys/restore", control.restore_key),
        ("POST", "/settings", control.set_latency),
        ("POST", "/reset", control.reset),
    ):
        router.add_api_route(path, endpoint, methods=[method])
    return router
