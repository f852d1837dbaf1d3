"""The bot process in trouble and at its end: what Telegram and the operator see."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import asyncpg
import httpx
import nats
import pytest

from neurocards.domain.callbacks import callback_path
from neurocards.domain.identifiers import uuid7
from neurocards.testing.clock import START
from neurocards_bot.http.webhook import SECRET_HEADER
from support.bot_desk import message
from support.bot_process import BOT_ID, PUBLIC_URL, SECRET, TOKEN, BotProcess, running_bot
from support.bot_tables import BotTables
from support.statements import load
from support.telegram_person import Person
from support.waiting import until

WAIT_S_MAX = 30.0
SQL = load("sessions")


class Server(Protocol):
    async def stop(self) -> None: ...
    async def start(self) -> None: ...


class TestByWebhook:
    @pytest.fixture
    def mode(self) -> str:
        return "webhook"

    async def bring(self, bot: BotProcess, update: object, secret: str = SECRET) -> httpx.Response:
        async with httpx.AsyncClient(timeout=60) as client:
            return await client.post(
                f"{bot.url}/telegram/{BOT_ID}", json=update, headers={SECRET_HEADER: secret}
            )

    @pytest.mark.usefixtures("bot")
    async def test_the_webhook_is_registered_with_its_secret(self, person: Person):
        await person.write("/help")
        await person.reads("/balance")

    async def test_a_wrong_secret_is_refused(self, bot: BotProcess, tables: BotTables):
        update = {"update_id": 1, "message": message(text="/start")}
        assert (await self.bring(bot, update, secret="wrong")).status_code == 401
        assert await tables.count("users") == 0

    async def test_malformed_json_is_no_server_error(self, bot: BotProcess, person: Person):
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.post(
                f"{bot.url}/telegram/{BOT_ID}",
                content=b"{not json",
                headers={SECRET_HEADER: SECRET},
            )
        assert reply.status_code == 400
        await person.write("/help")
        await person.reads("/balance")

    async def test_without_postgresql_telegram_is_told_to_come_back_and_nothing_is_lost(
        self, bot: BotProcess, person: Person, postgres_server: Server
    ):
        await postgres_server.stop()
        try:
            update = {"update_id": 1, "message": message(text="/start")}
            reply = await self.bring(bot, update)
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) >= 1
            await person.write("/start")
        finally:
            await postgres_server.start()
        await person.reads("3 кредита")

    async def test_the_end_of_all_its_sessions_costs_no_update(
        self, bot: BotProcess, person: Person, pool: asyncpg.Pool, tables: BotTables
    ):
        """Telegram brings again what was not committed; the welcome credits are given once."""
        await person.write("/start")
        await person.reads("3 кредита")
        assert await pool.fetchval(SQL["end_sessions_of"], "neurocards-bot") > 0
        await person.write("/balance")
        await person.reads("стоит 2 кредита")
        assert bot.child.is_running
        assert await tables.balance(person.id) == 3

    async def test_http_is_served_while_the_webhook_cannot_be_registered(
        self, environment: dict[str, str], person: Person, http_port: int, tmp_path: Path
    ):
        telegram = person.simulator
        fault = {"method": "setWebhook", "times": 2, "status": 502, "description": "Bad Gateway"}
        (await telegram.post("/sim/faults", json=fault)).raise_for_status()
        async with running_bot(tmp_path, environment, http_port=http_port) as bot:
            async with httpx.AsyncClient(timeout=60) as client:
                assert (await client.get(f"{bot.url}/queue_stats")).status_code == 200
            await person.write("/help")
            await person.reads("/balance")

    async def test_queue_stats_are_what_was_promised(self, bot: BotProcess):
        async with httpx.AsyncClient(timeout=60) as client:
            body = (await client.get(f"{bot.url}/queue_stats")).json()
        timestamp = body.pop("timestamp")
        assert isinstance(timestamp, float)
        assert body == {
            "status": "ok",
            "queue": {"queued": 0, "processing": 0, "total": 0},
            "avg_wait_minutes": 0.0,
            "workers_configured": 20,
        }

    async def test_a_callback_of_the_provider_is_announced(
        self, bot: BotProcess, environment: dict[str, str], nats_url: str
    ):
        job_id = uuid7(START, 5)
        client = await nats.connect(nats_url)
        hints = await client.subscribe("wake.render.*")
        await client.flush()
        path = callback_path(environment["NEUROCARDS_CALLBACK_SECRET"].encode(), job_id, 1)
        async with httpx.AsyncClient(timeout=60) as http:
            reply = await http.post(bot.url + path, json={"data": {"taskId": "task-1"}})
        assert reply.status_code == 200
        hint = await hints.next_msg(timeout=WAIT_S_MAX)
        assert (hint.subject, hint.data) == (f"wake.render.{job_id}", b"task-1")
        await client.close()


class TestByPolling:
    @pytest.fixture
    def mode(self) -> str:
        return "polling"

    @pytest.mark.usefixtures("bot")
    async def test_what_comes_while_postgresql_is_away_is_carried_out_later(
        self, person: Person, postgres_server: Server
    ):
        await postgres_server.stop()
        try:
            await person.write("/start")
            await person.write("/balance")
            await asyncio.sleep(1)
        finally:
            await postgres_server.start()
        await person.reads("стоит 2 кредита")
        said = [text["text"] for text in await person.from_bot()]
        assert len(said) == 2
        assert said[0].startswith("Здравствуйте!")

    async def test_a_webhook_of_an_earlier_life_is_removed(
        self,
        environment: dict[str, str],
        telegram: httpx.AsyncClient,
        person: Person,
        tmp_path: Path,
    ):
        await telegram.post(f"/bot{TOKEN}/setWebhook", json={"url": f"{PUBLIC_URL}/old"})
        await person.write("/help")
        async with running_bot(tmp_path, environment):
            await person.reads("/balance")

    async def test_every_call_to_the_webhook_is_refused(self, bot: BotProcess):
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.post(f"{bot.url}/telegram/{BOT_ID}", json={"update_id": 1})
        assert reply.status_code == 401

    async def test_sigterm_ends_it_in_order(self, bot: BotProcess, person: Person):
        await person.write("/help")
        await person.reads("/balance")
        assert await bot.stop() == 0
        assert "bot.ended" in bot.child.log_tail()

    async def test_every_line_of_the_log_names_the_pool(self, bot: BotProcess):
        """So that the lines of bot and worker about one job are found together."""
        lines = bot.child.log_path.read_text(encoding="utf-8").splitlines()
        assert lines
        assert [line for line in lines if '"pool": "default"' not in line] == []

    async def test_the_token_is_in_no_line_of_the_log(self, bot: BotProcess, person: Person):
        await person.write("/help")
        await person.reads("/balance")
        await bot.stop()
        assert TOKEN.partition(":")[2] not in bot.child.log_path.read_text(encoding="utf-8")

    async def test_metrics_tell_what_was_done(self, bot: BotProcess, person: Person):
        await person.write("/help")
        await person.reads("/balance")
        metrics = ""

        async def has_counted() -> bool:
            """The answer goes out before its update is counted."""
            nonlocal metrics
            metrics = (await client.get(f"{bot.probes_url}/metrics")).text
            return 'neurocards_updates_total{outcome="applied",type="message"} 1.0' in metrics

        async with httpx.AsyncClient(timeout=60) as client:
            await until(has_counted)
            health = await client.get(f"{bot.url}/health")
        assert 'notifications_sent_total{success="true",type="sendMessage"} 1.0' in metrics
        assert "message_processing_seconds_bucket" in metrics
        assert 'database_query_seconds_count{query_name="user"}' in metrics
        assert health.status_code == 200
        assert health.json()["status"] == "ok"
        parts = {"database", "queue", "telegram", "keys", "relay", "reaper"}
        assert set(health.json()["checks"]) == parts

    @pytest.mark.usefixtures("bot")
    async def test_a_button_whose_message_was_deleted_is_answered(
        self, person: Person, telegram: httpx.AsyncClient, photo: Path
    ):
        await person.send_files("photo", photo)
        menu = await person.reads("Фото принято")
        data = menu["buttons"][0][0]["callback_data"]
        query = await person.press_data(menu["message_id"], data)
        await telegram.delete(
            f"/sim/chats/{person.id}/messages/{menu['message_id']}", params={"bot": BOT_ID}
        )
        await person.answer(query)


async def run_to_its_end(environment: Mapping[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "neurocards_bot",
        env={"PATH": os.environ["PATH"], **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), timeout=60)
    return process.returncode, errors.decode()


async def test_all_faults_of_the_settings_come_in_one_message_with_exit_code_2():
    code, errors = await run_to_its_end(
        {
            "MODE": "webhook",
            "PUBLIC_BASE_URL": "http://bot.example",
            "DB_PORT": "a lot",
            "NEUROCARDS_PRICES": "5=free",
            "NEUROCARDS_WELCOME_CREDITS": "-1",
        }
    )
    assert code == 2
    for name in (
        "PUBLIC_BASE_URL",
        "NEUROCARDS_WEBHOOK_SECRET",
        "NEUROCARDS_TELEGRAM_TOKENS",
        "DB_PORT",
        "NEUROCARDS_PRICES",
        "NEUROCARDS_WELCOME_CREDITS",
    ):
        assert f"{name}:" in errors
    assert "Traceback" not in errors


async def test_a_taken_port_is_named_with_exit_code_2(
    telegram: httpx.AsyncClient, database_url: str, nats_url: str
):
    taken = telegram.base_url.port
    code, errors = await run_to_its_end(
        {
            "NEUROCARDS_TELEGRAM_TOKENS": TOKEN,
            "NEUROCARDS_DATABASE_URL": database_url,
            "NEUROCARDS_NATS_URL": nats_url,
            "NEUROCARDS_HTTP_HOST": "127.0.0.1",
            "NEUROCARDS_HTTP_PORT": str(taken),
            "NEUROCARDS_METRICS_PORT": "0",
        }
    )
    assert code == 2
    assert f"NEUROCARDS_HTTP_PORT: cannot listen on 127.0.0.1:{taken}" in errors
