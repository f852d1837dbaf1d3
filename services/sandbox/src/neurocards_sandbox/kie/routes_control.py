"""The control API under `/sim/`: for tests, chaos, the bench and the demo. It asks for no key.

GET  /sim/health                    {"ok": true}
GET  /sim/tasks?state=&limit=       {"tasks": [...], "total": n}, newest first
GET  /sim/tasks/{id}                one task: prompt, captions, state, account, faults, times
POST /sim/tasks/{id}/advance        {"seconds": 100} simulated seconds for this task
POST /sim/tasks/{id}/finish         {"fault"?: "temporary", "wait_s": 30} answers when it has ended
POST /sim/tasks/finish              {"wait_s": 30} all that run
POST /sim/tasks/{id}/callback       send the callback (again)
GET  /sim/counters                  totals, by callback, by job, duplicates, downloads by task
GET  /sim/requests?limit=           the last requests, newest first
GET  /sim/accounts                  credits, keys by fingerprint, creates in the window
POST /sim/accounts/credits          {"account" | "key": "...", "credits": 0}
POST /sim/keys                      {"key": "...", "account"?: "..."}
POST /sim/keys/revoke, /restore     {"key" | "fingerprint": "..."}
GET, POST /sim/clock                {"time_factor": 20}
POST /sim/callbacks                 {"loss_rate"?, "duplicate_rate"?, "delay_rate"?}
POST /sim/uploads/expire            {"older_than_s": 0}
GET, POST, DELETE /sim/faults       catalogue and what is armed; arm; disarm all
POST /sim/reset                     forget counters, requests and armed faults
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from neurocards_sandbox.kie.faults import CATALOGUE, Stage
from neurocards_sandbox.kie.rendering.captions import caption_lines
from neurocards_sandbox.kie.simulator import KieSimulator
from neurocards_sandbox.kie.tasks import Task
from neurocards_sandbox.simulation.edge import RequestLog
from neurocards_sandbox.simulation.fault_plan import UnusableFaultOrderError
from neurocards_sandbox.simulation.key_ring import KeyHolder, UnknownKeyError

WAIT_STEP_S = 0.02
LIMIT_MAX = 10_000


class Advance(BaseModel):
    seconds: float = Field(ge=0, le=1_000_000_000)


class Finish(BaseModel):
    fault: str | None = None
    wait_s: float = Field(default=30.0, ge=0, le=600)


class KeyName(BaseModel):
    key: str | None = None
    fingerprint: str | None = None
    account: str | None = None


class Credits(KeyName):
    credits: float = Field(ge=0)


class Clock(BaseModel):
    time_factor: float = Field(gt=0, le=1_000_000)


class Rates(BaseModel):
    loss_rate: float | None = Field(default=None, ge=0, le=1)
    duplicate_rate: float | None = Field(default=None, ge=0, le=1)
    delay_rate: float | None = Field(default=None, ge=0, le=1)


class Expire(BaseModel):
    older_than_s: float = Field(default=0, ge=0)


class FaultOrder(BaseModel):
    fault: str
    next: int | None = Field(default=None, ge=1, le=1_000_000)
    rate: float | None = Field(default=None, ge=0, le=1)
    seed: int = 1
    task_id: str | None = None
    account: str | None = None


class Control:
    def __init__(self, simulator: KieSimulator, log: RequestLog) -> None:
        self._simulator = simulator
        self._log = log

    async def health(self) -> dict[str, bool]:
        return {"ok": True}

    async def tasks(self, state: str | None = None, limit: int = 100) -> dict[str, Any]:
        now = self._simulator.clock.now()
        tasks = self._simulator.tasks.values()
        chosen = [t for t in tasks if state is None or t.state_at(now) == state]
        newest = list(reversed(chosen))[: min(limit, LIMIT_MAX)]
        return {"tasks": [self._listing(task) for task in newest], "total": len(chosen)}

    async def task(self, task_id: str) -> dict[str, Any]:
        return self._listing(self._task(task_id))

    async def advance(self, task_id: str, order: Advance) -> dict[str, Any]:
        task = self._task(task_id)
        self._simulator.advance(task, order.seconds)
        await asyncio.sleep(WAIT_STEP_S)
        return self._listing(task)

    async def finish(self, task_id: str, order: Finish | None = None) -> dict[str, Any]:
        order = order or Finish()
        task = self._task(task_id)
        if order.fault is not None and _stage(order.fault) is not Stage.RENDER:
            raise HTTPException(422, f"{order.fault!r} is not a fault of the stage render")
        self._simulator.finish(task, order.fault)
        await self._simulator.wait_until_ended(task, order.wait_s)
        return self._listing(task)

    async def finish_all(self, order: Finish | None = None) -> dict[str, Any]:
        running = [task for task in self._simulator.tasks.values() if task.outcome is None]
        for task in running:
            self._simulator.finish(task)
        wait_s = (order or Finish()).wait_s
        ended = [self._simulator.wait_until_ended(task, wait_s) for task in running]
        return {"finished": sum(await asyncio.gather(*ended))}

    async def callback(self, task_id: str) -> dict[str, bool]:
        self._simulator.send_callback(self._task(task_id))
        return {"ok": True}

    async def counters(self) -> dict[str, Any]:
        listing = self._simulator.counters.listing()
        return {**listing, "renders": self._simulator.renderer.renders}

    async def requests(self, limit: int = 100) -> dict[str, Any]:
        return {"requests": self._log.newest(min(limit, LIMIT_MAX))}

    async def accounts(self) -> dict[str, Any]:
        by_account: dict[str, list[KeyHolder]] = {}
        for holder in self._simulator.keys.holders():
            by_account.setdefault(holder.account, []).append(holder)
        return {"accounts": [self._account(name, keys) for name, keys in by_account.items()]}

    async def set_credits(self, order: Credits) -> dict[str, Any]:
        account = order.account or self._holder(order).account
        self._simulator.set_credits(account, order.credits)
        return {"account": account, "credits": order.credits}

    async def add_key(self, order: KeyName) -> dict[str, str]:
        if not order.key:
            raise HTTPException(422, "key is missing")
        holder = self._simulator.keys.add(order.key, order.account)
        return {"fingerprint": holder.fingerprint, "account": holder.account}

    async def revoke_key(self, order: KeyName) -> dict[str, Any]:
        return self._set_revoked(order, revoked=True)

    async def restore_key(self, order: KeyName) -> dict[str, Any]:
        return self._set_revoked(order, revoked=False)

    async def clock(self) -> dict[str, float]:
        clock = self._simulator.clock
        return {"time_factor": clock.factor, "simulated_s": clock.now()}

    async def set_clock(self, order: Clock) -> dict[str, float]:
        self._simulator.set_time_factor(order.time_factor)
        return await self.clock()

    async def set_callbacks(self, order: Rates) -> dict[str, float]:
        rates = self._simulator.callbacks.rates
        for name in ("loss", "duplicate", "delay"):
            wanted = getattr(order, f"{name}_rate")
            if wanted is not None:
                setattr(rates, name, wanted)
        return {
            "loss_rate": rates.loss,
            "duplicate_rate": rates.duplicate,
            "delay_rate": rates.delay,
        }

    async def expire_uploads(self, order: Expire | None = None) -> dict[str, int]:
        older_than_s = order.older_than_s if order else 0
        before_s = self._simulator.clock.real_now() - older_than_s
        return {"expired": self._simulator.uploads.forget_before(before_s)}

    async def faults(self) -> dict[str, Any]:
        catalogue = [
            {"name": f.name, "stage": f.stage, "summary": f.summary, "text": f.message}
            for f in CATALOGUE.values()
        ]
        return {"catalogue": catalogue, "armed": self._simulator.faults.armed()}

    async def arm(self, order: FaultOrder) -> dict[str, Any]:
        if order.task_id is not None:
            _stage(order.fault)
            self._simulator.add_fault(self._task(order.task_id), order.fault)
        else:
            self._arm_for_all(order)
        return {"armed": self._simulator.faults.armed()}

    async def disarm(self) -> dict[str, Any]:
        self._simulator.faults.disarm()
        return {"armed": []}

    async def reset(self) -> dict[str, bool]:
        self._simulator.counters.clear()
        self._simulator.faults.disarm()
        self._log.clear()
        return {"ok": True}

    def _arm_for_all(self, order: FaultOrder) -> None:
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

    def _task(self, task_id: str) -> Task:
        task = self._simulator.tasks.get(task_id)
        if task is None:
            raise HTTPException(404, f"there is no task {task_id!r}")
        return task

    def _holder(self, order: KeyName) -> KeyHolder:
        try:
            return self._simulator.keys.find(order.key or order.fingerprint or "")
        except UnknownKeyError as error:
            raise HTTPException(404, str(error)) from None

    def _set_revoked(self, order: KeyName, *, revoked: bool) -> dict[str, Any]:
        holder = self._holder(order)
        holder.revoked = revoked
        return {"fingerprint": holder.fingerprint, "revoked": revoked}

    def _account(self, name: str, keys: list[KeyHolder]) -> dict[str, Any]:
        accounts = self._simulator.accounts
        return {
            "account": name,
            "credits": accounts.account(name).credits,
            "running": accounts.account(name).running,
            "created_in_window": accounts.created_in_window(name, time.monotonic()),
            "keys": [{"fingerprint": k.fingerprint, "revoked": k.revoked} for k in keys],
        }

    def _listing(self, task: Task) -> dict[str, Any]:
        return {
            **self._simulator.data(task),
            "prompt": task.prompt,
            "captions": caption_lines(task.prompt),
            "seconds": task.seconds,
            "aspectRatio": task.aspect_ratio,
            "imageUrls": task.image_urls,
            "callBackUrl": task.callback_url,
            "job": task.job(),
            "account": task.account,
            "keyFingerprint": task.key_fingerprint,
            "faults": sorted(task.faults.values()),
        }


def control_router(simulator: KieSimulator, log: RequestLog) -> APIRouter:
    control = Control(simulator, log)
    router = APIRouter(prefix="/sim")
    for method, path, endpoint in (
        ("GET", "/health", control.health),
        ("GET", "/tasks", control.tasks),
        ("POST", "/tasks/finish", control.finish_all),
        ("GET", "/tasks/{task_id}", control.task),
        ("POST", "/tasks/{task_id}/advance", control.advance),
        ("POST", "/tasks/{task_id}/finish", control.finish),
        ("POST", "/tasks/{task_id}/callback", control.callback),
        ("GET", "/counters", control.counters),
        ("GET", "/requests", control.requests),
        ("GET", "/accounts", control.accounts),
        ("POST", "/accounts/credits", control.set_credits),
        ("POST", "/keys", control.add_key),
        ("POST", "/keys/revoke", control.revoke_key),
        ("POST", "/keys/restore", control.restore_key),
        ("GET", "/clock", control.clock),
        ("POST", "/clock", control.set_clock),
        ("POST", "/callbacks", control.set_callbacks),
        ("POST", "/uploads/expire", control.expire_uploads),
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.arm),
        ("DELETE", "/faults", control.disarm),
        ("POST", "/reset", control.reset),
    ):
        router.add_api_route(path, endpoint, methods=[method])
    return router


def _stage(fault: str) -> Stage:
    if fault not in CATALOGUE:
        raise HTTPException(422, f"there is no fault {fault!r}")
    return CATALOGUE[fault].stage
