"""No secret leaves the bot: canaries in every setting that holds one, refused by its neighbours."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from neurocards.domain.callbacks import callback_path
from neurocards.testing.world import new_job_id
from neurocards_bot.http.webhook import SECRET_HEADER
from neurocards_bot.settings import load
from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess
from support.bot_desk import message
from support.canaries import bare_secrets, canary, seen_in, with_password

WAIT_S_MAX = 60.0
BOT_ID = 4243


def secrets_of(database_url: str, nats_url: str) -> dict[str, str]:
    """Every setting of the bot that holds a secret, each with a canary of its own."""
    return {
        "NEUROCARDS_TELEGRAM_TOKENS": f"{BOT_ID}:{canary('token')}",
        "NEUROCARDS_WEBHOOK_SECRET": canary("webhook"),
        "NEUROCARDS_KIE_WEBHOOK_KEY": canary("kie-webhook"),
        "NEUROCARDS_CALLBACK_SECRET": canary("callback"),
        "NEUROCARDS_ADMIN_TOKEN": canary("admin"),
        "NEUROCARDS_LOG_USER_KEY": canary("log-user"),
        "NEUROCARDS_NATS_USER": "nobody",
        "NEUROCARDS_NATS_PASSWORD": canary("nats"),
        "NEUROCARDS_NATS_URL": with_password(nats_url, canary("nats-url")),
        "NEUROCARDS_DATABASE_URL": with_password(database_url, canary("database-url")),
        "DB_PASS": canary("database"),
    }


def test_every_secret_of_the_bot_has_a_canary(monkeypatch: pytest.MonkeyPatch):
    """Whoever adds a secret adds its canary above, and the log knows all of them."""
    for name, value in secrets_of("postgresql://a@db:5432/name", "nats://nats:4222").items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert bare_secrets(settings) == []
    for name in ("token", "webhook", "admin", "nats-url", "database-url", "database", "log-user"):
        assert any(canary(name) in secret for secret in settings.secrets), name


async def test_none_of_its_secrets_leaves_a_bot_whose_neighbours_refuse_it(
    telegram: httpx.AsyncClient, database_url: str, nats_url: str, tmp_path: Path
):
    """S0-16: PostgreSQL refuses the password and Telegram the token, at the level `debug`."""
    http_port, probes_port = free_port(), free_port()
    url, probes_url = f"http://127.0.0.1:{http_port}", f"http://127.0.0.1:{probes_port}"
    child = ChildProcess(
        "bot",
        [sys.executable, "-m", "neurocards_bot"],
        log_path=tmp_path / "bot.log",
        environment={
            "PATH": os.environ["PATH"],
            "MODE": "webhook",
            "PUBLIC_BASE_URL": "https://bot.example",
            "NEUROCARDS_PROFILE": "fast",
            "NEUROCARDS_LOG_LEVEL": "debug",
            "NEUROCARDS_LOG_FORMAT": "json",
            "NEUROCARDS_HTTP_HOST": "127.0.0.1",
            "NEUROCARDS_HTTP_PORT": str(http_port),
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_METRICS_PORT": str(probes_port),
            "NEUROCARDS_TELEGRAM_API_URL": str(telegram.base_url).rstrip("/"),
            **secrets_of(database_url, nats_url),
        },
    )
    texts: dict[str, str] = {}
    try:
        async with httpx.AsyncClient(timeout=WAIT_S_MAX) as client:
            await _until_alive(client, f"{probes_url}/livez", child)
            texts |= await _everything_asked(client, url, probes_url)
    finally:
        await child.stop(timeout_s=WAIT_S_MAX)
    texts["log"] = child.log_path.read_text(encoding="utf-8")

    assert seen_in(texts) == {}
    for trouble in ("InvalidPasswordError", "update.postponed", "relay.held_up", "webhook.refused"):
        assert trouble in texts["log"], trouble
    assert "InvalidPasswordError" in texts["/healthz/detailed"]


async def _until_alive(client: httpx.AsyncClient, url: str, child: ChildProcess) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while True:
            assert child.is_running, child.log_tail()
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.05)


async def _everything_asked(client: httpx.AsyncClient, url: str, probes_url: str) -> dict[str, str]:
    """Ask for every page with the right secrets and with wrong ones; give what was answered."""
    update = {"update_id": 1, "message": message(text="/start")}
    webhook, callback = f"{url}/telegram/{BOT_ID}", canary("callback").encode()
    right, wrong = {SECRET_HEADER: canary("webhook")}, {SECRET_HEADER: canary("wrong")}
    path = callback_path(callback, new_job_id(), 1)
    asked = {
        "webhook": client.post(webhook, json=update, headers=right),
        "webhook, wrong": client.post(webhook, json=update, headers=wrong),
        "webhook, malformed": client.post(webhook, content=b"{", headers=right),
        "callback": client.post(url + path, json={"data": {"taskId": "task-1"}}),
        "callback, foreign": client.post(url + path + "0", json={"data": {"taskId": "t"}}),
        "/queue_stats": client.get(f"{url}/queue_stats"),
        "/health": client.get(f"{url}/health"),
        "/healthz/detailed": client.get(
            f"{url}/healthz/detailed", headers={"X-Admin-Token": canary("admin")}
        ),
        **{page: client.get(probes_url + page) for page in ("/metrics", "/readyz", "/healthz")},
    }
    replies = {name: await reply for name, reply in asked.items()}
    assert replies["webhook"].status_code == 503
    assert replies["webhook, wrong"].status_code == 401
    assert replies["/healthz/detailed"].status_code == 200
    return {name: f"{reply.headers}\n{reply.text}" for name, reply in replies.items()}
