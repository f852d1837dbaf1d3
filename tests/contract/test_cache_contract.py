"""What every backend of the cache does: memory, announced memory and NATS KV."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.key_value import BUCKET, NatsBackend
from neurocards.cache import AnnouncingBackend, Cache, CacheBackend, MemoryBackend, cache_key
from neurocards.errors import QueueUnavailableError
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.clock import FakeClock
from neurocards.testing.queue import MemoryHints

KEY = cache_key("templates", "ru")
OTHER_KEY = cache_key("templates", "en")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def memory(clock: FakeClock) -> CacheBackend:
    return MemoryBackend(clock)


@pytest.fixture
def announcing(clock: FakeClock) -> CacheBackend:
    hints = MemoryHints()
    return AnnouncingBackend(MemoryBackend(clock), hints, hints)


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[NatsConnection]:
    settings = Broker.model_validate({"nats_url": nats_url})
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings, name="cache", metrics=metrics) as connection:
        yield connection


@pytest.fixture
def key_value(connection: NatsConnection, clock: FakeClock) -> CacheBackend:
    return NatsBackend(connection, clock)


@pytest.fixture(params=["memory", "announcing", "key_value"])
def backend(request: pytest.FixtureRequest) -> CacheBackend:
    backend: CacheBackend = request.getfixturevalue(request.param)
    return backend


async def _put(backend: CacheBackend, value: bytes, *, key: str = KEY, ttl_s: float = 60) -> None:
    version = (await backend.get(key)).version
    await backend.put(key, value, ttl_s=ttl_s, version=version)


async def _value(backend: CacheBackend, key: str = KEY) -> bytes | None:
    return (await backend.get(key)).value


async def test_a_key_that_was_never_put_is_a_miss(backend: CacheBackend):
    assert await _value(backend) is None


async def test_what_was_put_is_found_under_its_key_only(backend: CacheBackend):
    await _put(backend, b"[1]")
    assert await _value(backend) == b"[1]"
    assert await _value(backend, OTHER_KEY) is None


async def test_a_value_can_be_replaced(backend: CacheBackend):
    await _put(backend, b"[1]")
    await _put(backend, b"[2]")
    assert await _value(backend) == b"[2]"


async def test_a_value_ends_at_its_time(backend: CacheBackend, clock: FakeClock):
    await _put(backend, b"[1]", ttl_s=300)
    clock.advance(299)
    assert await _value(backend) == b"[1]"
    clock.advance(2)
    assert await _value(backend) is None
    await _put(backend, b"[2]")
    assert await _value(backend) == b"[2]"


async def test_a_forgotten_key_is_a_miss_and_can_be_put_again(backend: CacheBackend):
    await _put(backend, b"[1]")
    await backend.forget(KEY)
    assert await _value(backend) is None
    await _put(backend, b"[2]")
    assert await _value(backend) == b"[2]"


async def test_forgetting_what_was_never_there_is_fine(backend: CacheBackend):
    await backend.forget(KEY)
    assert await _value(backend) is None


async def test_a_value_read_before_the_key_was_forgotten_is_not_stored(backend: CacheBackend):
    await _put(backend, b"[1]")
    version = (await backend.get(OTHER_KEY)).version
    await backend.forget(OTHER_KEY)
    await backend.put(OTHER_KEY, b'["old"]', ttl_s=60, version=version)
    assert await _value(backend, OTHER_KEY) is None


async def test_a_second_pod_finds_what_the_first_one_put(
    connection: NatsConnection, clock: FakeClock
):
    await _put(NatsBackend(connection, clock), b"[1]")
    assert await _value(NatsBackend(connection, clock)) == b"[1]"


async def test_a_bucket_that_was_lost_is_made_again(connection: NatsConnection, clock: FakeClock):
    backend = NatsBackend(connection, clock)
    await _put(backend, b"[1]")
    await connection.client.jetstream().delete_key_value(BUCKET)
    assert await _value(backend) is None
    with pytest.raises(QueueUnavailableError):
        await _put(backend, b"[2]")
    await _put(backend, b"[3]")
    assert await _value(backend) == b"[3]"


async def test_a_value_of_another_shape_in_the_bucket_is_a_miss(
    connection: NatsConnection, clock: FakeClock
):
    backend = NatsBackend(connection, clock)
    await _put(backend, b"[1]")
    bucket = await connection.client.jetstream().key_value(BUCKET)
    await bucket.put(KEY, b"nonsense")
    assert await _value(backend) is None


async def test_with_nats_away_the_function_is_called_each_time(clock: FakeClock):
    registry = CollectorRegistry()
    metrics = CommonMetrics(registry)
    unconnected = NatsConnection(Broker.model_validate({}), name="never", metrics=metrics)
    calls: list[int] = []

    async def load(number: int) -> int:
        calls.append(number)
        return number

    cached = Cache(NatsBackend(unconnected, clock), metrics).cached("numbers", int, ttl_s=60)(load)
    assert [await cached(7), await cached(7)] == [7, 7]
    await cached.forget(7)
    assert calls == [7, 7]
    labels = {"cache": "numbers", "result": "error"}
    assert registry.get_sample_value("neurocards_cache_requests_total", labels) == 3
