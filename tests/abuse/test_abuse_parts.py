"""The abuse itself: that it hits every address, is the same again for a seed, and would notice."""

from __future__ import annotations

import importlib
import json
import pkgutil
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

import neurocards_bot.http
import neurocards_bot.settings
import neurocards_worker.settings
from abuse.endpoints import BOT, PROBES
from abuse.judge import complaints
from abuse.memory import BYTES_PER_UPDATE, NOISE_BYTES, growth
from abuse.mutations import BODY_BYTES_MAX, Mutator, dumped
from abuse.stage import environments, plan_of
from neurocards.telemetry.probes import Readiness, probe_routes
from support.bot_desk import membership, message, photo, press
from support.canaries import bare_secrets, canary

ANYTHING: Any = {}
REAL = [
    {"update_id": 1, "message": message(text="/start")},
    {"update_id": 2, "message": message(**photo())},
    {"update_id": 3, "callback_query": press("ok|AAAAAAAAAAAAAAAAAAAAAA")},
    {"update_id": 4, "my_chat_member": membership("member", "kicked")},
]
PEOPLE = (5, 6, 7)
MIB = 2**20


def test_every_address_of_the_bot_is_attacked():
    """Whoever adds a module of routes adds its addresses to `abuse.endpoints`."""
    modules = [
        importlib.import_module(f"neurocards_bot.http.{found.name}")
        for found in pkgutil.iter_modules(neurocards_bot.http.__path__)
    ]
    routers = [router for module in modules for router in routers_of(module)]
    assert {getattr(route, "path", "") for one in routers for route in one.routes} == set(BOT)


def routers_of(module: ModuleType) -> list[APIRouter]:
    """Call what makes routes in a module; nothing is asked of them, so anything will do."""
    given: dict[str, dict[str, Any]] = {
        "webhook_routes": {"bots": {}, "processor": None, "secret": None},
        "callback_routes": {"receiver": None},
        "queue_stats_routes": {"orders": None, "clock": None, "workers_configured": 0},
        "health_routes": {"health": None, "admin_token": "x" * 16},
    }
    return [
        getattr(module, name)(**given[name])
        for name in vars(module)
        if name.endswith("_routes") and getattr(module, name).__module__ == module.__name__
    ]


def test_every_address_of_the_probe_server_is_attacked():
    """It is the same in bot and worker."""
    routes = probe_routes(Readiness(), CollectorRegistry())
    assert {route.path for route in routes} == set(PROBES)


def test_every_secret_of_both_processes_has_a_canary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is not planted could be told by nobody."""
    plan = plan_of(tmp_path, postgres_port=5432, nats_url="nats://127.0.0.1:4222")
    bot, worker = environments(plan)
    for environment, module in (
        (bot, neurocards_bot.settings),
        (worker, neurocards_worker.settings),
    ):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert bare_secrets(module.load()) == []


def test_a_seed_brings_the_same_bodies_again():
    """What was answered wrong can be sent once more."""

    def bodies(seed: int) -> list[bytes]:
        mutator = Mutator(REAL, PEOPLE)
        return [
            mutator.body(random.Random(f"{seed} {number}"), update_id=number)
            for number in range(300)
        ]

    assert bodies(1) == bodies(1)
    assert bodies(1) != bodies(2)


def test_the_bodies_are_of_every_bad_kind():
    """Readable ones, unreadable ones, and each kind of trouble that is looked for."""
    mutator = Mutator(REAL, PEOPLE)
    bodies = [mutator.body(random.Random(number), update_id=number) for number in range(3_000)]
    assert sum(is_json(body) for body in bodies) in range(2_500, 3_000)
    for trouble in (
        b"\\u0000",
        b"\\ud800",
        b"9223372036854775808",
        b"[[[[",
        b"NaN",
        b"1" + b"0" * 400,
    ):
        assert any(trouble in body for body in bodies), trouble
    assert max(map(len, bodies)) > MIB


def test_something_deep_that_was_repeated_becomes_no_body_without_end():
    """Thousands of the deepest together would be gigabytes, and the storm would stand still."""
    body = dumped(["@deep:100000@", "@deep:5000@"] * 2_000)
    assert len(body) <= BODY_BYTES_MAX + len(dumped([[]] * 4_000))
    assert body.startswith(b"[" * 100_001)


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def test_a_process_that_keeps_a_kilobyte_of_each_update_is_noticed():
    leaking = [(sent, 180 * MIB + 1_024 * sent) for sent in range(2_500, 50_001, 2_500)]
    assert not growth(leaking).is_bounded


def test_a_process_that_fills_its_caches_first_is_not_blamed():
    level = [
        (sent, 180 * MIB + min(sent, 15_000) * 2_000 + (sent % 3) * MIB)
        for sent in range(2_500, 50_001, 2_500)
    ]
    assert growth(level).is_bounded
    assert growth(level).allowed_bytes == NOISE_BYTES + BYTES_PER_UPDATE * 30_000


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (json.dumps({"event": "update.failed", "update_id": 1}), "bug"),
        (json.dumps({"event": "Exception in ASGI application\n", "level": "error"}), "bug"),
        ("--- Logging error ---", "log"),
        (json.dumps({"event": "bot.ready", "token": canary("token")}), "I11"),
    ],
)
def test_what_may_stand_in_no_log_is_found(line: str, kind: str):
    harmless = json.dumps({"event": "update.unreadable", "level": "error"})
    (found,) = complaints("bot", f"{harmless}\n{line}\n")
    assert (found.invariant, found.subject) == (kind, "bot.log:2")
