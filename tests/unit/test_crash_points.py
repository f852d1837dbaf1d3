"""Every call that leaves a process has two points to die at, and a gap is found."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiogram.methods
import pytest

import neurocards_bot
from neurocards.ports import jobs, orders, outbound, providers, queue
from neurocards.testing.crash import Call, CrashOrder, calls_of, guarded, points_of
from support import crash_doors
from support.crash_doors import BOT_DOORS, BOT_ROOTS, DELIVERY, EXCUSED, WORKER_DOORS, WORKER_ROOTS

PORT_MODULES = (jobs, orders, outbound, providers, queue)
# Parts of a port that another one has as a whole, and a side of NATS hints that only listens.
COVERED_BY_ANOTHER = {queue.OutboxMessages, queue.HintListener}
BOT_SOURCES = Path(str(neurocards_bot.__file__)).parent
# Calls of aiogram's objects that are named otherwise than the method of the API.
SHORTCUTS = {"answer": "sendMessage", "download": "getFile"}


class _Outside:
    """An adapter with a call of each kind, and one that leaves nothing."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def say(self, word: str) -> str:
        self.said.append(word)
        return word.upper()

    async def words(self) -> AsyncGenerator[str, None]:
        yield "one"
        yield "two"

    @asynccontextmanager
    async def room(self) -> AsyncIterator[str]:
        yield "inside"

    def look(self) -> int:
        return len(self.said)


class _Recorded(CrashOrder):
    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.points: list[str] = []

    def reached(self, point: str) -> None:
        self.points.append(point)


async def test_each_call_passes_its_two_points_and_gives_what_it_gave():
    """Awaited, iterated and entered calls; what does not leave the process has none."""
    order = _Recorded()
    outside = guarded(_Outside(), door="out", order=order, yielded=str.upper)
    assert await outside.say("a") == "A"
    async with outside.room() as entered:
        assert entered == "inside"
    assert outside.look() == 1
    assert order.points == ["out.say:before", "out.say:after", "out.room:before", "out.room:after"]
    assert [word async for word in outside.words()] == ["ONE", "TWO"]
    assert order.points[4:] == ["out.words:before", "out.words:after"] * 2 + ["out.words:before"]


def test_the_kinds_of_calls_are_read_from_the_signatures():
    """Of a class and of a protocol alike."""
    kinds = {"say": Call.AWAITED, "words": Call.ITERATED, "room": Call.ENTERED}
    assert calls_of(_Outside) == kinds
    assert calls_of(queue.JobQueue) == {"deliveries": Call.ITERATED}
    assert calls_of(orders.DialogueStore)["lock"] is Call.ENTERED


def test_one_process_of_two_takes_the_order_and_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The file is taken away before the signal, so the successor lives."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    mine, other = CrashOrder(tmp_path / "order"), CrashOrder(tmp_path / "order")
    mine.reached("a:before")
    mine.give("a:before")
    mine.reached("a:after")
    assert killed == []
    assert not mine.was_taken
    mine.reached("a:before")
    other.reached("a:before")
    assert killed == [(os.getpid(), signal.SIGKILL)]
    assert other.was_taken


@pytest.mark.parametrize("roots", [WORKER_ROOTS, BOT_ROOTS])
def test_every_adapter_of_a_composition_root_is_guarded_or_excused(roots: tuple[str, ...]):
    """An adapter that is put to use without points to die at fails here."""
    doors = {door.name for door in WORKER_DOORS + BOT_DOORS}
    for root in map(importlib.import_module, roots):
        used = {
            alias.name
            for node in ast.walk(ast.parse(inspect.getsource(root)))
            if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("neurocards.adap")
            for alias in node.names
        }
        assert used <= doors | set(EXCUSED), f"{root.__name__}: {used - doors - set(EXCUSED)}"


def test_no_excuse_outlives_what_it_excuses():
    """The list would hide the next adapter of that name."""
    roots = map(importlib.import_module, WORKER_ROOTS + BOT_ROOTS)
    sources = "".join(inspect.getsource(root) for root in roots)
    assert [name for name in EXCUSED if not re.search(rf"\b{name}\b", sources)] == []


def test_every_port_that_leaves_the_process_has_a_door():
    """The list of points is made of the protocols, so none of them may be missing."""
    protocols = {
        port
        for module in PORT_MODULES
        for _, port in inspect.getmembers(module, inspect.isclass)
        if getattr(port, "_is_protocol", False)
        and port.__module__ == module.__name__
        and calls_of(port)
    }
    behind_doors = {door.port for door in (*WORKER_DOORS, *BOT_DOORS, DELIVERY)}
    assert protocols - COVERED_BY_ANOTHER == behind_doors


@pytest.mark.parametrize("door", WORKER_DOORS + BOT_DOORS, ids=lambda door: door.name)
def test_a_guarded_adapter_has_every_point_of_its_port(door: crash_doors.Door):
    """The guard reads the adapter; what it misses of the protocol would never be reached."""
    roots = map(importlib.import_module, WORKER_ROOTS + BOT_ROOTS)
    root = next(root for root in roots if hasattr(root, door.name))
    assert set(points_of(door.title, door.port)) <= set(
        points_of(door.title, getattr(root, door.name))
    )


def test_every_call_of_the_bot_to_telegram_has_a_point():
    """The methods are read from the sources of the bot."""
    methods = {name[0].lower() + name[1:] for name in aiogram.methods.__all__}
    called = set()
    for path in BOT_SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first, *rest = node.func.attr.split("_")
                called.add(first + "".join(word.capitalize() for word in rest))
                called.add(SHORTCUTS.get(node.func.attr, ""))
            elif isinstance(node, ast.ClassDef):
                called.add(node.name[0].lower() + node.name[1:])
    # aiogram draws updates by a method of its own; ours carries the same name at the API.
    called.add("getUpdates")
    called.add("answerCallbackQuery")
    assert called & methods == set(crash_doors.BOT_TELEGRAM_METHODS)
