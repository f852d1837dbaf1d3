"""KIE simulator: callbacks that arrive signed, and ones that do not arrive as they should."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from neurocards_sandbox.kie.callbacks import behind_ingress
from neurocards_sandbox.kie.testing import Kie, kie_simulator, until
from neurocards_sandbox.simulation.serving import serving

SECRET = "webhook-key"
PUBLIC = "https://shop.example"


@dataclass
class Receiver:
    """A client's callback address; `statuses` are given in turn, then 200."""

    url: str = ""
    calls: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.calls.append((await request.json(), dict(request.headers)))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taking = Receiver()
    app = FastAPI()
    app.add_route("/kie/callback/{rest:path}", taking.take, ["POST"])
    async with serving(app) as url:
        taking.url = url
        yield taking


@asynccontextmanager
async def _kie(receiver: Receiver, **settings: Any) -> AsyncIterator[Kie]:
    settings.setdefault("webhook_hmac_key", SECRET)
    async with kie_simulator(ingress={PUBLIC: receiver.url}, **settings) as kie:
        yield kie


def _signature(task_id: str, timestamp: str) -> str:
    digest = hmac.new(SECRET.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


async def test_a_success_is_told_with_a_signature(receiver: Receiver) -> None:
    async with _kie(receiver) as kie:
        task_id = await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: bool(receiver.calls))
        body, headers = receiver.calls[0]
        assert body["code"] == 200
        assert body["msg"] == "Playground task completed successfully."
        assert body["data"] == (await kie.record(task_id))["data"]
        timestamp = headers["x-webhook-timestamp"]
        assert abs(time.time() - int(timestamp)) < 60
        assert headers["x-webhook-signature"] == _signature(task_id, timestamp)


async def test_a_failure_is_told_with_code_501(receiver: Receiver) -> None:
    async with _kie(receiver) as kie:
        await kie.created("[sim:internal]", callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: bool(receiver.calls))
        body = receiver.calls[0][0]
        assert (body["code"], body["msg"]) == (501, "Playground task failed.")
        assert (body["data"]["state"], body["data"]["failCode"]) == ("fail", "500")
        assert body["data"]["resultJson"] is None


@pytest.mark.parametrize(
    ("word", "signature"),
    [("callback-unsigned", "missing"), ("callback-forged", "wrong"), ("fast", "right")],
)
async def test_signatures_can_be_missing_or_wrong(
    receiver: Receiver, word: str, signature: str
) -> None:
    async with _kie(receiver) as kie:
        task_id = await kie.created(f"[sim:{word}]", callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: bool(receiver.calls))
        headers = receiver.calls[0][1]
        given = headers.get("x-webhook-signature")
        right = given == _signature(task_id, headers.get("x-webhook-timestamp", ""))
        assert signature == ("right" if right else "wrong" if given else "missing")


async def test_without_a_key_nothing_is_signed(receiver: Receiver) -> None:
    async with _kie(receiver, webhook_hmac_key="") as kie:
        await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: bool(receiver.calls))
        assert "x-webhook-signature" not in receiver.calls[0][1]


async def test_a_callback_can_be_lost(receiver: Receiver) -> None:
    async with _kie(receiver) as kie:
        await kie.ended(await kie.created("[sim:callback-lost]", callBackUrl=f"{PUBLIC}/kie/c"))
        counters = await kie.look("/counters")
        assert (counters["callbacks_lost"], counters["callbacks_sent"]) == (1, 0)


async def test_a_callback_can_come_twice(receiver: Receiver) -> None:
    async with _kie(receiver) as kie:
        await kie.created("[sim:callback-twice]", callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: len(receiver.calls) == 2)
        assert receiver.calls[0][0] == receiver.calls[1][0]


async def test_a_late_callback_comes_after_the_result(receiver: Receiver) -> None:
    async with _kie(receiver, callback_delay_s=10_000_000.0) as kie:
        await kie.ended(
            await kie.created("[sim:callback-late]", callBackUrl=f"{PUBLIC}/kie/callback/1")
        )
        assert receiver.calls == []
        await until(lambda: bool(receiver.calls))


async def test_a_refused_callback_is_tried_three_times(receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    async with _kie(receiver) as kie:
        await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: len(receiver.calls) == 3)
        receiver.statuses = [500] * 3
        await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/2")
        await until(lambda: len(receiver.calls) == 6)
        deadline = time.monotonic() + 30
        while (await kie.look("/counters"))["callbacks_failed"] != 1:
            assert time.monotonic() < deadline
        assert (await kie.look("/counters"))["callbacks_delivered"] == 1


async def test_rates_can_be_changed_while_it_runs(receiver: Receiver) -> None:
    async with _kie(receiver, callback_loss_rate=1.0) as kie:
        await kie.ended(await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/1"))
        rates = await kie.control("/callbacks", {"loss_rate": 0, "duplicate_rate": 1})
        assert rates == {"loss_rate": 0, "duplicate_rate": 1, "delay_rate": 0}
        await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/2")
        await until(lambda: len(receiver.calls) == 2)


async def test_a_callback_can_be_sent_again_by_hand(receiver: Receiver) -> None:
    async with _kie(receiver) as kie:
        task_id = await kie.created(callBackUrl=f"{PUBLIC}/kie/callback/1")
        await until(lambda: len(receiver.calls) == 1)
        await kie.control(f"/tasks/{task_id}/callback")
        await until(lambda: len(receiver.calls) == 2)


def test_the_ingress_maps_whole_addresses_only() -> None:
    ingress = {"https://shop.example": "http://127.0.0.1:10000/"}
    mapped = behind_ingress("https://shop.example/kie/1?a=b", ingress)
    assert mapped == "http://127.0.0.1:10000/kie/1?a=b"
    other = "https://shop.example.evil/kie/1"
    assert behind_ingress(other, ingress) == other
