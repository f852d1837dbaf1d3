"""Drives a running KIE simulator in tests: a client of the API and of the control API.

It is no client for production: it asserts instead of handling errors.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from PIL import Image

from neurocards_sandbox.kie.app import create_app
from neurocards_sandbox.kie.settings import KieSandboxSettings
from neurocards_sandbox.simulation.serving import serving

WAIT_S = 60.0
LOOK_S = 0.02
KEY = "sandbox-kie-key"
MODEL = "kling-3.0/video"
INPUT: Mapping[str, Any] = {
    "prompt": "Soft light on the product.",
    "duration": "3",
    "aspect_ratio": "9:16",
    "mode": "std",
    "sound": False,
}


@dataclass(frozen=True, slots=True)
class Kie:
    url: str
    http: httpx.AsyncClient

    def with_key(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    async def create(self, prompt: str = INPUT["prompt"], **fields: Any) -> httpx.Response:
        """Send a good createTask; `fields` change its input, `model` and `callBackUrl` its rest."""
        body: dict[str, Any] = {"model": fields.pop("model", MODEL)}
        headers = self.with_key(fields.pop("key", KEY))
        if "callBackUrl" in fields:
            body["callBackUrl"] = fields.pop("callBackUrl")
        body["input"] = {**INPUT, "prompt": prompt, **fields}
        return await self.http.post("/api/v1/jobs/createTask", json=body, headers=headers)

    async def created(self, prompt: str = INPUT["prompt"], **fields: Any) -> str:
        reply = (await self.create(prompt, **fields)).json()
        assert reply["code"] == 200, reply  # noqa: S101
        return str(reply["data"]["taskId"])

    async def record(self, task_id: str) -> dict[str, Any]:
        """Give the whole envelope of recordInfo."""
        reply = await self.http.get("/api/v1/jobs/recordInfo", params={"taskId": task_id})
        envelope: dict[str, Any] = reply.json()
        return envelope

    async def ended(self, task_id: str) -> dict[str, Any]:
        """Wait for the end as a client does, by asking, and give the task's data."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            data = (await self.record(task_id))["data"]
            if data and data["state"] in {"success", "fail"}:
                return dict(data)
            await asyncio.sleep(LOOK_S)
        raise TimeoutError(task_id)

    async def upload(self, content: bytes, name: str = "photo.jpg") -> str:
        """Upload a photo and give its address."""
        reply = await self.http.post(
            "/api/file-stream-upload",
            files={"file": (name, content)},
            data={"uploadPath": "photos"},
        )
        return str(reply.json()["data"]["downloadUrl"])

    async def video(self, data: Mapping[str, Any]) -> bytes:
        """Download the result of an ended task."""
        reply = await self.http.get(json.loads(data["resultJson"])["resultUrls"][0])
        return reply.raise_for_status().content

    async def look(self, path: str) -> dict[str, Any]:
        return dict((await self.http.get(f"/sim{path}")).raise_for_status().json())

    async def control(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        reply = await self.http.post(f"/sim{path}", json=body or {})
        return dict(reply.raise_for_status().json())


@asynccontextmanager
async def kie_simulator(
    settings: KieSandboxSettings | None = None, **changes: Any
) -> AsyncIterator[Kie]:
    """Serve a simulator whose tasks end at once and whose results are canned, unless told else."""
    quick = KieSandboxSettings(time_factor=1_000_000, render=False, rate_limit=False)
    chosen = replace(settings or quick, **changes)
    async with (
        serving(create_app(chosen)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT_S) as http,
    ):
        http.headers["Authorization"] = f"Bearer {KEY}"
        yield Kie(url, http)


def photo_bytes(
    size: tuple[int, int] = (60, 80), colour: str = "teal", kind: str = "JPEG"
) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind)
    return content.getvalue()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition without arguments to become true; TimeoutError after a minute."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not become true")
        await asyncio.sleep(LOOK_S)
