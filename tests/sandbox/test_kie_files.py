"""KIE simulator: uploads, their expiry, and videos that are hard to download."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from neurocards_sandbox.kie.testing import Kie, kie_simulator, photo_bytes

PHOTO = photo_bytes()


@pytest.fixture
async def kie() -> AsyncIterator[Kie]:
    async with kie_simulator() as running:
        yield running


async def _result(kie: Kie, prompt: str) -> str:
    data = await kie.ended(await kie.created(prompt))
    return str(json.loads(data["resultJson"])["resultUrls"][0])


async def test_a_stream_upload_answers_in_the_services_form(kie: Kie) -> None:
    reply = await kie.http.post(
        "/api/file-stream-upload",
        files={"file": ("cup.jpg", PHOTO, "image/jpeg")},
        data={"uploadPath": "photos/2026", "fileName": "own name.jpg"},
    )
    body = reply.json()
    assert (body["success"], body["code"]) == (True, 200)
    assert body["msg"] == "File uploaded successfully"
    data = body["data"]
    assert (data["fileName"], data["filePath"]) == ("own name.jpg", "photos/2026/own name.jpg")
    assert (data["fileSize"], data["mimeType"]) == (len(PHOTO), "image/jpeg")
    assert "fileUrl" not in data
    download = await kie.http.get(data["downloadUrl"])
    assert (download.content, download.headers["content-type"]) == (PHOTO, "image/jpeg")


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
async def test_base64_uploads_come_raw_or_as_a_data_url(kie: Kie, prefix: str) -> None:
    encoded = prefix + base64.b64encode(PHOTO).decode()
    reply = await kie.http.post(
        "/api/file-base64-upload",
        json={"base64Data": encoded, "uploadPath": "photos", "fileName": "a.jpg"},
    )
    assert (await kie.http.get(reply.json()["data"]["downloadUrl"])).content == PHOTO
    wrong = await kie.http.post(
        "/api/file-base64-upload", json={"base64Data": "%%%", "uploadPath": "photos"}
    )
    assert wrong.json()["code"] == 400


async def test_an_upload_by_address_is_fetched(kie: Kie) -> None:
    fields = {"fileUrl": await kie.upload(PHOTO), "uploadPath": "copies"}
    reply = await kie.http.post("/api/file-url-upload", json=fields)
    assert reply.json()["data"]["filePath"] == "copies/photo.jpg"
    fields["fileUrl"] = "http://127.0.0.1:9/none.jpg"
    assert (await kie.http.post("/api/file-url-upload", json=fields)).json()["code"] == 500


async def test_the_same_name_overwrites(kie: Kie) -> None:
    other = photo_bytes(colour="red")
    first, second = await kie.upload(PHOTO), await kie.upload(other)
    assert first == second
    assert (await kie.http.get(first)).content == other


@pytest.mark.parametrize("path", ["../../etc", "photos\\..", "a/../../b"])
async def test_a_path_cannot_leave_the_store(kie: Kie, path: str) -> None:
    fields = {"base64Data": base64.b64encode(PHOTO).decode(), "uploadPath": path}
    reply = await kie.http.post("/api/file-base64-upload", json=fields)
    assert reply.json()["code"] == 400


async def test_uploads_have_a_size_limit() -> None:
    async with kie_simulator(upload_bytes_max=100) as kie:
        files = {"file": ("a.jpg", PHOTO)}
        reply = await kie.http.post(
            "/api/file-stream-upload", files=files, data={"uploadPath": "photos"}
        )
        assert reply.json()["code"] == 400


async def test_an_expired_upload_is_gone_and_its_task_fails(kie: Kie) -> None:
    url = await kie.upload(PHOTO)
    assert (await kie.control("/uploads/expire"))["expired"] == 1
    assert (await kie.http.get(url)).status_code == 404
    data = await kie.ended(await kie.created(image_urls=[url]))
    assert (data["state"], data["failCode"]) == ("fail", "451")


async def test_uploads_expire_by_themselves() -> None:
    async with kie_simulator(upload_ttl_s=0.0) as kie:
        assert (await kie.http.get(await kie.upload(PHOTO))).status_code == 404


async def test_uploading_needs_a_key_and_can_fail_on_request(kie: Kie) -> None:
    files, data = {"file": ("a.jpg", PHOTO)}, {"uploadPath": "photos"}
    for fault, code in (("upload-500", 500), ("upload-401", 401)):
        await kie.control("/faults", {"fault": fault, "next": 1})
        reply = await kie.http.post("/api/file-stream-upload", files=files, data=data)
        assert reply.json()["code"] == code
    await kie.control("/faults", {"fault": "upload-drop", "next": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        await kie.http.post("/api/file-stream-upload", files=files, data=data)
    headers = kie.with_key("wrong")
    reply = await kie.http.post("/api/file-stream-upload", files=files, data=data, headers=headers)
    assert reply.json()["code"] == 401
    assert (await kie.look("/counters"))["uploads"] == 0


async def test_canned_results_differ_in_size(kie: Kie) -> None:
    """Uploads of one and the same size are slowed down by messengers."""
    sizes = {len((await kie.http.get(await _result(kie, "x"))).content) for _ in range(5)}
    # Two may be alike by chance, hardly three of five.
    assert len(sizes) >= 3


async def test_results_can_be_missing_or_come_late(kie: Kie) -> None:
    assert (await kie.http.get(await _result(kie, "[sim:result-404]"))).status_code == 404
    url = await _result(kie, "[sim:result-500]")
    assert [(await kie.http.get(url)).status_code for _ in range(3)] == [500, 500, 200]
    downloads = (await kie.look("/counters"))["downloads_by_task"]
    assert sorted(downloads.values()) == [1, 3]


async def test_results_can_lie_about_what_they_are(kie: Kie) -> None:
    page = await kie.http.get(await _result(kie, "[sim:result-html]"))
    assert page.headers["content-type"] == "video/mp4"
    assert page.text.startswith("<!doctype html>")
    redirect = await kie.http.get(await _result(kie, "[sim:result-redirect]"))
    assert redirect.headers["location"].startswith("http://169.254.169.254/")
    assert (await _result(kie, "[sim:result-foreign]")).startswith("https://evil.example/")


async def test_a_result_can_break_off_in_the_middle(kie: Kie) -> None:
    url = await _result(kie, "[sim:result-truncated]")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await kie.http.get(url)


@pytest.mark.parametrize(("word", "least"), [("result-huge", 3_000_000), ("result-slow", 32)])
async def test_a_result_can_be_endless_or_drip(kie: Kie, word: str, least: int) -> None:
    url = await _result(kie, f"[sim:{word}]")
    received = 0
    async with kie.http.stream("GET", url) as reply:
        assert "content-length" not in reply.headers
        async for chunk in reply.aiter_bytes():
            received += len(chunk)
            if received >= least:
                break
    assert received >= least


@pytest.mark.parametrize(
    ("word", "result_json"),
    [
        ("result-null", None),
        ("result-empty", '{"resultUrls": []}'),
        ("result-broken", '{"resultUrls":["http'),
    ],
)
async def test_a_success_can_come_without_a_usable_address(
    kie: Kie, word: str, result_json: str | None
) -> None:
    data = await kie.ended(await kie.created(f"[sim:{word}]"))
    assert (data["state"], data["resultJson"]) == ("success", result_json)


async def test_a_download_address_is_given_for_own_results_only(kie: Kie) -> None:
    url = await _result(kie, "x")
    path = "/api/v1/common/download-url"
    assert (await kie.http.post(path, json={"url": url})).json()["data"] == url
    foreign = await kie.http.post(path, json={"url": "https://evil.example/a.mp4"})
    assert foreign.json()["code"] == 422
