"""The chat page in a real Chromium: what a visitor does, from the empty chat to the video."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Locator, Page, async_playwright, expect

from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.scaling_policies import load_policy
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.session import DEMO_POLICY
from neurocards_sandbox.demo.stack import DemoStack
from support.product_photo import product_photo

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS = 60_000
VIDEO_WAIT_MS = 240_000
WITHOUT_H264 = "HTMLMediaElement.prototype.canPlayType = () => '';"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")
expect.set_options(timeout=WAIT_MS)


@asynccontextmanager
async def demo_page(
    tmp_path: Path,
    *,
    language: str = "en",
    render_s: float = 6.0,
    script: str = "",
    policy: ScalingPolicy | None = None,
) -> AsyncIterator[tuple[DemoStack, BrowserContext, Page]]:
    """A running demo and its page in a browser; a script error of the page fails the test."""
    options = DemoOptions(
        data_dir=tmp_path / "data",
        port=0,
        render_s=render_s,
        height_max=480,
        cached_renders=True,
        policy=policy,
    )
    errors: list[str] = []
    async with DemoStack(options, lambda _words: None) as stack, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        context = await browser.new_context(
            locale=language, viewport={"width": 1200, "height": 800}
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if script:
            await page.add_init_script(script)
        page.set_default_timeout(WAIT_MS)
        await page.goto(stack.page_url.replace("localhost", "127.0.0.1"))
        yield stack, context, page
        await browser.close()
    assert errors == []


def keys(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.locator(".key", has_text=text)


async def send_photo(page: Page, photo: Path, caption: str = "") -> None:
    """Attach it as a visitor does: choose, look, write a caption, send."""
    await page.set_input_files("#file-input", photo)
    await page.fill("#send-dialog textarea", caption)
    await page.click("#send-dialog button[type=submit]")


async def test_a_visitor_gets_a_playing_video_of_his_photo(tmp_path: Path):
    """Photo, style, options, price, confirm, progress, and the video in the message's place."""
    async with demo_page(tmp_path) as (_, _, page):
        await expect(page.locator("#welcome")).to_be_visible()
        await page.click("#start-button")
        await expect(page.locator(".message:not(.mine)").first).to_contain_text("20 credits")

        photo = product_photo(tmp_path / "bottle.jpg")
        await send_photo(page, photo, "<img src=x onerror=alert(1)> bottle")
        mine = page.locator(".message.mine").last
        await expect(mine.locator("img")).to_have_js_property("complete", value=True)
        await expect(mine.locator(".text")).to_contain_text("<img src=x onerror=alert(1)> bottle")

        await keys(page, "Clean studio").click()
        await keys(page, "1:1").click()
        await expect(keys(page, "✓ 1:1")).to_be_visible()
        await keys(page, "5 s").filter(has_not_text="15").click()
        await expect(keys(page, "✓ 5 s")).to_be_visible()
        await keys(page, "Deutsch").click()
        await expect(keys(page, "✓ Deutsch")).to_be_visible()
        confirm = keys(page, "Create video · 1 credit")
        menu = page.locator(".message", has=confirm)
        menu_id = await menu.get_attribute("data-id")
        await confirm.click()

        status = page.locator(f".message[data-id='{menu_id}']")
        await expect(status.locator("[role=progressbar]")).to_be_visible(timeout=VIDEO_WAIT_MS)
        await expect(page.locator(".step.present, .step.past").first).to_be_visible()
        video = status.locator("video")
        await expect(video).to_be_visible(timeout=VIDEO_WAIT_MS)
        await expect(video).to_have_js_property("loop", value=True)
        await expect(status.locator(".key", has_text="Create")).to_have_count(0)

        # Builds of Chromium without H.264 show the note instead; Debian's has it.
        await expect(video).not_to_have_js_property("currentTime", 0, timeout=VIDEO_WAIT_MS)
        played = await video.evaluate(
            "v => ({time: v.currentTime, width: v.videoWidth, height: v.videoHeight,"
            " seconds: v.duration, controls: v.controls})"
        )
        assert played["time"] > 0
        assert played["width"] == played["height"] > 0
        assert played["seconds"] == pytest.approx(5, abs=0.2)
        assert played["controls"]

        await expect(page.locator(".step.past")).to_have_count(7)
        await expect(page.locator(".script li").first).not_to_be_empty()
        await expect(page.locator(".job-facts")).to_contain_text("1:1")


async def test_a_crowd_of_orders_starts_workers_and_the_page_says_why(tmp_path: Path):
    """One press, sixty orders through the bot: the queue grows, workers start, a reason stands."""
    policy = load_policy(DEMO_POLICY)
    async with demo_page(tmp_path, render_s=20.0, policy=policy) as (stack, _, page):
        watching = asyncio.create_task(stack.watch())
        await page.click("#workers-tab")
        workers = page.locator("[data-gauge=workers]")
        await expect(workers).to_have_attribute("data-value", "1")
        await expect(page.locator(".reason")).to_contain_text("the base of the policy")

        await page.click("#crowd-button")
        await expect(page.locator("#crowd-button")).to_be_disabled()
        await expect(workers).to_have_attribute("data-value", "4", timeout=VIDEO_WAIT_MS)
        await expect(page.locator(".reason")).to_contain_text(re.compile("Objective|ReplicasMax"))
        await expect(page.locator(".crowd-hint")).to_contain_text("of 60")
        await page.locator("#scaling summary").click()
        await expect(page.locator(".wish", has_text="ReplicasMax")).to_contain_text("4 at most")
        await page.focus("#workers-tab")
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator("#panel-body")).to_be_visible()
        watching.cancel()
        await asyncio.wait({watching})


async def test_what_is_no_picture_is_answered_in_words(tmp_path: Path):
    """The bot's refusal stands in the chat and no menu appears."""
    async with demo_page(tmp_path, language="ru") as (_, _, page):
        await page.click("#start-button")
        text_file = tmp_path / "notes.txt"
        text_file.write_text("not a picture")
        await expect(page.locator("#composer")).to_be_visible()
        await send_photo(page, text_file)
        await expect(page.locator(".message:not(.mine)").last).to_contain_text("не картинка")
        await expect(page.locator(".key")).to_have_count(0)


async def test_two_visitors_have_chats_of_their_own_and_a_reload_keeps_them(tmp_path: Path):
    """A visitor is remembered by the browser; another one begins with an empty chat."""
    async with demo_page(tmp_path) as (_, _, page):
        await page.click("#start-button")
        await expect(page.locator(".message")).to_have_count(2)
        await page.reload()
        await expect(page.locator(".message")).to_have_count(2)

        await page.click("#visitor-button")
        await page.click("#new-visitor")
        await expect(page.locator("#visitor-name")).to_have_text("Ben")
        await expect(page.locator("#welcome")).to_be_visible()
        await expect(page.locator(".message")).to_have_count(0)

        await page.click("#visitor-button")
        await page.locator(".menu-item", has_text="Anna").click()
        await expect(page.locator(".message")).to_have_count(2)


async def test_the_chat_works_by_keyboard_alone(tmp_path: Path):
    """The command menu opens by a slash, moves by arrows and sends by Enter."""
    async with demo_page(tmp_path) as (_, _, page):
        await expect(page.locator("#start-button")).to_be_visible()
        await page.focus("#start-button")
        await page.keyboard.press("Enter")
        await expect(page.locator("#message-input")).to_be_focused()
        await expect(page.locator("#commands-button")).to_be_visible()
        await page.keyboard.type("/bal")
        await expect(page.locator("#commands [role=option][aria-selected=true]")).to_contain_text(
            "/balance"
        )
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.mine").last).to_contain_text("/balance")
        await expect(page.locator(".message:not(.mine)").last).to_contain_text("20")
        await page.keyboard.type("hello")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.mine").last).to_contain_text("hello")


async def test_blocking_the_bot_closes_the_line_and_unblocking_opens_it(tmp_path: Path):
    """As in Telegram, there is nothing to write with while the bot is blocked."""
    async with demo_page(tmp_path) as (_, _, page):
        await page.click("#start-button")
        await expect(page.locator("#composer")).to_be_visible()
        await page.click("#visitor-button")
        await page.locator(".menu-item", has_text="Block the bot").click()
        await expect(page.locator("#composer")).to_be_hidden()
        await expect(page.locator("#start-button")).to_have_text("Unblock the bot")
        await page.click("#start-button")
        await expect(page.locator("#composer")).to_be_visible()


async def test_a_browser_without_h264_shows_the_first_frame_and_a_download(tmp_path: Path):
    """The page says why it does not play, and the file itself is there."""
    async with demo_page(tmp_path, script=WITHOUT_H264) as (_, _, page):
        await page.click("#start-button")
        await expect(page.locator("#composer")).to_be_visible()
        await send_photo(page, product_photo(tmp_path / "bottle.jpg"))
        await keys(page, "Clean studio").click()
        await keys(page, "Create video").click()
        note = page.locator("[role=note]")
        await expect(note).to_contain_text("cannot play H.264", timeout=VIDEO_WAIT_MS)
        await expect(page.locator("video")).to_have_count(0)
        await expect(page.locator(".media.video img")).to_be_visible()
        address = await note.locator("a").get_attribute("href")
        file = await page.request.get(f"{page.url.rstrip('/')}{address}")
        assert (await file.body())[4:8] == b"ftyp"


async def test_the_page_finds_its_way_back_after_the_simulators_were_restarted(tmp_path: Path):
    """It says that the connection is gone, and later shows what was missed."""
    async with demo_page(tmp_path) as (stack, _, page):
        await page.click("#start-button")
        await expect(page.locator(".message")).to_have_count(2)
        await stack.sandbox.stop()
        await expect(page.locator("#offline")).to_be_visible()
        await stack.sandbox.start()
        await expect(page.locator("#offline")).to_be_hidden()
        await page.fill("#message-input", "/balance")
        await page.click("#send-button")
        await expect(page.locator(".message")).to_have_count(4)
