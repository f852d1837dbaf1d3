"""KIE simulator: the videos are real, of the asked form, and made of the photo that was sent."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from neurocards_sandbox.kie.rendering.captions import caption_lines
from neurocards_sandbox.kie.rendering.encoder import RenderError
from neurocards_sandbox.kie.rendering.layout import arrange, frame_size
from neurocards_sandbox.kie.rendering.production import (
    RenderOrder,
    RenderQuality,
    caption_times,
    draw,
    produce,
)
from neurocards_sandbox.kie.rendering.stills import UnusablePhotoError, open_photo
from neurocards_sandbox.kie.rendering.typography import TextBox, printable, text_picture
from neurocards_sandbox.kie.testing import kie_simulator, photo_bytes

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
ONE_PNG = ("-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")
QUICK = RenderQuality(height_max=320, frames_per_s=24, audio=True, timeout_s=120)
PROMPT = "Soft light.\n\nOn-screen captions:\n1. Свежесть каждый день\n2. Закажите сейчас\n\nSlow."


@dataclass(frozen=True)
class Probe:
    """What ffmpeg says of a file."""

    report: str

    @property
    def frames(self) -> int:
        return int(re.findall(r"frame=\s*(\d+)", self.report)[-1])

    @property
    def seconds(self) -> float:
        hours, minutes, seconds = re.findall(r"Duration: (\d+):(\d+):([\d.]+)", self.report)[0]
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _probe(path: Path) -> Probe:
    ran = subprocess.run(
        [FFMPEG, "-nostdin", "-i", path, "-map", "0:v", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Probe(ran.stderr)


def _frame(path: Path, at_s: float) -> Image.Image:
    ran = subprocess.run(
        [FFMPEG, "-v", "error", "-ss", str(at_s), "-i", path, *ONE_PNG],
        capture_output=True,
        check=True,
    )
    return Image.open(io.BytesIO(ran.stdout)).convert("RGB")


def _brightest(picture: Image.Image) -> int:
    return max(value for value, count in enumerate(picture.histogram()) if count)


def _silent(path: Path) -> bool:
    command = [FFMPEG, "-v", "error", "-i", path, "-f", "null", "-"]
    ran = subprocess.run(command, capture_output=True, check=True)
    return ran.stdout + ran.stderr == b""


def _boxes(content: bytes) -> list[str]:
    """Name the top-level boxes of an mp4 in their order."""
    names, at = [], 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        names.append(content[at + 4 : at + 8].decode())
        at += size
    return names


def _halves(kind: str = "JPEG") -> bytes:
    """A photo whose left half is red and whose right half is blue."""
    photo = Image.new("RGB", (300, 400), "red")
    photo.paste("blue", (150, 0, 300, 400))
    content = io.BytesIO()
    photo.save(content, kind, quality=95)
    return content.getvalue()


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("9:16", (720, 1280)), ("16:9", (1280, 720)), ("1:1", (960, 960)), ("3:4", (960, 1280))],
)
def test_each_ratio_has_its_size(ratio: str, size: tuple[int, int]) -> None:
    assert frame_size(ratio, None, 1280) == size
    smaller = frame_size(ratio, None, 640)
    assert max(smaller) == 640
    assert smaller[0] % 2 == smaller[1] % 2 == 0
    assert smaller[0] / smaller[1] == pytest.approx(size[0] / size[1], abs=0.01)


def test_the_ratio_of_the_photo_is_kept_within_reason() -> None:
    assert frame_size("photo", (400, 300), 1280) == (1280, 960)
    wide, high = frame_size("photo", (4000, 10), 1280)
    assert wide / high == pytest.approx(21 / 9, abs=0.02)


@pytest.mark.parametrize("ratio", ["9:16", "16:9", "1:1"])
async def test_a_video_is_h264_of_the_asked_length(tmp_path: Path, ratio: str) -> None:
    """codec, pixel format, size, frames, duration, sound, and ffmpeg has nothing to say."""
    path = tmp_path / "video.mp4"
    order = RenderOrder(_halves(), ("Привет", "Мир"), 3, ratio)
    await produce(order, QUICK, path)
    probe = _probe(path)
    width, height = frame_size(ratio, None, 320)
    assert re.search(rf"Video: h264 .*yuv420p.*bt709.*, {width}x{height}[, ]", probe.report)
    assert "24 fps" in probe.report
    assert "Audio: aac" in probe.report
    assert probe.frames == 72
    assert probe.seconds == pytest.approx(3, abs=1 / 24)
    assert _silent(path)


async def test_the_index_comes_before_the_data(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    await produce(RenderOrder(None, (), 2, "16:9"), QUICK, path)
    boxes = _boxes(path.read_bytes())
    assert boxes.index("moov") < boxes.index("mdat")


async def test_the_video_shows_the_photo_and_moves(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    await produce(RenderOrder(_halves(), (), 3, "9:16"), QUICK, path)
    first, last = _frame(path, 0), _frame(path, 2.9)
    x, y = first.width, int(first.height * 0.4)
    red, blue = first.getpixel((x // 3, y)), first.getpixel((2 * x // 3, y))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 180 > red[2]
    assert blue[2] > 180 > blue[0]
    assert sum(ImageStat.Stat(ImageChops.difference(first, last)).mean) > 3


async def test_captions_are_seen_in_their_time(tmp_path: Path) -> None:
    """The area of the captions is brighter while one is shown than before it."""
    path = tmp_path / "video.mp4"
    photo = photo_bytes((300, 400), "#303030")
    await produce(RenderOrder(photo, ("Первая подпись",), 4, "9:16"), QUICK, path)
    area = arrange(frame_size("9:16", None, 320), (300, 400)).captions
    box = (area.x, area.y, area.x + area.width, area.y + area.height)
    before, during = (_frame(path, at_s).crop(box).convert("L") for at_s in (0.0, 2.0))
    assert _brightest(during) > 220 > _brightest(before)


def test_cyrillic_is_drawn_and_emoji_is_left_out() -> None:
    assert printable("Скидка 20 % 🎉 ёжик") == "Скидка 20\u00a0% ёжик"
    assert printable("🎉✨🫶") in {"", "✨"}
    box = TextBox(width=300, height=100, size=30, align="center")
    pictures = {text_picture(text, box, 4).tobytes() for text in ("Жук", "Щук", "Фук")}
    assert len(pictures) == 3


def test_long_text_is_made_smaller_and_stays_in_its_box() -> None:
    box = TextBox(width=300, height=120, size=40, align="center")
    for text in ("слово " * 25, "Донаудампфшиффартсгезельшафтскапитэн" * 3):
        picture = text_picture(text, box, 4)
        assert picture.height <= box.height + 16
        assert picture.width == box.width + 16


def test_the_mark_is_in_every_video(tmp_path: Path) -> None:
    order = RenderOrder(None, (), 3, "9:16")
    overlays = draw(order, QUICK, tmp_path).overlays
    assert [(o.path.name, o.start_s) for o in overlays] == [("mark.png", None)]


def _transparent() -> bytes:
    photo = Image.new("RGBA", (300, 400), (0, 0, 0, 0))
    ImageDraw.Draw(photo).ellipse((60, 80, 240, 320), fill=(20, 160, 60, 255))
    content = io.BytesIO()
    photo.save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    "photo",
    [
        _transparent(),
        photo_bytes((1, 1)),
        photo_bytes((2000, 3)),
        photo_bytes((40, 30), kind="GIF"),
        photo_bytes((40, 30), kind="WEBP"),
    ],
    ids=["transparent", "one pixel", "a line", "gif", "webp"],
)
async def test_odd_photos_make_a_video_too(tmp_path: Path, photo: bytes) -> None:
    path = tmp_path / "video.mp4"
    await produce(RenderOrder(photo, ("Caption",), 2, "9:16"), QUICK, path)
    assert _silent(path)


def test_a_transparent_photo_stands_on_its_own_colour(tmp_path: Path) -> None:
    film = draw(RenderOrder(_transparent(), (), 3, "9:16"), QUICK, tmp_path)
    with Image.open(film.layers[0].path) as background, Image.open(film.layers[1].path) as product:
        red, green, blue = ImageStat.Stat(background.convert("RGB")).mean
        assert green > red
        assert green > blue
        assert product.getchannel("A").getpixel((0, 0)) == 0


def test_a_photo_is_turned_upright() -> None:
    photo = Image.new("RGB", (400, 300), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    content = io.BytesIO()
    photo.save(content, "JPEG", exif=exif)
    assert open_photo(content.getvalue()).size == (300, 400)


@pytest.mark.parametrize("content", [b"", b"not a picture", photo_bytes((400, 400))[:300]])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UnusablePhotoError):
        open_photo(content)


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(UnusablePhotoError):
        open_photo(photo_bytes((8000, 7000), kind="PNG"))


async def test_a_render_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    slow = RenderQuality(height_max=1280, frames_per_s=30, audio=False, timeout_s=0.05)
    with pytest.raises(RenderError, match="took more than"):
        await produce(RenderOrder(None, (), 15, "9:16"), slow, tmp_path / "video.mp4")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize(
    ("prompt", "lines"),
    [
        (PROMPT, ("Свежесть каждый день", "Закажите сейчас")),
        ("on-screen captions:\n1) One\n2) Two", ("One", "Two")),
        (
            "On-screen captions:\n1. One\n   more of it\n2. [sim:fast] Two",
            ("One more of it", "Two"),
        ),
        ("First thing. Second one! Third? Fourth.", ("First thing.", "Second one!", "Third?")),
        ("[sim:stuck]", ()),
        ("", ()),
    ],
)
def test_captions_are_found_in_the_prompt(prompt: str, lines: tuple[str, ...]) -> None:
    assert caption_lines(prompt) == lines


def test_captions_share_the_time_and_never_overlap() -> None:
    times = caption_times(4, 10)
    assert times[0][0] > 0
    assert times[-1][1] == 10
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(times))


def test_when_time_is_short_the_last_caption_is_kept(tmp_path: Path) -> None:
    order = RenderOrder(None, tuple(f"Line {n}" for n in range(8)), 3, "9:16")
    shown = [o for o in draw(order, QUICK, tmp_path).overlays if o.start_s is not None]
    assert len(shown) == 2


async def test_a_task_renders_the_uploaded_photo_once_or_for_each_task() -> None:
    """With cached renders two tasks of one photo share a render and differ in size."""
    for cached, renders in ((True, 1), (False, 2)):
        settings = {"render": True, "cached_renders": cached, "height_max": 240}
        async with kie_simulator(None, **settings) as kie:
            url = await kie.upload(_halves())
            tasks = [await kie.created(PROMPT, image_urls=[url]) for _ in range(2)]
            videos = [await kie.video(await kie.ended(task_id)) for task_id in tasks]
            assert (await kie.look("/counters"))["renders"] == renders
            assert all(video[4:8] == b"ftyp" for video in videos)
            if cached:
                assert len(videos[0]) != len(videos[1])
                assert _boxes(videos[0])[-1] == "free"


async def test_an_order_exactly_like_an_earlier_one_may_get_its_film() -> None:
    """The same photo, words, length and format are drawn once; other words are drawn anew."""
    settings = {"render": True, "alike_renders_linked": True, "height_max": 240}
    async with kie_simulator(None, **settings) as kie:
        url = await kie.upload(_halves())
        prompts = (PROMPT, PROMPT, PROMPT.replace("1. ", "1. Really "))
        tasks = [await kie.created(prompt, image_urls=[url]) for prompt in prompts]
        videos = [await kie.video(await kie.ended(task_id)) for task_id in tasks]
        assert (await kie.look("/counters"))["renders"] == 2
        assert videos[0] == videos[1] != videos[2]


async def test_a_padded_video_is_still_whole(tmp_path: Path) -> None:
    async with kie_simulator() as kie:
        path = tmp_path / "video.mp4"
        path.write_bytes(await kie.video(await kie.ended(await kie.created())))
    assert _silent(path)


async def test_a_foreign_photo_is_fetched_and_a_broken_one_fails_the_task() -> None:
    async with kie_simulator() as shop:
        foreign = await shop.upload(_halves())
        async with kie_simulator(render=True, height_max=240) as kie:
            data = await kie.ended(await kie.created(image_urls=[foreign]))
            assert data["state"] == "success"
            gone = await kie.created(image_urls=["http://127.0.0.1:9/none.jpg"])
            assert (await kie.ended(gone))["failCode"] == "451"
            broken = await kie.upload(b"no picture", "broken.jpg")
            data = await kie.ended(await kie.created(image_urls=[broken]))
            assert (data["state"], data["failCode"]) == ("fail", "422")


async def test_a_video_can_be_seeked_in() -> None:
    """A browser asks for ranges of the file."""
    async with kie_simulator(render=True, height_max=240) as kie:
        data = await kie.ended(await kie.created())
        url = data["resultJson"].split('"')[3]
        part = await kie.http.get(url, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
