"""The HTTP side of the bot, without a socket: who is let in and what is answered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from neurocards.domain.callbacks import callback_path
from neurocards.domain.jobs import JobStatus
from neurocards.errors import StoreUnavailableError
from neurocards.ports.orders import QueueStats
from neurocards.testing.queue import MemoryBroker, MemoryHints
from neurocards.testing.world import accepted, brought_to
from neurocards_bot.http.callbacks import CallbackReceiver, callback_routes
from neurocards_bot.http.queue_stats import queue_stats_routes
from neurocards_bot.http.server import build_app
from neurocards_bot.http.webhook import SECRET_HEADER, UPDATE_BYTES_MAX, webhook_routes
from support.bot_desk import BOT_ID, Desk, message, photo, press

SECRET = "the-secret"
CALLBACK_SECRET = "the-callback-secret"
PROVIDER_KEY = "the-provider-key"
JOB = UUID("0192f0c4-7c2e-7000-8000-000000000001")
PATH = f"/telegram/{BOT_ID}"
HEADERS = {SECRET_HEADER: SECRET}


class Side:
    """The app of one desk, and a client that talks to it in memory."""

    def __init__(self, *, secret: str | None = SECRET, provider_key: str | None = None) -> None:
        self.desk = Desk()
        self.broker = MemoryBroker()
        self.hints = MemoryHints(self.broker)
        clock = self.desk.world.database.clock
        receiver = CallbackReceiver(
            self.hints,
            clock,
            self.desk.metrics,
            secret=CALLBACK_SECRET,
            provider_key=provider_key,
        )
        app = build_app(
            [
                webhook_routes({BOT_ID: self.desk.bot}, self.desk.processor, secret=secret),
                callback_routes(receiver),
                queue_stats_routes(self.desk.world.orders, clock, workers_configured=20),
            ],
            self.desk.metrics,
        )
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://bot")

    async def post(self, update: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.client.post(PATH, json=update, headers=HEADERS | headers)


@pytest.fixture
def side() -> Side:
    return Side()


class TestWebhook:
    async def test_an_update_is_carried_out_and_answered_with_200(self, side: Side):
        reply = await side.post(side.desk.update(message=message(text="/start")))
        assert (reply.status_code, reply.content) == (200, b"")
        assert len(side.desk.telegram.texts()) == 1

    async def test_a_press_is_answered_in_the_body_of_the_reply(self, side: Side):
        await side.desk.message(**photo())
        await side.desk.press(side.desk.button("Первый"))
        confirm = side.desk.button("Создать видео")
        reply = await side.post(side.desk.update(callback_query=press(confirm)))
        assert reply.json() == {
            "method": "answerCallbackQuery",
            "callback_query_id": "900",
            "text": "Принято! Делаем видео.",
        }
        assert side.desk.telegram.called("answerCallbackQuery") == []

    @pytest.mark.parametrize(
        "headers", [{}, {SECRET_HEADER: "wrong"}, {SECRET_HEADER: ""}, {SECRET_HEADER: "sécret"}]
    )
    async def test_without_the_right_secret_nothing_is_read(
        self, side: Side, headers: dict[str, str]
    ):
        raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        update = side.desk.update(message=message(text="/start"))
        reply = await side.client.post(PATH, json=update, headers=raw)
        assert reply.status_code == 401
        assert side.desk.telegram.calls == []

    async def test_without_a_configured_secret_nobody_is_let_in(self):
        side = Side(secret=None)
        for headers in ({}, {SECRET_HEADER: ""}, {SECRET_HEADER: "None"}):
            reply = await side.client.post(PATH, json=side.desk.update(), headers=headers)
            assert reply.status_code == 401

    async def test_an_unknown_bot_is_not_found(self, side: Side):
        reply = await side.client.post("/telegram/1", json={"update_id": 1}, headers=HEADERS)
        assert reply.status_code == 404

    @pytest.mark.parametrize("bot_id", ["9" * 5_000, "9" * 40, "0", "٣"])
    async def test_a_number_that_is_no_bots_is_no_server_error(self, side: Side, bot_id: str):
        """Python makes no number of more than 4,300 digits, and says so by an error."""
        reply = await side.client.post(f"/telegram/{bot_id}", json={}, headers=HEADERS)
        assert reply.status_code == 404

    async def test_malformed_json_is_a_bad_request_and_no_error_of_ours(self, side: Side):
        reply = await side.client.post(PATH, content=b'{"update_id": 1', headers=HEADERS)
        assert reply.status_code == 400

    async def test_an_update_that_aiogram_cannot_read_does_not_block_the_queue(self, side: Side):
        reply = await side.post({"update_id": 1, "message": {"surprise": True}})
        assert reply.status_code == 200

    async def test_a_body_that_is_declared_too_large_is_not_read(self, side: Side):
        reply = await side.client.post(PATH, content=bytes(UPDATE_BYTES_MAX + 1), headers=HEADERS)
        assert reply.status_code == 413

    async def test_a_body_that_turns_out_too_large_is_cut_off(self, side: Side):
        sent = 0

        async def endless() -> Any:
            nonlocal sent
            for _ in range(100):
                sent += 1
                yield bytes(64 * 1024)

        reply = await side.client.post(PATH, content=endless(), headers=HEADERS)
        assert reply.status_code == 413

    async def test_without_postgresql_the_answer_is_503_with_a_time(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ):
        async def gone(*_arguments: Any) -> bool:
            raise StoreUnavailableError("PostgreSQL is away")

        monkeypatch.setattr(side.desk.world.orders, "was_applied", gone)
        reply = await side.post(side.desk.update(message=message(text="/start")))
        assert reply.status_code == 503
        assert int(reply.headers["retry-after"]) >= 1

    async def test_requests_are_counted_by_route_and_never_by_path(self, side: Side):
        await side.post(side.desk.update(message=message(text="/start")))
        await side.client.get("/some/path/of/a/scanner")
        counted = {
            tuple(sample.labels.values())
            for family in side.desk.metrics.api_requests_total.collect()
            for sample in family.samples
        }
        assert ("/telegram/{bot_id}", "POST", "200") in counted
        assert ("other", "other", "404") in counted


class TestCallback:
    def path(self, attempt: int = 1) -> str:
        return callback_path(CALLBACK_SECRET.encode(), JOB, attempt)

    @pytest.mark.parametrize("name", ["taskId", "task_id"])
    async def test_a_callback_wakes_whoever_carries_the_job(self, side: Side, name: str):
        reply = await side.client.post(self.path(), json={"code": 200, "data": {name: "task-9"}})
        assert reply.status_code == 200
        assert side.hints.announced == [(f"wake.render.{JOB}", b"task-9")]

    async def test_an_address_that_we_did_not_give_is_refused(self, side: Side):
        forged = [
            self.path()[:-1] + "0" if not self.path().endswith("0") else self.path()[:-1] + "1",
            self.path().replace("/1/", "/2/"),
            self.path().replace(str(JOB), str(UUID(int=5))),
            self.path().replace(str(JOB), "no-uuid"),
            self.path().replace("/1/", "/x/"),
            self.path().replace("/1/", "/99999999999999999999/"),
        ]
        for path in forged:
            reply = await side.client.post(path, json={"data": {"taskId": "t"}})
            assert reply.status_code == 401, path
        assert side.hints.announced == []

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{",
            b'{"data": []}',
            b'{"data": {}}',
            b'{"data": {"taskId": 5}}',
            json.dumps({"data": {"taskId": "x" * 201}}).encode(),
            bytes(300 * 1024),
        ],
    )
    async def test_a_callback_without_a_task_is_a_bad_request(self, side: Side, body: bytes):
        reply = await side.client.post(self.path(), content=body)
        assert reply.status_code == 400
        assert side.hints.announced == []

    async def test_while_the_broker_is_away_the_provider_is_told_to_call_again(self, side: Side):
        """200 would be the end of it, and the only word of a lost order with it."""
        side.broker.go_away()
        reply = await side.client.post(self.path(), json={"data": {"taskId": "task-9"}})
        assert reply.status_code == 503
        assert int(reply.headers["retry-after"]) >= 1

    async def test_with_a_signing_key_only_signed_callbacks_are_announced(self):
        side = Side(provider_key=PROVIDER_KEY)
        body = {"data": {"taskId": "task-9"}}
        unsigned = await side.client.post(self.path(), json=body)
        assert unsigned.status_code == 401
        timestamp = str(int(side.desk.world.database.clock.now().timestamp()))
        digest = hmac.digest(PROVIDER_KEY.encode(), f"task-9.{timestamp}".encode(), hashlib.sha256)
        headers = {
            "X-Webhook-Timestamp": timestamp,
            "X-Webhook-Signature": base64.b64encode(digest).decode(),
        }
        signed = await side.client.post(self.path(), json=body, headers=headers)
        assert signed.status_code == 200
        assert len(side.hints.announced) == 1


class TestQueueStats:
    async def test_the_reply_has_the_names_and_types_that_were_promised(self, side: Side):
        reply = await side.client.get("/queue_stats")
        assert reply.status_code == 200
        assert reply.json() == {
            "status": "ok",
            "queue": {"queued": 0, "processing": 0, "total": 0},
            "avg_wait_minutes": 0.0,
            "workers_configured": 20,
            "timestamp": side.desk.world.database.clock.now().timestamp(),
        }
        assert isinstance(reply.json()["avg_wait_minutes"], float)

    async def test_it_counts_the_queue_and_the_mean_age_of_what_waits(self, side: Side):
        world = side.desk.world
        await brought_to(world, JobStatus.RENDERING, user_id=1)
        await accepted(world, user_id=2)
        await accepted(world, user_id=3)
        await world.pass_time(30)
        body = (await side.client.get("/queue_stats")).json()
        assert body["queue"] == {"queued": 2, "processing": 1, "total": 3}
        assert body["avg_wait_minutes"] == 0.5

    @pytest.mark.parametrize("decided", [0, 7])
    async def test_the_workers_are_as_many_as_the_operator_has_decided(
        self, side: Side, monkeypatch: pytest.MonkeyPatch, decided: int
    ):
        """S1-30, C-20: desired replicas; the setting is for a fleet without an operator."""

        async def stats() -> QueueStats:
            return QueueStats(0, 0, 0.0, workers_decided=decided)

        monkeypatch.setattr(side.desk.world.orders, "queue_stats", stats)
        assert (await side.client.get("/queue_stats")).json()["workers_configured"] == decided

    async def test_without_postgresql_it_says_so(self, side: Side, monkeypatch: pytest.MonkeyPatch):
        async def gone() -> Any:
            raise StoreUnavailableError("PostgreSQL is away")

        monkeypatch.setattr(side.desk.world.orders, "queue_stats", gone)
        reply = await side.client.get("/queue_stats")
        assert reply.status_code == 503
        assert "retry-after" in reply.headers


async def test_no_page_describes_the_api_to_strangers(side: Side):
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert (await side.client.get(path)).status_code == 404
