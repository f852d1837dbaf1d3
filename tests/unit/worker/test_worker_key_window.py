"""Our window and the provider's: what a network does between them must not fill it twice.

Time is made up, the limits are the real ones: those of the simulated account, 20 creates in 10 s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.testing.clock import FakeClock
from neurocards.testing.world import MemoryWorld
from neurocards_sandbox.kie.accounts import CREATES_PER_WINDOW, AccountLimits, Accounts
from neurocards_sandbox.kie.envelopes import RefusedError
from neurocards_worker.key_gate import KeyGate, KeyWindow, Turn
from neurocards_worker.settings import VideoModel
from support.worker_bench import WorkerBench

VIDEO = VideoModel.model_validate({})
KEYS = parse_keys({"KIE_API_KEY": "the only one"})
WINDOWS = 3
Call = Callable[..., Awaitable[Any]]
DELAYS = st.lists(
    st.floats(0.0, VIDEO.kie_window_margin_s),
    min_size=WINDOWS * CREATES_PER_WINDOW,
    max_size=WINDOWS * CREATES_PER_WINDOW,
)


async def refused(delays_s: Sequence[float], *, window_s: float) -> int:
    """Order as fast as the gate allows, each order late by its delay; count the refusals."""
    clock = FakeClock()
    world = MemoryWorld(clock)
    window = KeyWindow(CREATES_PER_WINDOW, window_s, VIDEO.kie_window_margin_s)
    gate = KeyGate(world.keys, KEYS, window=window, wait_s_max=60.0, moments=clock)
    await gate.register()
    arrivals = []
    for delay_s in delays_s:
        turn = await gate.take()
        assert isinstance(turn, Turn)
        assert turn.key == KEYS[0]
        arrivals.append(clock.monotonic() + delay_s)
    limits = AccountLimits(CREATES_PER_WINDOW, running_max=None, credits_error_code=402)
    accounts = Accounts(limits, credits_at_start=1e9)
    return sum(not _is_taken(accounts, at) for at in sorted(arrivals))


def _is_taken(accounts: Accounts, at: float) -> bool:
    try:
        accounts.take("a", 1.0, at)
    except RefusedError:
        return False
    return True


@given(DELAYS)
async def test_orders_that_a_network_brings_together_stay_within_the_providers_window(
    delays_s: list[float],
):
    """Whatever the delays up to the margin are, and whichever order is late."""
    assert await refused(delays_s, window_s=VIDEO.kie_window_kept_s) == 0


async def test_without_a_margin_the_network_makes_one_too_many():
    """Why there is one: the first window's orders are late, those of the next are not."""
    delays_s = [0.3] * CREATES_PER_WINDOW + [0.0] * CREATES_PER_WINDOW
    assert await refused(delays_s, window_s=VIDEO.kie_window_s) > 0


def test_the_worker_keeps_the_margin(bench: WorkerBench):
    assert bench.assembly.gate._window == KeyWindow(20, 10.5, 0.5)


def slowed(bench: WorkerBench, call: Call) -> Call:
    """Let a call of the store take longer than the margin of a turn."""

    async def slowly(*arguments: Any, **options: Any) -> Any:
        answer = await call(*arguments, **options)
        bench.clock.advance(VIDEO.kie_window_margin_s + 0.1)
        return answer

    return slowly


async def test_an_order_that_cannot_leave_in_its_turn_takes_another_one(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """It would arrive among the orders of the next window, and one too many rests the key."""
    slowly = slowed(bench, bench.world.jobs.start_submitting)
    monkeypatch.setattr(bench.world.jobs, "start_submitting", slowly)

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert record.submissions == len(bench.provider.created) == 1
    assert [len(takes) for takes in bench.world.database.takes.values()] == [2]


async def test_a_worker_that_misses_turn_after_turn_lets_the_job_rest_and_keeps_no_count(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    slowly = slowed(bench, bench.world.keys.take)
    monkeypatch.setattr(bench.world.keys, "take", slowly)
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.QUEUED
    assert record.postponed_reason == "turn_missed"
    assert (record.tries, record.submissions, bench.provider.created) == (0, 0, [])
    monkeypatch.undo()
    assert (await bench.carry_to_end(job_id)).status is JobStatus.DONE
