"""Baseline of memory: `python -m bench.bare_hold SETTINGS.json`, bare asyncpg and nats-py.

Connects to PostgreSQL and NATS and rests: that is what an idle process needs at least. Then takes
that many messages and keeps each in a task that waits, with a beat to the broker from time to
time: that is what a job in flight needs at least. Prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import nats
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from bench.bare import FETCH_BATCH, FETCH_TIMEOUT_S, STREAM, subscribe
from bench.procfs import memory

SETTLE_S = 2.0
PUBLISHED_AT_ONCE = 500


async def main(settings: dict[str, Any]) -> None:
    pool = await asyncpg.create_pool(settings["database_url"], min_size=1, max_size=20)
    connection = await nats.connect(settings["nats_url"])
    async with httpx.AsyncClient():
        gc.collect()
        gc.freeze()
        await asyncio.sleep(SETTLE_S)
        idle = memory(os.getpid())
        held = await _hold(connection.jetstream(), settings) if settings["count"] else idle
    await connection.close()
    await pool.close()
    json.dump({"idle": asdict(idle), "held": asdict(held)}, sys.stdout)


async def _hold(jetstream: JetStreamContext, settings: dict[str, Any]) -> Any:
    count, beat_s = settings["count"], settings["beat_s"]
    subscription = await subscribe(jetstream)
    for start in range(0, count, PUBLISHED_AT_ONCE):
        numbers = range(start, min(count, start + PUBLISHED_AT_ONCE))
        await asyncio.gather(
            *(jetstream.publish(f"bare.default.{n}", b"%d" % n, stream=STREAM) for n in numbers)
        )
    finished = asyncio.Event()

    async def wait(message: Msg) -> None:
        while not finished.is_set():
            try:
                async with asyncio.timeout(beat_s):
                    await finished.wait()
            except TimeoutError:
                await message.in_progress()

    async with asyncio.TaskGroup() as group:
        fetched = 0
        while fetched < count:
            messages = await subscription.fetch(FETCH_BATCH, timeout=FETCH_TIMEOUT_S)
            fetched += len(messages)
            for message in messages:
                group.create_task(wait(message))
        until = time.monotonic() + settings["hold_s"]
        await asyncio.sleep(until - time.monotonic())
        held = memory(os.getpid())
        finished.set()
    return held


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
