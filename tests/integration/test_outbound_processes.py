"""Two processes speak for one bot, to a Telegram with its real limits, over one PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from neurocards_sandbox.telegram.testing import Simulator, simulator
from support.stalls import stalls

TESTS = Path(__file__).parents[1]
TOKEN = "4242:TEST_TOKEN_OF_THE_SIMULATED_BOT_0000"
FIRST_CHAT = 9001
WITHIN_S = 300.0
STALL_S_MAX = 0.7
"""Of 30 that the simulator takes at once, 24 a second are said."""
REST_S = 2.0
TRIES = 5
Says = tuple[int, int, str]


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    """With the limits that the real one has."""
    async with simulator() as telegram:
        yield telegram


async def messages(telegram: Simulator, count: int) -> list[tuple[int, int]]:
    """Send a message to each of so many chats, while there are no limits; give chat and message."""
    await telegram.call("getMe", TOKEN)
    await telegram.control("/tuning", {"limits": False})
    sent = []
    for chat_id in range(FIRST_CHAT, FIRST_CHAT + count):
        await telegram.say(chat_id)
        reply = await telegram.call("sendMessage", TOKEN, chat_id=chat_id, text="Accepted")
        sent.append((chat_id, int(reply.json()["result"]["message_id"])))
    await telegram.control("/tuning", {"limits": True})
    await telegram.control("/calls", method="DELETE")
    return sent


async def speaks(
    telegram: Simulator, database_url: str, folder: Path, says: Sequence[Says]
) -> tuple[dict[str, int], float]:
    """Let a process of its own say all of it at once; tell what became of it, and its lateness."""
    order = {
        "token": TOKEN,
        "telegram_url": telegram.url,
        "database_url": database_url,
        "says": says,
        # Or a repeated edit would not be one.
        "mark": time.time_ns(),
    }
    path = folder / f"order-{says[0][0]}.json"
    path.write_text(json.dumps(order), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.speaker", str(path)),
        cwd=TESTS,
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()
    assert process.returncode == 0
    # What it logs stands above.
    told = json.loads(output.splitlines()[-1])
    return told["said"], told["late_s"]


async def edits(telegram: Simulator) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = await telegram.control("/calls?method=editMessageText")
    return calls


async def both_speak(
    telegram: Simulator, database_url: str, folder: Path, *says: Sequence[Says]
) -> list[dict[str, int]]:
    """Let two processes speak at once.

    What was allowed while a busy machine kept one of them from saying it, or the simulator from
    hearing it, arrives there at once, and is refused by rights: then it is tried again.
    """
    for _ in range(TRIES):
        await telegram.control("/calls", method="DELETE")
        async with stalls() as late_s:
            told = await asyncio.gather(
                *(speaks(telegram, database_url, folder, one) for one in says)
            )
        if max(*late_s, *(spoken_late_s for _, spoken_late_s in told)) < STALL_S_MAX:
            break
        await asyncio.sleep(REST_S)
    return [said for said, _ in told]


async def test_two_processes_keep_to_the_limits_and_the_urgent_come_first(
    telegram: Simulator, database_url: str, tmp_path: Path
):
    """A hundred edits at once, thirty a second allowed: none is refused, deliveries go first."""
    sent = await messages(telegram, 120)
    names = ("STATE", "NOTICE", "DELIVERY")
    says = [(*one, names[number % 3]) for number, one in enumerate(sent)]
    said = await both_speak(telegram, database_url, tmp_path, says[:60], says[60:])
    assert said == [{"ok": 60}, {"ok": 60}]
    calls = await edits(telegram)
    assert [call["status"] for call in calls] == [200] * 120
    # 6 at once and 24 a second: nobody has found a way around the shared bucket.
    assert calls[-1]["at"] - calls[0]["at"] >= 0.9 * (120 - 6) / 24
    order = [str(call["parameters"]["text"]).split()[0] for call in calls]
    places = {name: mean(i for i, one in enumerate(order) if one == name) for name in names}
    assert places["DELIVERY"] < places["NOTICE"] < places["STATE"]


async def test_progress_gives_way_to_what_matters(
    telegram: Simulator, database_url: str, tmp_path: Path
):
    """Dropped while deliveries wait, of whichever process; all of them arrive."""
    sent = await messages(telegram, 100)
    deliveries = [(*one, "DELIVERY") for one in sent[:40]]
    progress = [(*one, "PROGRESS") for one in sent[40:]]
    said = await both_speak(
        telegram,
        database_url,
        tmp_path,
        deliveries[:20] + progress[:30],
        deliveries[20:] + progress[30:],
    )
    dropped = sum(one.get("HeldBackError", 0) for one in said)
    texts = [str(call["parameters"]["text"]).split()[0] for call in await edits(telegram)]
    assert texts.count("DELIVERY") == 40
    assert texts.count("PROGRESS") == 60 - dropped
    assert dropped > 30
    assert {call["status"] for call in await edits(telegram)} == {200}


async def test_silence_that_one_process_is_asked_for_is_kept_by_the_other(
    telegram: Simulator, database_url: str, tmp_path: Path
):
    """Two chats of one process are refused with `retry_after`: the other process waits it out."""
    sent = await messages(telegram, 3)
    await telegram.control("/faults", {"method": "editMessageText", "times": 2, "retry_after": 10})
    refused = [(*one, "NOTICE") for one in sent[:2]]
    said, _ = await speaks(telegram, database_url, tmp_path, refused)
    assert said == {"ProviderError": 2}
    spoken, _ = await speaks(telegram, database_url, tmp_path, [(*sent[2], "DELIVERY")])
    assert spoken == {"ok": 1}
    calls = await edits(telegram)
    assert [call["status"] for call in calls] == [429, 429, 200]
    assert calls[2]["at"] - calls[1]["at"] >= 10
