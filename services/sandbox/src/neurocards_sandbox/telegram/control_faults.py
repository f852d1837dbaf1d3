"""Control API: faults, limits, the log of calls and the counters. Shapes: see `control`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel

from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.control_access import TheWorld
from neurocards_sandbox.telegram.dispatch import method_name
from neurocards_sandbox.telegram.faults import Drop

router = APIRouter()


class FaultOrder(BaseModel):
    method: str = "*"
    times: int = 1
    status: int = 0
    description: str = ""
    retry_after: int = 0
    delay_s: float = 0
    drop: Drop = Drop.NEVER
    bot_id: int = 0
    chat_id: int | str = ""


class TuningChange(BaseModel):
    limits: bool | None = None
    limit_factor: float | None = None
    time_factor: float | None = None
    callback_answer_s: float | None = None


@router.post("/faults")
async def order_fault(world: TheWorld, order: FaultOrder) -> Json:
    fault = world.faults.order(
        method=method_name(order.method),
        left=order.times,
        status=order.status,
        description=order.description,
        retry_after_s=order.retry_after,
        delay_s=order.delay_s,
        drop=order.drop,
        bot_id=order.bot_id,
        chat_id=str(order.chat_id),
    )
    return fault.view()


@router.get("/faults")
async def list_faults(world: TheWorld) -> list[Json]:
    return world.faults.views()


@router.delete("/faults")
async def clear_faults(world: TheWorld) -> Json:
    world.faults.clear()
    return {"deleted": True}


@router.get("/tuning")
async def show_tuning(world: TheWorld) -> Json:
    return asdict(world.tuning)


@router.post("/tuning")
async def tune(world: TheWorld, change: TuningChange) -> Json:
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(world.tuning, name, value)
    return asdict(world.tuning)


@router.get("/calls")
async def list_calls(
    world: TheWorld, bot: int = 0, method: str = "", chat_id: str = "", after: int = 0
) -> list[Json]:
    return list(world.calls.find(bot_id=bot, method=method, chat_id=chat_id, after=after))


@router.delete("/calls")
async def clear_calls(world: TheWorld) -> Json:
    world.calls.clear()
    return {"deleted": True}


@router.get("/counters")
async def show_counters(world: TheWorld) -> dict[str, dict[str, int]]:
    counters: dict[str, dict[str, int]] = defaultdict(dict)
    for (bot_id, method, status), count in sorted(world.calls.counters.items()):
        counters[str(bot_id)][f"{method} {status}"] = count
    return counters


@router.post("/reset")
async def reset(world: TheWorld) -> Json:
    await world.clear()
    return {"reset": True}
