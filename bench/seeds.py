"""Jobs that are there before a measurement: accepted, or already waiting for the provider.

They are made by the product's own function and arrows in the database, many at once. Tasks of the
provider are real ones of the simulator.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import UUID

from bench.clients import generate
from bench.generator import Plan
from bench.orders import PreparedOrder
from bench.stage import BOT_ID, KIE_KEY, Stage
from bench.statements import statement
from neurocards.adapters.kie.dialects import DEFAULT_MODEL
from neurocards.adapters.postgres.records import script_document
from neurocards.domain.identifiers import RANDOM_BITS, uuid7
from neurocards.domain.keys import parse_keys
from neurocards.domain.script import Script

SCRIPT = Script(
    title="The mug that keeps the morning",
    scenes=(
        "Steam rises from the mug on a wooden table, the camera comes slowly closer.",
        "A hand turns it: the glaze catches the light of the window.",
        "It stands on a shelf between books, and one wants to take it down.",
    ),
    call_to_action="350 ml, made by hand: order yours today",
    visual_direction="Soft morning light, slow dolly-in, shallow depth of field, warm colours.",
)
TASK_CONNECTIONS = 32


async def accept_all(stage: Stage, orders: Sequence[PreparedOrder]) -> list[UUID]:
    """Accept all orders in one statement; give their jobs."""
    job_ids = [uuid7(datetime.now(UTC), secrets.randbits(RANDOM_BITS)) for _ in orders]
    outcomes = await stage.pool.fetch(
        statement("accept_orders"),
        [order.draft_id for order in orders],
        [order.tg_user_id for order in orders],
        job_ids,
        orders[0].message_id,
        BOT_ID,
    )
    if [(row["outcome"], row["orders"]) for row in outcomes] != [("created", len(orders))]:
        raise RuntimeError(f"not every order was accepted: {outcomes}")
    return job_ids


async def create_tasks(stage: Stage, count: int) -> list[str]:
    """Order that many renders from the provider; give their task ids."""
    address = urlsplit(stage.programs["kie"].url)
    plan = Plan(
        host=address.hostname or "",
        port=address.port or 0,
        path="/api/v1/jobs/createTask",
        bodies=str(stage.folder / "tasks.jsonl"),
        headers={"Authorization": f"Bearer {KIE_KEY}"},
        connections=TASK_CONNECTIONS,
        keep_answers=True,
    )
    wish = {
        "prompt": SCRIPT.visual_direction,
        "duration": "10",
        "aspect_ratio": "9:16",
        "mode": "std",
        "sound": False,
    }
    bodies = [{"model": DEFAULT_MODEL, "input": wish} for _ in range(count)]
    report = await generate(plan, bodies, stage.folder)
    answers = [json.loads(answer) for answer in report.answers]
    refused = [answer for answer in answers if answer.get("code") != HTTPStatus.OK]
    if not report.all_ok or refused:
        raise RuntimeError(f"the provider refused tasks: {report.statuses}, {refused[:1]}")
    return [str(answer["data"]["taskId"]) for answer in answers]


async def wait_for_renders(stage: Stage, orders: Sequence[PreparedOrder]) -> list[UUID]:
    """Make jobs whose render is under way and which nobody holds, as after a hand-over."""
    job_ids = await accept_all(stage, orders)
    task_ids = await create_tasks(stage, len(job_ids))
    fingerprint = parse_keys({"KIE_API_KEY": KIE_KEY})[0].fingerprint
    async with stage.pool.acquire() as connection, connection.transaction():
        await connection.execute(statement("start_scripting"), job_ids)
        await connection.execute(statement("start_submitting"), job_ids, script_document(SCRIPT))
        await connection.execute(
            statement("start_rendering"), job_ids, task_ids, fingerprint, DEFAULT_MODEL
        )
    return job_ids
