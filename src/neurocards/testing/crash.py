"""Dying at a named point: before or after any call that leaves the process.

Nothing is sprinkled over the product: `guarded` stands between it and an adapter, and knows the
calls by the port's protocol. A point is `<door>.<method>:before` or `:after`. Which one is deadly
stands in a file, so that a running process can be told; it is taken away by the one that dies.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any

TAKEN_SUFFIX = ".taken"


class Call(StrEnum):
    """How a method of a port leaves the process."""

    AWAITED = "awaited"
    ITERATED = "iterated"
    ENTERED = "entered"


class CrashOrder:
    """A file with the name of the point at which whoever reaches it first dies by SIGKILL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = path.with_name(path.name + TAKEN_SUFFIX)

    def give(self, point: str) -> None:
        self._taken.unlink(missing_ok=True)
        written = self._path.with_name(self._path.name + ".new")
        written.write_text(point, encoding="utf-8")
        written.replace(self._path)

    def withdraw(self) -> None:
        self._path.unlink(missing_ok=True)

    @property
    def was_taken(self) -> bool:
        return self._taken.exists()

    def reached(self, point: str) -> None:
        """Die if this is the point; several processes may ask, and one of them dies."""
        try:
            wanted = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        if wanted != point:
            return
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(self._taken)
            os.kill(os.getpid(), signal.SIGKILL)


def calls_of(port: type) -> dict[str, Call]:
    """List the methods of a protocol, or of an adapter, that leave the process."""
    found: dict[str, Call] = {}
    for name, method in inspect.getmembers(port, inspect.isfunction):
        if name.startswith("_"):
            continue
        returned = str(inspect.get_annotations(method).get("return", ""))
        if "AsyncGenerator" in returned:
            found[name] = Call.ITERATED
        elif "AsyncContextManager" in returned or "AsyncIterator" in returned:
            # What `asynccontextmanager` has made says that it gives an iterator.
            found[name] = Call.ENTERED
        elif inspect.iscoroutinefunction(method):
            found[name] = Call.AWAITED
    return found


def points_of(door: str, port: type) -> list[str]:
    """Name the points of a door: two for each call."""
    return [f"{door}.{name}:{when}" for name in calls_of(port) for when in ("before", "after")]


def guarded(
    inside: Any,
    *,
    door: str,
    order: CrashOrder,
    yielded: Callable[[Any], Any] | None = None,
) -> Any:
    """Put points around every call of `inside`; `yielded` guards what its iterators give."""
    return _Guard(inside, door, order, yielded)


class _Guard:
    def __init__(
        self, inside: Any, door: str, order: CrashOrder, yielded: Callable[[Any], Any] | None
    ) -> None:
        self._inside = inside
        self._door = door
        self._order = order
        self._yielded = yielded
        self._calls: Mapping[str, Call] = calls_of(type(inside))

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inside, name)
        point = f"{self._door}.{name}"
        match self._calls.get(name):
            case Call.AWAITED:
                return lambda *given, **named: self._awaited(point, attribute, given, named)
            case Call.ENTERED:
                return lambda *given, **named: self._entered(point, attribute(*given, **named))
            case Call.ITERATED:
                return lambda *given, **named: self._iterated(point, attribute(*given, **named))
            case None:
                return attribute

    async def _awaited(
        self,
        point: str,
        call: Callable[..., Awaitable[Any]],
        given: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        self._order.reached(f"{point}:before")
        try:
            return await call(*given, **named)
        finally:
            self._order.reached(f"{point}:after")

    @contextlib.asynccontextmanager
    async def _entered(
        self, point: str, context: AbstractAsyncContextManager[Any]
    ) -> AsyncIterator[Any]:
        self._order.reached(f"{point}:before")
        async with context as entered:
            yield entered
        self._order.reached(f"{point}:after")

    async def _iterated(
        self, point: str, iterator: AsyncGenerator[Any, None]
    ) -> AsyncGenerator[Any, None]:
        async with contextlib.aclosing(iterator):
            while True:
                self._order.reached(f"{point}:before")
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    return
                self._order.reached(f"{point}:after")
                yield item if self._yielded is None else self._yielded(item)
