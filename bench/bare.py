"""Baselines, a process of its own: `python -m bench.bare COMMAND SETTINGS.json`.

Bare asyncpg and nats-py on uvloop doing the same commits and messages as the product, without a
web framework, validation, HTTP calls or anything else around them. What stands between these
figures and the product's is what the product costs. Prints JSON.

accept: accept orders at a fixed rate, or on every connection as fast as it goes.
pipeline: accept at a fixed rate, publish, fetch, claim; from the commit to the claim.
drain: all commits of jobs that were accepted before, from the claim to the end, and their acks.
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import nats
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig

from bench.statements import product_statement, statement
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.domain.identifiers import RANDOM_BITS, uuid7

STREAM = "BARE"
DURABLE = "bare"
FETCH_BATCH = 100
FETCH_TIMEOUT_S = 1.0
ACK_WAIT_S = 60.0
DEADLINE_S = 3 * 3600.0
SCRIPT = {"title": "A mug", "voice_over": "word " * 60}

Settings = dict[str, Any]
Pool = asyncpg.Pool


def _job_statement(name: str) -> str:
    return product_statement("jobs", name)


async def _accept(pool: Pool, settings: Settings, number: int, order: Sequence[Any]) -> UUID:
    draft_id, user_id, message_id = order
    job_id = uuid7(datetime.now(UTC), secrets.randbits(RANDOM_BITS))
    outcome = await pool.fetchval(
        product_statement("orders", "accept"),
        settings["bot_id"],
        settings["first_update"] + number,
        UUID(draft_id),
        job_id,
        user_id,
        user_id,
        message_id,
        "default",
        DEADLINE_S,
    )
    if outcome != "created":
        raise RuntimeError(f"an order was not accepted: {outcome}")
    return job_id


async def _at_rate(rate: float, actions: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Start the actions at fixed times and wait for all of them."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        for number, action in enumerate(actions):
            wait_s = start + number / rate - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            group.create_task(_run(action))


async def _run(action: Callable[[], Awaitable[None]]) -> None:
    await action()


async def _on_each(workers: int, actions: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Let some workers take one action after the other."""
    waiting = iter(actions)

    async def work() -> None:
        for action in waiting:
            await action()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


async def accept(pool: Pool, settings: Settings) -> dict[str, Any]:
    """Latencies count from the call: the rounding of the loop's timers is not the database's."""
    latencies_ms: list[float] = []

    def action(number: int, order: Sequence[Any]) -> Callable[[], Awaitable[None]]:
        async def once() -> None:
            began = time.perf_counter()
            await _accept(pool, settings, number, order)
            latencies_ms.append((time.perf_counter() - began) * 1e3)

        return once

    actions = [action(number, order) for number, order in enumerate(settings["orders"])]
    began = time.perf_counter()
    if settings["rate_per_s"]:
        await _at_rate(settings["rate_per_s"], actions)
    else:
        await _on_each(settings["connections"], actions)
    return {"latencies_ms": latencies_ms, "seconds": time.perf_counter() - began}


async def pipeline(pool: Pool, settings: Settings) -> dict[str, Any]:
    connection = await nats.connect(settings["nats_url"])
    jetstream = connection.jetstream()
    subscription = await subscribe(jetstream)
    committed: dict[UUID, float] = {}
    latencies_ms: list[float] = []
    everything = asyncio.Event()

    def action(number: int, order: Sequence[Any]) -> Callable[[], Awaitable[None]]:
        async def once() -> None:
            job_id = await _accept(pool, settings, number, order)
            committed[job_id] = time.perf_counter()
            await jetstream.publish(f"bare.default.{job_id}", str(job_id).encode(), stream=STREAM)
            await pool.execute(statement("delete_message"), job_id)

        return once

    async def claim(message: Msg) -> None:
        job_id = UUID(message.data.decode())
        await pool.fetchrow(_job_statement("claim_job"), job_id, "bare", ACK_WAIT_S)
        latencies_ms.append((time.perf_counter() - committed[job_id]) * 1e3)
        await message.ack()
        if len(latencies_ms) == len(settings["orders"]):
            everything.set()

    consumer = asyncio.create_task(_consume(subscription, claim, limit=None))
    actions = [action(number, order) for number, order in enumerate(settings["orders"])]
    await _at_rate(settings["rate_per_s"], actions)
    async with asyncio.timeout(30):
        await everything.wait()
    consumer.cancel()
    await connection.close()
    return {"latencies_ms": latencies_ms}


async def drain(pool: Pool, settings: Settings) -> dict[str, Any]:
    connection = await nats.connect(settings["nats_url"])
    jetstream = connection.jetstream()
    subscription = await subscribe(jetstream)
    job_ids = [UUID(text) for text in settings["job_ids"]]
    for job_id in job_ids:
        await jetstream.publish(f"bare.default.{job_id}", str(job_id).encode(), stream=STREAM)

    slots = asyncio.Semaphore(settings["concurrency"])

    async def carry(message: Msg) -> None:
        async with slots:
            job_id = UUID(message.data.decode())
            row = await pool.fetchrow(_job_statement("claim_job"), job_id, "bare", ACK_WAIT_S)
            attempt = row["attempt"] if row else 0
            for name, values in _steps(job_id):
                if not await pool.fetchval(_job_statement(name), job_id, attempt, *values):
                    raise RuntimeError(f"{name} changed no row")
            await pool.fetchval(_job_statement("mark_told"), job_id, attempt, True)
            await message.ack_sync(timeout=10)

    began = time.perf_counter()
    await _consume(subscription, carry, limit=len(job_ids))
    seconds = time.perf_counter() - began
    await connection.close()
    return {"seconds": seconds}


def _steps(job_id: UUID) -> list[tuple[str, tuple[object, ...]]]:
    """Name the fenced commits of a job in their order, with the state that each starts from."""
    task = ("bench", "bench", f"task-{job_id}", "fingerprint")
    return [
        ("store_script", ("scripting", SCRIPT)),
        ("start_submitting", ("scripting", True)),
        ("store_task", ("submitting", *task)),
        ("start_fetching", ("rendering",)),
        ("start_delivering", ("fetching",)),
        ("finish_job", ("delivering", "file", False)),
    ]


async def subscribe(jetstream: JetStreamContext) -> JetStreamContext.PullSubscription:
    await jetstream.add_stream(
        StreamConfig(
            name=STREAM,
            subjects=["bare.*.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_msgs_per_subject=1,
            discard_new_per_subject=True,
        )
    )
    return await jetstream.pull_subscribe(
        "bare.default.*",
        DURABLE,
        stream=STREAM,
        config=ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_ack_pending=20_000
        ),
    )


async def _consume(
    subscription: JetStreamContext.PullSubscription,
    handle: Callable[[Msg], Awaitable[None]],
    *,
    limit: int | None,
) -> None:
    """Fetch messages and handle each in a task of its own; end after `limit` of them."""
    fetched = 0

    async def handled(message: Msg) -> None:
        await handle(message)

    async with asyncio.TaskGroup() as group:
        while limit is None or fetched < limit:
            try:
                messages = await subscription.fetch(FETCH_BATCH, timeout=FETCH_TIMEOUT_S)
            except TimeoutError:
                continue
            fetched += len(messages)
            for message in messages:
                group.create_task(handled(message))


COMMANDS: dict[str, Callable[[Pool, Settings], Awaitable[dict[str, Any]]]] = {
    "accept": accept,
    "pipeline": pipeline,
    "drain": drain,
}


async def main(command: str, settings: Settings) -> None:
    connections = settings["connections"]
    async with asyncpg.create_pool(
        settings["database_url"], min_size=connections, max_size=connections, init=set_codecs
    ) as pool:
        await _on_each(connections, [lambda: _prepare(pool)] * connections * 2)
        gc.collect()
        gc.freeze()
        result = await COMMANDS[command](pool, settings)
    json.dump(result, sys.stdout)


async def _prepare(pool: Pool) -> None:
    """Warm a connection up: the first statement on one pays for its preparation."""
    async with pool.acquire() as connection:
        await connection.prepare(product_statement("orders", "accept"))
        await connection.prepare(_job_statement("claim_job"))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
