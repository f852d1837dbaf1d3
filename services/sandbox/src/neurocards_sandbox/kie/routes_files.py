"""Files in and out: uploads of photos, their addresses, and the videos that came of them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.datastructures import UploadFile

from neurocards_sandbox.kie.envelopes import RefusedError, json_response
from neurocards_sandbox.kie.faults import CATALOGUE, DOWNLOADS_STRUCK, Stage
from neurocards_sandbox.kie.files import media_type_of, upload_path
from neurocards_sandbox.kie.gate import Gate, base_url_of
from neurocards_sandbox.kie.photos import UPLOADS_ROUTE, PhotoMissingError, fetch
from neurocards_sandbox.kie.rendering.renderer import is_shared, padding
from neurocards_sandbox.kie.simulator import KieSimulator
from neurocards_sandbox.kie.tasks import Task
from neurocards_sandbox.simulation.edge import DroppedConnection
from neurocards_sandbox.simulation.key_ring import KeyHolder

SHARED_VIDEOS_CACHED_MAX = 64
DRIP_BYTES = 16
DRIP_PAUSE_S = 0.5
ENDLESS_CHUNK_BYTES = 256 * 1024
ENDLESS_PAUSE_S = 0.002
MP4 = "video/mp4"


class Files:
    def __init__(self, simulator: KieSimulator, http: httpx.AsyncClient) -> None:
        self._simulator = simulator
        self._http = http
        self._shared: dict[str, bytes] = {}

    async def upload_stream(self, request: Request, holder: KeyHolder) -> Response:
        async with request.form(max_files=1, max_part_size=1024 * 1024) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise RefusedError(400, "No file was uploaded")
            content = await part.read(self._simulator.settings.upload_bytes_max + 1)
            told = (part.filename or "", part.content_type)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return await self._stored(request, holder, fields, content, told)

    async def upload_base64(self, request: Request, holder: KeyHolder) -> Response:
        fields = await _fields(request)
        header, comma, encoded = str(fields.get("base64Data", "")).rpartition(",")
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if not content:
            raise RefusedError(400, "base64Data is invalid")
        told = header.removeprefix("data:").partition(";")[0] if comma else None
        return await self._stored(request, holder, fields, content, ("", told))

    async def upload_url(self, request: Request, holder: KeyHolder) -> Response:
        fields = await _fields(request)
        url = str(fields.get("fileUrl", ""))
        if urlsplit(url).scheme not in {"http", "https"}:
            raise RefusedError(400, "fileUrl is invalid")
        try:
            content = await fetch(self._http, url, self._simulator.settings.upload_bytes_max)
        except PhotoMissingError:
            raise RefusedError(500, "Failed to download the file from the URL") from None
        name = urlsplit(url).path.rpartition("/")[2]
        return await self._stored(request, holder, fields, content, (name, None))

    async def uploaded(self, request: Request) -> Response:
        path = request.path_params["path"]
        found = self._simulator.uploads.find(path, self._simulator.clock.real_now())
        if found is None:
            return Response("Not Found", 404)
        return FileResponse(found[0], media_type=found[1].media_type)

    async def result(self, request: Request) -> Response:
        task = self._simulator.tasks.get(request.path_params["task_id"])
        if task is None or task.outcome is None or task.outcome.stored_as is None:
            return Response("Not Found", 404)
        before = self._simulator.counters.downloaded(task.task_id)
        age_s = self._simulator.clock.real_now() - task.created_ms / 1000
        if age_s > self._simulator.settings.result_ttl_s:
            return Response("Not Found", 404)
        return self._spoilt(task, before) or self._video(task)

    async def _stored(
        self,
        request: Request,
        holder: KeyHolder,
        fields: dict[str, Any],
        content: bytes,
        told: tuple[str, str | None],
    ) -> Response:
        if fault := await self._upload_fault(holder):
            return fault
        if not fields.get("uploadPath"):
            raise RefusedError(400, "uploadPath is required")
        if len(content) > self._simulator.settings.upload_bytes_max:
            raise RefusedError(400, "File size exceeds the limit")
        name = str(fields.get("fileName") or told[0] or f"{uuid.uuid4().hex}.bin")
        path = upload_path(str(fields["uploadPath"]), name)
        now_s = self._simulator.clock.real_now()
        media_type = media_type_of(name, content, told[1])
        self._simulator.uploads.save(path, content, media_type, now_s)
        self._simulator.counters.add("uploads")
        data = {
            "fileName": path.rpartition("/")[2],
            "filePath": path,
            "downloadUrl": base_url_of(request, self._simulator) + UPLOADS_ROUTE + quote(path),
            "fileSize": len(content),
            "mimeType": media_type,
            "uploadedAt": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds"),
        }
        message = "File uploaded successfully"
        return json_response({"success": True, "code": 200, "msg": message, "data": data})

    async def _upload_fault(self, holder: KeyHolder) -> Response | None:
        simulator = self._simulator
        name = simulator.faults.draw([Stage.UPLOAD], account=holder.account).get(Stage.UPLOAD)
        match name:
            case None:
                return None
            case "upload-drop":
                return DroppedConnection()
            case "upload-slow":
                delay_s = simulator.clock.real_duration(simulator.settings.reply_delay_s)
                await asyncio.sleep(delay_s)
                return None
        raise RefusedError(int(CATALOGUE[name].code), CATALOGUE[name].message)

    def _spoilt(self, task: Task, downloads_before: int) -> Response | None:
        match task.fault(Stage.RESULT):
            case "result-404":
                return Response("Not Found", 404)
            case "result-500" if downloads_before < DOWNLOADS_STRUCK:
                return Response("Internal Server Error", 500)
            case "result-html":
                return Response("<!doctype html><title>Sign in</title>", media_type=MP4)
            case "result-redirect":
                return RedirectResponse("http://169.254.169.254/latest/meta-data/", 302)
            case "result-huge":
                return StreamingResponse(_endless(), media_type=MP4)
            case "result-slow":
                return StreamingResponse(_drip(self._content(task)), media_type=MP4)
            case "result-truncated":
                return _Truncated(self._content(task), media_type=MP4)
        return None

    def _video(self, task: Task) -> Response:
        assert task.outcome is not None  # noqa: S101
        name = str(task.outcome.stored_as)
        if is_shared(name):
            return Response(self._content(task), media_type=MP4)
        path = self._simulator.results_folder / name
        return FileResponse(path, media_type=MP4) if path.exists() else Response("Not Found", 404)

    def _content(self, task: Task) -> bytes:
        assert task.outcome is not None  # noqa: S101
        name = str(task.outcome.stored_as)
        path = self._simulator.results_folder / name
        if not is_shared(name):
            return path.read_bytes()
        if name not in self._shared:
            if len(self._shared) >= SHARED_VIDEOS_CACHED_MAX:
                self._shared.pop(next(iter(self._shared)))
            self._shared[name] = path.read_bytes()
        return self._shared[name] + padding(task.task_id)


class _Truncated(Response):
    """Promises the whole content and hangs up in the middle of it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await DroppedConnection.hang_up(receive)


async def _endless() -> AsyncIterator[bytes]:
    yield b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
    while True:
        # Without a pause a reader that has gone would keep the loop busy for ever.
        await asyncio.sleep(ENDLESS_PAUSE_S)
        yield bytes(ENDLESS_CHUNK_BYTES)


async def _drip(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), DRIP_BYTES):
        yield content[start : start + DRIP_BYTES]
        await asyncio.sleep(DRIP_PAUSE_S)


async def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = await request.json()
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise RefusedError(400, "The request body is not a JSON object")
    return fields


def files_router(simulator: KieSimulator, gate: Gate, http: httpx.AsyncClient) -> APIRouter:
    files = Files(simulator, http)
    router = APIRouter()
    for name, handler in (
        ("stream", files.upload_stream),
        ("base64", files.upload_base64),
        ("url", files.upload_url),
    ):
        router.add_route(f"/api/file-{name}-upload", gate.guarded(handler), ["POST"])
    router.add_route(UPLOADS_ROUTE + "{path:path}", files.uploaded, ["GET", "HEAD"])
    router.add_route("/results/{task_id}/{name}", files.result, ["GET", "HEAD"])
    return router
