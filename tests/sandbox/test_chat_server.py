"""The server of the chat page: what is open, what is refused, what browsers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from neurocards_sandbox.chat.app import create_app
from neurocards_sandbox.telegram.app import create_app as create_telegram

TOKEN = "42:test"
CHAT = "/sim/chats/700000001"


@pytest.fixture
async def page() -> AsyncIterator[httpx.AsyncClient]:
    """The page of bot 42 over a simulator without a bot that answers."""
    telegram = create_telegram()
    bot = telegram.state.world.bot_by_token(TOKEN)
    app = create_app(telegram=telegram, bot_id=bot.id, jobs=None)
    transport = httpx.ASGITransport(app)
    async with (
        telegram.router.lifespan_context(telegram),
        httpx.AsyncClient(transport=transport, base_url="http://page") as client,
    ):
        yield client


class OneCrowd:
    """A view of scaling whose crowd never ends."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []

    def shown(self) -> dict[str, Any]:
        return {"scaling": None, "crowd": None}

    def send_crowd(self, visitor_id: int, language: str) -> bool:
        self.asked.append((visitor_id, language))
        return len(self.asked) == 1


async def test_one_crowd_at_a_time_can_be_sent():
    """A second one is refused while the first still orders, and nonsense is refused at once."""
    view = OneCrowd()
    app = create_app(telegram=Starlette(), bot_id=42, jobs=None, scaling=view)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        order = {"user_id": 700000001, "language": "en"}
        for wrong in ("", "[]", '{"user_id": 1}', '{"user_id": true, "language": 3}'):
            assert (await client.post("/api/crowd", content=wrong)).status_code == 400
        foreign = await client.post(
            "/api/crowd", json=order, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert foreign.status_code == 403
        assert (await client.post("/api/crowd", json=order)).status_code == 202
        assert (await client.post("/api/crowd", json=order)).status_code == 409
        assert view.asked == [(700000001, "en")] * 2
        assert (await client.get("/api/page")).json()["is_scaling_shown"]


async def test_a_visitor_can_write_and_read_in_his_chat(page: httpx.AsyncClient):
    """The routes that the page itself uses are open."""
    await page.post("/sim/users", json={"id": 700000001, "first_name": "Anna"})
    sent = await page.post(f"{CHAT}/send?bot=42", json={"kind": "text", "text": "<b>hi</b>"})
    assert sent.status_code == 200
    chat = (await page.get(f"{CHAT}?bot=42")).json()
    assert [message["text"] for message in chat["messages"]] == ["<b>hi</b>"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sim/users"),
        ("GET", "/sim/calls"),
        ("GET", "/sim/chats"),
        ("GET", "/sim/chats/-100123"),
        ("GET", "/sim/bots"),
        ("POST", "/sim/bots"),
        ("POST", "/sim/reset"),
        ("POST", "/sim/faults"),
        ("POST", "/sim/bots/42/updates"),
        ("POST", "/sim/chats/5/migrate"),
        ("DELETE", "/sim/chats/5"),
        ("PUT", "/sim/chats/5/send"),
        ("POST", "/bot42:test/getMe"),
    ],
)
async def test_the_rest_of_the_control_api_is_closed(
    page: httpx.AsyncClient, method: str, path: str
):
    """Whoever reaches the page cannot steer the simulator."""
    assert (await page.request(method, path)).status_code in {404, 405}


async def test_another_site_cannot_act_in_the_name_of_a_visitor(page: httpx.AsyncClient):
    """A form of a foreign page would otherwise reach the demo on this machine."""
    request = {"kind": "text", "text": "hi"}
    headers = {"Sec-Fetch-Site": "cross-site"}
    refused = await page.post(f"{CHAT}/send?bot=42", json=request, headers=headers)
    assert refused.status_code == 403
    assert (await page.get(f"{CHAT}?bot=42")).json()["messages"] == []


async def test_an_uploaded_page_cannot_run(page: httpx.AsyncClient):
    """A file is shown under a policy that forbids scripts and takes its origin away."""
    files = {"file": ("evil.html", b"<script>alert(1)</script>", "text/html")}
    sent = await page.post(f"{CHAT}/send?bot=42", data={"kind": "document"}, files=files)
    url = sent.json()["messages"][0]["media"]["url"]
    shown = await page.get(url)
    assert shown.content == b"<script>alert(1)</script>"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "script-src" not in shown.headers["content-security-policy"]
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["x-content-type-options"] == "nosniff"


async def test_files_are_served_in_ranges_so_that_a_video_can_seek(page: httpx.AsyncClient):
    """A browser asks for the part that it wants to show."""
    files = {"file": ("a.bin", bytes(range(100)), "application/octet-stream")}
    sent = await page.post(f"{CHAT}/send?bot=42", data={"kind": "document"}, files=files)
    url = sent.json()["messages"][0]["media"]["url"]
    part = await page.get(url, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == bytes(range(10, 20))


@pytest.mark.parametrize("path", ["/", "/js/main.js", "/css/theme.css", "/avatar.svg"])
async def test_the_page_comes_with_a_strict_policy(page: httpx.AsyncClient, path: str):
    """Scripts come from this origin alone, and no other page may frame it."""
    reply = await page.get(path)
    assert reply.status_code == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_without_a_database_the_page_says_that_it_shows_no_jobs(page: httpx.AsyncClient):
    """The simulators alone serve the chat as well."""
    assert (await page.get("/api/page")).json() == {
        "bot_id": 42,
        "are_jobs_shown": False,
        "is_scaling_shown": False,
    }
    assert (await page.get("/api/jobs?user_id=1")).status_code == 400
