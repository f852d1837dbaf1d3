"""KIE simulator: creating tasks and looking at them, as a client sees it over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from neurocards_sandbox.kie.envelopes import MODEL_NOT_SUPPORTED
from neurocards_sandbox.kie.testing import KEY, Kie, kie_simulator, photo_bytes

PHOTO = "https://shop.example/photo.jpg"
SEEDANCE = {
    "prompt": "A calm film",
    "resolution": "720p",
    "aspect_ratio": "9:16",
    "duration": 5,
    "first_frame_url": PHOTO,
}
WAN = {"prompt": "A calm film", "first_frame_url": PHOTO, "resolution": "720p", "duration": 5}
SORA = {
    "prompt": "A calm film",
    "image_urls": [PHOTO],
    "aspect_ratio": "portrait",
    "n_frames": "10",
    "remove_watermark": True,
}


@pytest.fixture
async def kie() -> AsyncIterator[Kie]:
    async with kie_simulator() as running:
        yield running


async def _code(kie: Kie, model: Any, model_input: Any) -> tuple[int, str]:
    reply = await kie.http.post(
        "/api/v1/jobs/createTask", json={"model": model, "input": model_input}
    )
    assert reply.status_code == 200
    return reply.json()["code"], reply.json()["msg"]


async def test_a_task_is_created_and_ends_with_a_video(kie: Kie) -> None:
    """The whole way of a client: upload, create, ask, download."""
    url = await kie.upload(photo_bytes())
    data = await kie.ended(await kie.created(image_urls=[url]))
    assert data["state"] == "success"
    assert (await kie.video(data))[4:8] == b"ftyp"


async def test_the_record_has_every_field_in_the_services_types(kie: Kie) -> None:
    """`param` and `resultJson` are JSON strings, times are milliseconds, `failCode` is a string."""
    task_id = await kie.created()
    data = await kie.ended(task_id)
    assert task_id.startswith("task_kling-3.0-video_")
    assert json.loads(data["param"])["input"]["duration"] == "3"
    assert json.loads(data["resultJson"])["resultUrls"][0].endswith(".mp4")
    assert data["completeTime"] - data["createTime"] == data["costTime"] > 0
    assert data["createTime"] > 1_700_000_000_000
    assert (data["failCode"], data["failMsg"]) == ("", "")
    assert data["creditsConsumed"] == 60
    assert "progress" not in data


async def test_states_follow_the_clock() -> None:
    """waiting, queuing, generating, success come in this order as simulated time passes."""
    async with kie_simulator(time_factor=0.001) as kie:
        task_id = await kie.created()
        states = []
        for seconds in (2, 10, 100):
            await kie.control(f"/tasks/{task_id}/advance", {"seconds": seconds})
            states.append((await kie.record(task_id))["data"]["state"])
        assert states == ["waiting", "queuing", "generating"]
        await kie.control(f"/tasks/{task_id}/advance", {"seconds": 200})
        assert (await kie.ended(task_id))["state"] == "success"


async def test_a_task_asked_for_too_soon_is_reported_as_null() -> None:
    """For about a second after its creation the service does not know its own task."""
    async with kie_simulator(time_factor=0.001) as kie:
        task_id = await kie.created()
        null = {"code": 422, "msg": "recordInfo is null", "data": None}
        assert await kie.record(task_id) == null
        await kie.control(f"/tasks/{task_id}/advance", {"seconds": 1.5})
        assert (await kie.record(task_id))["data"]["state"] == "waiting"


async def test_an_unknown_task_and_a_missing_id_are_told_apart(kie: Kie) -> None:
    assert (await kie.record("task_of_nobody"))["msg"] == "recordInfo is null"
    reply = (await kie.http.get("/api/v1/jobs/recordInfo")).json()
    assert (reply["code"], reply["msg"]) == (400, "taskId parameter is required")


async def test_a_task_is_shown_to_its_own_account_only() -> None:
    async with kie_simulator(keys=(KEY, "another-key")) as kie:
        task_id = await kie.created()
        await kie.ended(task_id)
        headers = kie.with_key("another-key")
        reply = await kie.http.get(
            "/api/v1/jobs/recordInfo", params={"taskId": task_id}, headers=headers
        )
        assert reply.json()["msg"] == "recordInfo is null"


@pytest.mark.parametrize(
    ("model", "model_input"),
    [
        ("bytedance/seedance-2", SEEDANCE),
        ("bytedance/seedance-2-fast", SEEDANCE),
        ("bytedance/seedance-2-mini", SEEDANCE),
        ("wan/2-7-image-to-video", WAN),
    ],
)
async def test_each_living_model_takes_its_own_input(
    kie: Kie, model: str, model_input: dict[str, Any]
) -> None:
    assert await _code(kie, model, model_input) == (200, "success")
    assert (await kie.http.post("/api/v3/jobs/createTask", json={})).json()["code"] == 500


@pytest.mark.parametrize("code", [422, 404])
async def test_a_dead_model_is_refused(code: int) -> None:
    """The sora-2 family was shut down; the service has refused it with both codes."""
    async with kie_simulator(dead_model_code=code) as kie:
        refusal = (code, MODEL_NOT_SUPPORTED)
        assert await _code(kie, "sora-2-image-to-video", SORA) == refusal
        assert (await _code(kie, "no-such-model", SORA))[1] == MODEL_NOT_SUPPORTED


async def test_a_dead_model_revived_tells_its_progress() -> None:
    async with kie_simulator(dead_models=False, time_factor=0.001) as kie:
        assert await _code(kie, "sora-2-image-to-video", SORA) == (200, "success")
        body = {"model": "sora-2-pro-image-to-video", "input": {**SORA, "size": "high"}}
        reply = await kie.http.post("/api/v1/jobs/createTask", json=body)
        task_id = reply.json()["data"]["taskId"]
        await kie.control(f"/tasks/{task_id}/advance", {"seconds": 150})
        assert (await kie.record(task_id))["data"]["progress"] == 50


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"duration": 5}, 422, "duration must be a string"),
        ({"duration": "2"}, 422, "duration is not within the range of allowed options"),
        ({"duration": None}, 500, "This field is required"),
        ({"aspect_ratio": None}, 500, "aspect_ratio is required"),
        ({"aspect_ratio": "portrait"}, 422, "aspect_ratio is not within the range"),
        ({"prompt": ""}, 500, "This field is required"),
        ({"prompt": "x" * 5001}, 422, "prompt exceeds the maximum length of 5000"),
        ({"mode": None}, 500, "This field is required"),
        ({"sound": "no"}, 422, "sound must be a boolean"),
        ({"image_urls": PHOTO}, 422, "image_urls must be an array"),
        ({"image_urls": [PHOTO] * 3}, 422, "image_urls must contain 0 to 2 items"),
        ({"image_urls": ["photo.jpg"]}, 422, "image_urls must be a valid URL"),
    ],
)
async def test_wrong_input_is_refused_and_nothing_is_defaulted(
    kie: Kie, changes: dict[str, Any], code: int, text: str
) -> None:
    reply = (await kie.create(**changes)).json()
    assert (reply["code"], reply["data"]) == (code, None)
    assert reply["msg"].startswith(text)
    assert (await kie.look("/counters"))["created"] == 0


@pytest.mark.parametrize(
    ("model", "model_input", "text"),
    [
        ("sora-2-image-to-video", {**SORA, "n_frames": 10}, "n_frames must be a string"),
        ("bytedance/seedance-2", {**SEEDANCE, "duration": "5"}, "duration must be an integer"),
        (
            "bytedance/seedance-2",
            {**SEEDANCE, "reference_image_urls": [PHOTO]},
            "first_frame_url and reference_image_urls cannot be used together",
        ),
        ("wan/2-7-image-to-video", {**WAN, "first_frame_url": None}, "This field is required"),
        (None, WAN, "This field is required"),
        ("wan/2-7-image-to-video", "text", "This field is required"),
    ],
)
async def test_types_differ_from_model_to_model(model: Any, model_input: Any, text: str) -> None:
    async with kie_simulator(dead_models=False) as kie:
        assert (await _code(kie, model, model_input))[1] == text


async def test_a_body_that_is_no_json_is_refused(kie: Kie) -> None:
    reply = await kie.http.post("/api/v1/jobs/createTask", content=b"{")
    assert reply.json()["code"] == 422
    assert (await kie.create(callBackUrl="not a url")).json()["code"] == 422


async def test_real_status_codes_are_a_setting() -> None:
    async with kie_simulator(http_status_from_code=True) as kie:
        reply = await kie.create(duration=5)
        assert reply.status_code == reply.json()["code"] == 422


async def test_a_telegram_address_is_counted_since_it_holds_a_token(kie: Kie) -> None:
    await kie.created(image_urls=["https://api.telegram.org/file/bot1:secret/photos/1.jpg"])
    assert (await kie.look("/counters"))["telegram_urls"] == 1


async def test_duplicates_are_counted_by_the_job_in_the_callback_address(kie: Kie) -> None:
    job = "0198c0de-0000-7000-8000-000000000001"
    for attempt in (1, 2):
        await kie.created(callBackUrl=f"http://127.0.0.1:9/kie/callback/{job}/{attempt}/mac")
    await kie.created()
    counters = await kie.look("/counters")
    assert counters["created_by_job"] == {job: 2}
    assert counters["duplicates"] == {job: 2}
