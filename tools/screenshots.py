"""Make docs/pictures/chat-*.png: the chat page of a running demo, driven like a visitor.

    python tools/screenshots.py             (with any word behind it: the workers' picture alone)

Starts a demo of its own beside whatever runs, draws a product photo, orders a video of it and takes
a picture of every state. Needs a Chromium of the system (Debian: apt-get install chromium).
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from playwright.async_api import Browser, Page, async_playwright

from neurocards.scaling_policies import load_policy
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.session import DEMO_POLICY
from neurocards_sandbox.demo.stack import DemoStack

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
COMMON_COLOURS = 208
RARE_COLOURS = 48
"""A palette of both: gradients without bands, and the few strong colours of buttons and icons."""
VIDEO_TIMEOUT_MS = 180_000
CROWD_MS = 20_000
CAPTION = {"ru": "Крем для рук с маслом ши, 75 мл", "en": "Hand cream with shea butter, 75 ml"}


@dataclass(frozen=True, slots=True)
class View:
    """A device and its visitor; the names of its pictures begin with `name`."""

    name: str
    width: int
    height: int
    scheme: str
    language: str
    is_phone: bool = False


VIEWS = (
    View("chat", 1280, 860, "light", "en"),
    View("chat-phone", 390, 844, "dark", "ru", is_phone=True),
)


def draw_product(path: Path) -> Path:
    """Draw a bottle on a table; no photo of anybody is needed."""
    width, height = 1200, 1600
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line([(0, y), (width, y)], fill=(246 - y // 42, 229 - y // 34, 208 - y // 27))
    draw.ellipse([250, 1265, 950, 1405], fill=(184, 152, 122))
    image = image.filter(ImageFilter.GaussianBlur(20))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle([400, 430, 800, 1340], 70, fill=(30, 112, 100))
    draw.rectangle([480, 300, 720, 440], fill=(24, 84, 75))
    draw.rounded_rectangle([460, 225, 740, 330], 30, fill=(214, 178, 94))
    draw.rounded_rectangle([450, 680, 750, 1080], 30, fill=(247, 241, 227))
    draw.rectangle([490, 760, 710, 778], fill=(30, 112, 100))
    draw.rectangle([520, 812, 680, 824], fill=(168, 158, 138))
    draw.ellipse([552, 868, 648, 964], fill=(214, 178, 94))
    draw.polygon([(428, 520), (464, 502), (464, 1250), (428, 1270)], fill=(66, 156, 141))
    image.save(path, quality=92)
    return path


def find_chromium() -> str:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    return found


def reduced(shot: Image.Image) -> Image.Image:
    """Bring a picture down to 256 colours, about a fifth of its size as a file."""
    common = shot.quantize(COMMON_COLOURS, Image.Quantize.MEDIANCUT).getpalette() or []
    rare = shot.quantize(RARE_COLOURS, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(common[: COMMON_COLOURS * 3] + rare[: RARE_COLOURS * 3])
    return shot.quantize(palette=palette, dither=Image.Dither.NONE)


async def take(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path)
    with Image.open(path) as shot:
        small = reduced(shot.convert("RGB"))
    small.save(path, optimize=True)
    report(f"{path.name}  {path.stat().st_size // 1024} KiB")


async def visit(browser: Browser, url: str, view: View, photo: Path) -> None:
    """One order from the empty chat to the playing video."""
    context = await browser.new_context(
        viewport={"width": view.width, "height": view.height},
        color_scheme="dark" if view.scheme == "dark" else "light",
        locale=view.language,
        is_mobile=view.is_phone,
        has_touch=view.is_phone,
    )
    page = await context.new_page()
    await page.goto(url)
    await page.click("#start-button")
    await page.wait_for_selector(".message:not(.mine)")
    await page.set_input_files("#file-input", photo)
    await page.fill("#send-dialog textarea", CAPTION[view.language])
    await page.click("#send-dialog button[type=submit]")
    await page.wait_for_selector(".key")
    await page.wait_for_timeout(700)
    await take(page, f"{view.name}-styles")
    await page.click(".key >> nth=0")
    await page.wait_for_selector(".key:has-text('16:9')")
    await page.mouse.move(0, 0)
    await page.wait_for_timeout(700)
    await take(page, f"{view.name}-options")
    await page.click(".key:has-text('·')")
    await page.mouse.move(0, 0)
    # The page forbids evaluated code, so a condition has to be a selector.
    half_way = ", ".join(f"[role=progressbar][aria-valuenow='{share}']" for share in range(45, 96))
    await page.wait_for_selector(half_way, timeout=VIDEO_TIMEOUT_MS)
    await page.wait_for_timeout(1500)
    await take(page, f"{view.name}-progress")
    await page.wait_for_selector("video", timeout=VIDEO_TIMEOUT_MS)
    await page.wait_for_timeout(3500)
    await take(page, f"{view.name}-video")
    if view.is_phone:
        await page.click("#panel-button")
        await page.wait_for_timeout(1200)
        await take(page, f"{view.name}-panel")
    await context.close()


async def scale(browser: Browser, url: str) -> None:
    """Send the crowd and wait until all workers are there."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="en")
    page = await context.new_page()
    await page.goto(url)
    await page.click("#workers-tab")
    await page.click("#crowd-button")
    await page.click("#scaling summary")
    await page.wait_for_selector("[data-gauge=workers] dd:text('4 / 4')", timeout=VIDEO_TIMEOUT_MS)
    await page.wait_for_timeout(CROWD_MS)
    await take(page, "chat-scaling")
    await context.close()


def report(words: str) -> None:
    sys.stderr.write(words + "\n")


async def main() -> None:
    chromium = find_chromium()
    with tempfile.TemporaryDirectory(prefix="neurocards-pictures-") as folder:
        photo = draw_product(Path(folder) / "hand-cream.jpg")
        policy = load_policy(DEMO_POLICY)
        options = DemoOptions(data_dir=Path(folder) / "data", port=0, policy=policy)
        async with (
            DemoStack(options, report) as stack,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=CHROMIUM_OPTIONS
            )
            watching = asyncio.create_task(stack.watch())
            for view in VIEWS if len(sys.argv) == 1 else ():
                await visit(browser, stack.page_url, view, photo)
            await scale(browser, stack.page_url)
            watching.cancel()
            await asyncio.wait({watching})
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
