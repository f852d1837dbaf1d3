"""Start and end of the bot's loops: sources first, then what is in hand, then the helpers."""

from __future__ import annotations

import asyncio

import pytest

from neurocards.telemetry.probes import Readiness
from neurocards_bot.lifecycle import run_until
from neurocards_bot.messages import LateEdits


class Source:
    """A source of updates that needs some turns of the loop to finish after `stop`."""

    def __init__(self, told: list[str], *, ends: bool = True) -> None:
        self._told = told
        self._ends = ends
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        self._told.append("source begins")
        await self._stopping.wait()
        if not self._ends:
            await asyncio.Event().wait()
        self._told.append("source has finished")

    def stop(self) -> None:
        self._told.append("source is stopped")
        self._stopping.set()


class Helper:
    def __init__(self, told: list[str], error: Exception | None = None) -> None:
        self._told = told
        self._error = error

    async def run(self) -> None:
        if self._error:
            raise self._error
        try:
            await asyncio.Event().wait()
        finally:
            self._told.append("helper ends")


async def lived(
    stop: asyncio.Event, source: Source, helper: Helper, *, drain_s: float = 20
) -> Readiness:
    readiness = Readiness()
    async with asyncio.timeout(30):
        await run_until(
            stop,
            sources=[source],
            helpers=[helper.run],
            late_edits=LateEdits(lambda: None),
            readiness=readiness,
            drain_s=drain_s,
        )
    return readiness


async def test_the_helpers_live_until_what_is_in_hand_is_finished():
    told: list[str] = []
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    readiness = await lived(stop, Source(told), Helper(told))
    assert told == ["source begins", "source is stopped", "source has finished", "helper ends"]
    status, body = await readiness.report()
    assert (status, body["status"]) == (503, "draining")


async def test_a_source_that_does_not_end_is_given_up_after_its_time():
    told: list[str] = []
    stop = asyncio.Event()
    stop.set()
    await lived(stop, Source(told, ends=False), Helper(told), drain_s=0.01)
    assert told[-1] == "helper ends"


async def test_a_helper_that_crashes_ends_the_process_with_its_error():
    told: list[str] = []
    with pytest.raises(ZeroDivisionError):
        await lived(asyncio.Event(), Source(told), Helper(told, ZeroDivisionError()))
    assert "source has finished" in told
