"""A cache in front of what is read often and changes seldom.

PostgreSQL stays the truth: a backend that fails is a miss, a value that cannot be read is a miss,
and every value ends by itself. Two backends: the memory of this process, and NATS KV, which all
pods share (`neurocards.adapters.nats.key_value`). Values are stored as JSON and checked on
reading. A key is made of names and arguments, the same in every process and release.
Invariant: what was forgotten is not brought back by a load that had begun before.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from neurocards.errors import NeurocardsError
from neurocards.ports.clock import Clock
from neurocards.ports.queue import HintListener, Hints
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

ENTRIES_MAX = 10_000
FORGET_SUBJECT = "cache.forget"
JITTER_SHARE = 0.1
_DIGEST_BYTES = 16

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Found:
    """What a backend has under a key: `value` is None for a miss.

    `version` is what `put` wants back: it lets the backend refuse a value that was read before
    the key was forgotten.
    """

    value: bytes | None
    version: int


class CacheBackend(Protocol):
    """Keeps bytes for a time. Any NeurocardsError that it raises counts as a miss."""

    async def get(self, key: str) -> Found: ...

    async def put(self, key: str, value: bytes, *, ttl_s: float, version: int) -> None:
        """Store unless the key was changed or forgotten since `version` was read."""
        ...

    async def forget(self, key: str) -> None: ...


class MemoryBackend:
    """The memory of this process; the entry that was not used for longest leaves first."""

    def __init__(self, clock: Clock, *, entries_max: int = ENTRIES_MAX) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._version = 0

    async def get(self, key: str) -> Found:
        value, ends_at = self._entries.get(key, (None, 0.0))
        if value is not None and ends_at <= self._clock.monotonic():
            del self._entries[key]
            value = None
        if value is not None:
            self._entries.move_to_end(key)
        return Found(value, self._version)

    async def put(self, key: str, value: bytes, *, ttl_s: float, version: int) -> None:
        if version != self._version:
            return
        self._entries[key] = (value, self._clock.monotonic() + ttl_s)
        self._entries.move_to_end(key)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)

    async def forget(self, key: str) -> None:
        self.drop(key)

    def drop(self, key: str) -> None:
        # One version for all keys: forgetting is rare, and a refused value is loaded again.
        self._version += 1
        self._entries.pop(key, None)

    def clear(self) -> None:
        self._version += 1
        self._entries.clear()


class AnnouncingBackend:
    """The memory of this process, which all pods forget together.

    Forgetting is announced on core NATS. A lost word costs staleness until the value's own end;
    `clear` belongs on every reconnect, because words were lost meanwhile.
    """

    def __init__(self, memory: MemoryBackend, hints: Hints, listener: HintListener) -> None:
        self._memory = memory
        self._hints = hints
        self._listener = listener
        self.get = memory.get
        self.put = memory.put
        self.clear = memory.clear

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Forget what other pods announce, as long as the context is open."""
        return self._listener.listening(
            FORGET_SUBJECT, lambda _subject, key: self._memory.drop(key.decode(errors="replace"))
        )

    async def forget(self, key: str) -> None:
        self._memory.drop(key)
        await self._hints.announce(FORGET_SUBJECT, key.encode())


def cache_key(name: str, *arguments: object) -> str:
    """Give the key of a name and arguments that JSON can write: letters, digits and one dot."""
    text = json.dumps(arguments, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return f"{name}.{hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"


class Cache:
    """Remembers what functions gave; makes the remembering functions with `cached`."""

    def __init__(self, backend: CacheBackend, metrics: CommonMetrics) -> None:
        self._backend = backend
        self._metrics = metrics

    def cached(
        self, name: str, value_type: Any, *, ttl_s: float
    ) -> Callable[[Callable[Parameters, Awaitable[Value]]], CachedFunction[Parameters, Value]]:
        """Decorate a function (or a bound method) whose value may be `ttl_s` old.

        `name` is the first part of its keys and its label in the metrics; `value_type` is what
        it returns, as pydantic reads it (a dataclass, `tuple[Template, ...]`, `int | None`).
        """

        def decorate(
            function: Callable[Parameters, Awaitable[Value]],
        ) -> CachedFunction[Parameters, Value]:
            return CachedFunction(
                function,
                name=name,
                value_type=value_type,
                ttl_s=ttl_s,
                backend=self._backend,
                metrics=self._metrics,
            )

        return decorate


class CachedFunction(Generic[Parameters, Value]):
    """A function that asks the cache first. Callers who miss together load once."""

    def __init__(
        self,
        function: Callable[Parameters, Awaitable[Value]],
        *,
        name: str,
        value_type: Any,
        ttl_s: float,
        backend: CacheBackend,
        metrics: CommonMetrics,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._name = name
        self._adapter: TypeAdapter[Value] = TypeAdapter(value_type)
        self._ttl_s = ttl_s
        self._backend = backend
        self._metrics = metrics
        self._loads: dict[str, asyncio.Task[Value]] = {}

    async def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Value:
        key = cache_key(self._name, args, kwargs)
        found = await self._find(key)
        value = self._read(found)
        if value is not None:
            self._count("hit")
            return value[0]
        self._count("miss")
        load = self._loads.get(key)
        if load is None:
            load = asyncio.create_task(self._load(key, found, self._function(*args, **kwargs)))
            self._loads[key] = load
            load.add_done_callback(lambda done: self._loaded(key, done))
        # A caller who gives up does not take the value from the others.
        return await asyncio.shield(load)

    async def forget(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        """Forget the value for these arguments, because it has changed."""
        await self.forget_key(cache_key(self._name, args, kwargs))

    async def forget_key(self, key: str) -> None:
        """Forget a key; loads that have begun are not joined by later callers."""
        self._loads.pop(key, None)
        try:
            await self._backend.forget(key)
        except NeurocardsError as error:
            self._count("error")
            log.warning("cache.forget_failed", cache=self._name, reason=str(error))

    async def _find(self, key: str) -> Found | None:
        try:
            return await self._backend.get(key)
        except NeurocardsError as error:
            self._count("error")
            log.debug("cache.away", cache=self._name, reason=str(error))
            return None

    def _read(self, found: Found | None) -> tuple[Value] | None:
        """Give the value in a tuple, since None is a value too."""
        if found is None or found.value is None:
            return None
        try:
            return (self._adapter.validate_json(found.value),)
        except ValidationError:
            # Written by another release of ours; it is loaded and written again.
            self._count("error")
            return None

    async def _load(self, key: str, found: Found | None, loading: Awaitable[Value]) -> Value:
        value = await loading
        if found is not None:
            # What was loaded together should not end together.
            ttl_s = self._ttl_s * random.uniform(1 - JITTER_SHARE, 1)
            try:
                await self._backend.put(
                    key, self._adapter.dump_json(value), ttl_s=ttl_s, version=found.version
                )
            except NeurocardsError as error:
                self._count("error")
                log.debug("cache.away", cache=self._name, reason=str(error))
        return value

    def _loaded(self, key: str, load: asyncio.Task[Any]) -> None:
        if self._loads.get(key) is load:
            del self._loads[key]
        if not load.cancelled():
            load.exception()

    def _count(self, result: str) -> None:
        self._metrics.cache_requests_total.labels(self._name, result).inc()
