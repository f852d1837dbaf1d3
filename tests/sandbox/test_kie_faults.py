"""KIE simulator: every error text of the service is reachable, by word and by control API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from neurocards_sandbox.kie.faults import CATALOGUE, Stage
from neurocards_sandbox.kie.testing import Kie, kie_simulator
from support.waiting import until

CREATE = {
    "billing": (402, "Credits insufficient : Your current balance isn’t enough to run this"),
    "billing-500": (500, "Credits insufficient : Your current balance isn’t enough to run this"),
    "subkey": (433, "The usage of this sub-key exceeds its limit"),
    "rate": (429, "Your call frequency is too high. Please try again later."),
    "rate-limit": (429, "Rate limit exceeded"),
    "rate-430": (430, "Your call frequency is too high. Please try again later."),
    "unauthorized": (401, "Unauthorized – Authentication failed. Please check that your"),
    "permission": (401, "You do not have access permissions"),
    "dead-model": (422, "The model name you specified is not supported. Please verify"),
    "dead-model-404": (404, "The model name you specified is not supported. Please verify"),
    "required": (500, "This field is required"),
    "aspect-required": (500, "aspect_ratio is required"),
    "bad-request": (400, "The request parameters are incorrect"),
    "people-create": (400, "We currently do not support uploads of images containing photoreal"),
    "disabled": (505, "This feature is currently disabled"),
    "maintenance": (455, "The service is under maintenance."),
    "create-500": (500, "Server exception"),
    "create-408": (408, "The request timed out."),
}
RENDER = {
    "violation": ("501", "This content may violate our guardrails concerning similarity to"),
    "people": ("501", "We currently do not support uploads of images containing photorealistic"),
    "flagged": ("400", "Your content was flagged by OpenAI as violating content policies"),
    "sensitive-image": (
        "InputImageSensitiveContentDetected.PrivacyInformation",
        "The request failed because the input image",
    ),
    "sensitive-text": (
        "InputTextSensitiveContentDetected",
        "The request failed because the input text",
    ),
    "real-person": ("500", "The request failed: the input image may contain real person."),
    "public-error": ("501", "PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED"),
    "temporary": ("500", "internal error, please try again later."),
    "internal": ("500", "Internal server error"),
    "exception": ("500", "Server exception"),
    "sentinel": ("sentinel_block", "Hmmm something didn't look right"),
    "overload": ("503", "We are under heavy load, please try again later."),
    "timeout": ("408", "Generation timeout"),
    "generation-failed": ("501", "Generation failed"),
    "unknown": ("9999", "Unexpected result of node 17"),
    "image-fetch": ("451", "Failed to fetch the image."),
}


@pytest.fixture
async def kie() -> AsyncIterator[Kie]:
    async with kie_simulator() as running:
        yield running


@pytest.mark.parametrize("name", CREATE)
async def test_a_refusal_comes_in_a_200_with_its_code_and_text(kie: Kie, name: str) -> None:
    reply = await kie.create(f"A film [sim:{name}]")
    code, text = CREATE[name]
    assert reply.status_code == 200
    assert reply.json()["code"] == code
    assert reply.json()["msg"].startswith(text)
    assert reply.json()["data"] is None
    assert (await kie.look("/counters"))["created"] == 0


@pytest.mark.parametrize("name", RENDER)
async def test_a_task_fails_with_its_code_and_text_and_costs_nothing(kie: Kie, name: str) -> None:
    before = (await kie.http.get("/api/v1/chat/credit")).json()["data"]
    data = await kie.ended(await kie.created(f"A film [sim:{name}]"))
    code, text = RENDER[name]
    assert (data["state"], data["failCode"], data["resultJson"]) == ("fail", code, None)
    assert data["failMsg"].startswith(text)
    assert data["creditsConsumed"] == 0
    assert (await kie.http.get("/api/v1/chat/credit")).json()["data"] == before


def test_every_fault_with_a_text_is_tested_here() -> None:
    with_text = {f.name for f in CATALOGUE.values() if f.message and f.stage is not Stage.UPLOAD}
    assert with_text == set(CREATE) | set(RENDER)


async def test_the_front_end_can_fail_for_real(kie: Kie) -> None:
    assert (await kie.create("[sim:http-502]")).status_code == 502
    refused = await kie.create("[sim:cloudflare]")
    assert (refused.status_code, refused.text) == (403, "error code: 1010")


async def test_the_front_end_wants_a_browser_when_told() -> None:
    async with kie_simulator(browser_user_agent_required=True) as kie:
        assert (await kie.create()).text == "error code: 1010"
        kie.http.headers["User-Agent"] = "Mozilla/5.0"
        await kie.created()


async def test_a_lost_reply_leaves_a_task_behind(kie: Kie) -> None:
    """The double-charge trap: the client sees a broken connection, the account pays."""
    with pytest.raises(httpx.RemoteProtocolError):
        await kie.create("A film [sim:lost-reply]")
    counters = await kie.look("/counters")
    assert (counters["created"], counters["replies_lost"]) == (1, 1)


async def test_a_dropped_connection_leaves_none(kie: Kie) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await kie.create("A film [sim:drop]")
    assert (await kie.look("/counters"))["created"] == 0


async def test_a_reply_can_be_garbage_or_a_500_with_the_task_made(kie: Kie) -> None:
    garbage = await kie.create("[sim:garbage]")
    assert garbage.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        garbage.json()
    assert (await kie.create("[sim:reply-500]")).status_code == 500
    assert (await kie.look("/counters"))["created"] == 2


async def test_a_slow_reply_comes_after_its_delay() -> None:
    async with kie_simulator(time_factor=1, reply_delay_s=30.0) as kie:
        with pytest.raises(httpx.ReadTimeout):
            async with asyncio.timeout(20):
                await kie.http.post(
                    "/api/v1/jobs/createTask",
                    json={
                        "model": "wan/2-7-image-to-video",
                        "input": {
                            "prompt": "[sim:slow-reply]",
                            "first_frame_url": "https://shop.example/1.jpg",
                            "resolution": "720p",
                            "duration": 3,
                        },
                    },
                    timeout=httpx.Timeout(20, read=0.5),
                )

        async def is_created() -> bool:
            return bool((await kie.look("/counters"))["created"] == 1)

        await until(is_created)


async def test_a_fast_task_is_done_at_once_and_a_slow_one_takes_five_times_as_long() -> None:
    async with kie_simulator(time_factor=0.001) as kie:
        fast, slow = await kie.created("[sim:fast]"), await kie.created("[sim:slow]")
        await kie.control(f"/tasks/{fast}/advance", {"seconds": 2})
        assert (await kie.ended(fast))["state"] == "success"
        await kie.control(f"/tasks/{slow}/advance", {"seconds": 1_400})
        assert (await kie.record(slow))["data"]["state"] == "generating"
        await kie.control(f"/tasks/{slow}/advance", {"seconds": 200})
        assert (await kie.ended(slow))["state"] == "success"


async def test_a_stuck_task_ends_only_by_hand() -> None:
    async with kie_simulator(time_factor=0.001) as kie:
        stuck = await kie.created("[sim:stuck]")
        await kie.control(f"/tasks/{stuck}/advance", {"seconds": 1_000_000})
        assert (await kie.record(stuck))["data"]["state"] == "waiting"
        assert await kie.control("/tasks/finish") == {"finished": 1}
        assert (await kie.ended(stuck))["state"] == "success"


async def test_record_info_can_fail_a_few_times(kie: Kie) -> None:
    """Three reads are struck, then the truth comes out."""
    limited = await kie.created("[sim:info-429]")
    await kie.control(f"/tasks/{limited}/finish")
    codes = [(await kie.record(limited))["code"] for _ in range(4)]
    assert codes == [429, 429, 429, 200]
    broken = await kie.created("[sim:info-500]")
    await kie.control(f"/tasks/{broken}/finish")
    where = f"/api/v1/jobs/recordInfo?taskId={broken}"
    statuses = [(await kie.http.get(where)).status_code for _ in range(4)]
    assert statuses == [500, 500, 500, 200]
    garbled = await kie.created("[sim:info-garbage]")
    await kie.control(f"/tasks/{garbled}/finish")
    where = f"/api/v1/jobs/recordInfo?taskId={garbled}"
    assert [(await kie.http.get(where)).text[0] for _ in range(4)] == ["<", "<", "<", "{"]


async def test_the_code_beside_a_good_task_may_be_wrong(kie: Kie) -> None:
    task_id = await kie.created("[sim:envelope-505]")
    await kie.ended(task_id)
    envelope = await kie.record(task_id)
    assert (envelope["code"], envelope["data"]["state"]) == (505, "success")


async def test_a_task_can_stay_invisible_for_longer() -> None:
    async with kie_simulator(time_factor=0.001) as kie:
        task_id = await kie.created("[sim:info-null]")
        await kie.control(f"/tasks/{task_id}/advance", {"seconds": 5})
        assert (await kie.record(task_id))["msg"] == "recordInfo is null"
        await kie.control(f"/tasks/{task_id}/advance", {"seconds": 6})
        assert (await kie.record(task_id))["code"] == 200


async def test_a_word_with_a_number_strikes_that_often(kie: Kie) -> None:
    """A retry of the same prompt meets a service that has recovered."""
    prompt = "A film [sim:rate:2]"
    codes = [(await kie.create(prompt)).json()["code"] for _ in range(3)]
    assert codes == [429, 429, 200]
    assert (await kie.create("Another film [sim:rate:1]")).json()["code"] == 429


async def test_words_of_different_stages_combine(kie: Kie) -> None:
    job = await kie.created("[sim:temporary] [sim:envelope-505]")
    await kie.ended(job)
    envelope = await kie.record(job)
    assert (envelope["code"], envelope["data"]["failCode"]) == (505, "500")


async def test_words_count_in_the_prompt_alone(kie: Kie) -> None:
    url = "http://127.0.0.1:9/[sim:billing]/photo.jpg"
    data = await kie.create("A film [sim:no-such-word]", image_urls=[url])
    assert data.json()["code"] == 200


async def test_faults_are_armed_for_the_next_requests(kie: Kie) -> None:
    armed = await kie.control("/faults", {"fault": "billing", "next": 2})
    assert armed["armed"][0]["next"] == 2
    codes = [(await kie.create()).json()["code"] for _ in range(3)]
    assert codes == [402, 402, 200]
    assert (await kie.look("/faults"))["armed"] == []


async def test_faults_come_at_a_rate_that_a_seed_repeats(kie: Kie) -> None:
    order = {"fault": "maintenance", "rate": 0.5, "seed": 7}
    runs = []
    for _ in range(2):
        await kie.control("/faults", order)
        runs.append([(await kie.create()).json()["code"] for _ in range(20)])
        await kie.http.delete("/sim/faults")
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 455}


async def test_a_fault_can_strike_one_task_or_one_account() -> None:
    async with kie_simulator(time_factor=0.001, keys=("a", "b", "sandbox-kie-key")) as kie:
        task_id = await kie.created()
        await kie.control("/faults", {"fault": "unknown", "task_id": task_id})
        await kie.control(f"/tasks/{task_id}/finish")
        assert (await kie.ended(task_id))["failCode"] == "9999"
        account = (await kie.look("/accounts"))["accounts"][0]["account"]
        await kie.control("/faults", {"fault": "billing", "next": 1, "account": account})
        assert (await kie.create(key="b")).json()["code"] == 200
        assert (await kie.create(key="a")).json()["code"] == 402


async def test_a_running_task_can_be_failed_by_hand() -> None:
    async with kie_simulator(time_factor=0.001) as kie:
        task_id = await kie.created()
        shown = await kie.control(f"/tasks/{task_id}/finish", {"fault": "violation"})
        assert (shown["state"], shown["failCode"]) == ("fail", "501")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/faults", {"fault": "no-such-fault", "next": 1}, 422),
        ("/faults", {"fault": "billing"}, 422),
        ("/faults", {"fault": "billing", "next": 1, "rate": 0.5}, 422),
        ("/tasks/none/finish", {}, 404),
        ("/keys/revoke", {"key": "nobody's"}, 404),
        ("/clock", {"time_factor": 0}, 422),
    ],
)
async def test_the_control_api_refuses_nonsense(
    kie: Kie, path: str, body: dict[str, object], status: int
) -> None:
    assert (await kie.http.post(f"/sim{path}", json=body)).status_code == status
