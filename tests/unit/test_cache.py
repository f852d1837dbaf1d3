"""The cache loads once for many callers, forgets when told, and never fails its callers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from neurocards.cache import AnnouncingBackend, Cache, Found, MemoryBackend, cache_key
from neurocards.errors import QueueUnavailableError
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.clock import FakeClock
from neurocards.testing.queue import MemoryBroker, MemoryHints


@dataclass(frozen=True)
class Summary:
    queued: int
    names: dict[str, str]


class Desk:
    """A cached function over a row that can change; each load can be held up."""

    def __init__(self, backend: MemoryBackend | None = None, ttl_s: float = 300) -> None:
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        self.backend = backend or MemoryBackend(self.clock)
        self.row = Summary(1, {"ru": "Имя"})
        self.loads = 0
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.failure: Exception | None = None
        cache = Cache(self.backend, CommonMetrics(self.registry))
        self.summary = cache.cached("summary", Summary, ttl_s=ttl_s)(self._load)

    async def _load(self, pool: str, *, limit: int = 10) -> Summary:
        assert (pool, limit) in {("default", 10), ("default", 5), ("express", 10)}
        self.loads += 1
        row = self.row
        await self.may_load.wait()
        if self.failure is not None:
            raise self.failure
        return row

    def count(self, result: str) -> float:
        labels = {"cache": "summary", "result": result}
        return self.registry.get_sample_value("neurocards_cache_requests_total", labels) or 0.0


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_value_is_loaded_once_and_comes_back_as_what_it_was():
    desk = Desk()
    first, second = await desk.summary("default"), await desk.summary("default")
    assert first == second == Summary(1, {"ru": "Имя"})
    assert desk.loads == 1
    assert (desk.count("miss"), desk.count("hit")) == (1, 1)


async def test_a_caller_who_changes_his_value_changes_nobody_elses():
    desk = Desk()
    await desk.summary("default")
    (await desk.summary("default")).names["ru"] = "changed"
    assert (await desk.summary("default")).names == {"ru": "Имя"}


async def test_other_arguments_are_another_value():
    desk = Desk()
    await desk.summary("default")
    await desk.summary("express")
    await desk.summary("default", limit=5)
    assert desk.loads == 3


async def test_after_its_time_a_value_is_loaded_again():
    desk = Desk(ttl_s=300)
    await desk.summary("default")
    desk.clock.advance(301)
    desk.row = Summary(2, {})
    assert (await desk.summary("default")).queued == 2


async def test_a_hundred_callers_who_miss_together_load_once():
    desk = Desk()
    desk.may_load.clear()
    callers = [asyncio.create_task(desk.summary("default")) for _ in range(100)]
    await _turns()
    desk.may_load.set()
    assert {(await caller).queued for caller in callers} == {1}
    assert desk.loads == 1


async def test_a_caller_who_gives_up_does_not_take_the_value_from_the_others():
    desk = Desk()
    desk.may_load.clear()
    impatient = asyncio.create_task(desk.summary("default"))
    patient = asyncio.create_task(desk.summary("default"))
    await _turns()
    impatient.cancel()
    await _turns()
    desk.may_load.set()
    assert (await patient).queued == 1
    assert desk.loads == 1


async def test_a_load_that_fails_fails_its_callers_and_is_not_remembered():
    desk = Desk()
    desk.failure = ZeroDivisionError()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await desk.summary("default")
    assert desk.loads == 2
    desk.failure = None
    assert (await desk.summary("default")).queued == 1


async def test_a_forgotten_value_is_loaded_again():
    desk = Desk()
    await desk.summary("default")
    desk.row = Summary(2, {})
    await desk.summary.forget("default")
    assert (await desk.summary("default")).queued == 2


async def test_a_load_that_began_before_the_change_does_not_bring_the_old_value_back():
    desk = Desk()
    desk.may_load.clear()
    early = asyncio.create_task(desk.summary("default"))
    await _turns()
    desk.row = Summary(2, {})
    await desk.summary.forget("default")
    late = asyncio.create_task(desk.summary("default"))
    await _turns()
    desk.may_load.set()
    assert ((await early).queued, (await late).queued) == (1, 2)
    assert (await desk.summary("default")).queued == 2


async def test_a_change_in_one_pod_is_forgotten_in_all_of_them():
    broker = MemoryBroker()
    clock = FakeClock()
    pods = [
        AnnouncingBackend(MemoryBackend(clock), MemoryHints(broker), MemoryHints(broker))
        for _ in range(2)
    ]
    key = cache_key("summary", "default")
    for pod in pods:
        await pod.put(key, b"1", ttl_s=60, version=(await pod.get(key)).version)
    async with pods[0].listening(), pods[1].listening():
        await pods[0].forget(key)
        assert [(await pod.get(key)).value for pod in pods] == [None, None]


async def test_a_pod_that_may_have_missed_words_can_forget_everything():
    clock = FakeClock()
    hints = MemoryHints()
    pod = AnnouncingBackend(MemoryBackend(clock), hints, hints)
    version = (await pod.get("key")).version
    await pod.put("key", b"1", ttl_s=60, version=version)
    pod.clear()
    assert (await pod.get("key")).value is None
    await pod.put("key", b"1", ttl_s=60, version=version)
    assert (await pod.get("key")).value is None


class BrokenBackend(MemoryBackend):
    async def get(self, key: str) -> Found:
        raise QueueUnavailableError(f"away: {key}")

    async def forget(self, key: str) -> None:
        raise QueueUnavailableError(f"away: {key}")


async def test_a_backend_that_is_away_is_a_miss():
    desk = Desk(BrokenBackend(FakeClock()))
    assert (await desk.summary("default")).queued == 1
    await desk.summary.forget("default")
    assert (desk.count("miss"), desk.count("error")) == (1, 2)


async def test_a_stored_value_of_another_release_is_loaded_anew():
    desk = Desk()
    key = cache_key("summary", ("default",), {})
    await desk.backend.put(key, b'{"queued": "many"}', ttl_s=60, version=0)
    assert (await desk.summary("default")).queued == 1
    assert (desk.count("error"), desk.count("miss")) == (1, 1)


async def test_none_is_a_value_too():
    calls: list[str] = []

    async def find(name: str) -> int | None:
        calls.append(name)
        return None

    desk = Desk()
    cache = Cache(desk.backend, CommonMetrics(CollectorRegistry()))
    cached = cache.cached("found", int | None, ttl_s=60)(find)
    assert (await cached("x"), await cached("x")) == (None, None)
    assert calls == ["x"]


async def test_memory_is_bounded_and_the_longest_unused_entry_leaves_first():
    backend = MemoryBackend(FakeClock(), entries_max=2)
    for key in ("a", "b"):
        await backend.put(key, b"1", ttl_s=60, version=0)
    await backend.get("a")
    await backend.put("c", b"1", ttl_s=60, version=0)
    found = [(await backend.get(key)).value for key in ("a", "b", "c")]
    assert found == [b"1", None, b"1"]


def test_a_key_is_the_same_in_every_process():
    code = "from neurocards.cache import cache_key; print(cache_key('s', 'ru', 7, {'b': 1}))"
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {cache_key("s", "ru", 7, {"b": 1})}


def test_an_argument_that_has_no_stable_text_is_refused():
    with pytest.raises(TypeError):
        cache_key("summary", object())
