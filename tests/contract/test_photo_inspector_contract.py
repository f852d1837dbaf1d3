"""What every PhotoInspector keeps, and every kind of photo that people really send."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from neurocards.adapters.media.photos import SubprocessPhotoInspector
from neurocards.domain.photos import (
    PHOTO_BYTES_MAX,
    PHOTO_SIDE_PIXELS_MAX,
    UPLOAD_BYTES_MAX,
    PhotoFault,
)
from neurocards.errors import PhotoNotInspectedError, PhotoUnusableError
from neurocards.ports.providers import PhotoInspector
from neurocards.testing.providers import FakePhotoInspector

PATIENCE_S = 30.0
ORIENTATION = 0x0112
GPS = 0x8825


def encoded(image: Image.Image, kind: str, **saving: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **saving)
    return target.getvalue()


def picture(size: tuple[int, int] = (600, 400), mode: str = "RGB") -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


def turned() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS)[1] = "N"
    return encoded(picture(), "JPEG", exif=exif)


def animated(kind: str) -> bytes:
    first = picture((200, 200))
    return encoded(first, kind, save_all=True, append_images=[first.rotate(90)], duration=100)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def opened(photo: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(photo))
    image.load()
    return image


@pytest.fixture(params=[FakePhotoInspector, SubprocessPhotoInspector])
def inspector(request: pytest.FixtureRequest) -> PhotoInspector:
    made: PhotoInspector = request.param()
    return made


@pytest.fixture
def real() -> SubprocessPhotoInspector:
    return SubprocessPhotoInspector()


async def test_a_good_photo_is_told_of_and_comes_out_as_a_jpeg(inspector: PhotoInspector):
    photo = encoded(picture((800, 600)), "JPEG")

    facts = await inspector.inspect(photo)
    cleaned = await inspector.cleaned(photo)

    assert (facts.width, facts.height, facts.format) == (800, 600, "JPEG")
    assert cleaned.startswith(b"\xff\xd8")


async def test_nothing_is_no_photo(inspector: PhotoInspector):
    for attempt in (inspector.inspect(b""), inspector.cleaned(b"")):
        with pytest.raises(PhotoUnusableError) as caught:
            await attempt
        assert caught.value.fault is PhotoFault.EMPTY


BAD: dict[str, tuple[Callable[[], bytes], PhotoFault]] = {
    "a text": (lambda: b"this is not a picture" * 20, PhotoFault.NOT_AN_IMAGE),
    "over 20 MB": (
        lambda: b"\xff\xd8\xff" + bytes(PHOTO_BYTES_MAX),
        PhotoFault.TOO_MANY_BYTES,
    ),
    "a bomb of 60 megapixels": (
        lambda: encoded(Image.new("L", (10_000, 6_000)), "PNG"),
        PhotoFault.TOO_MANY_PIXELS,
    ),
    "a cut JPEG": (lambda: encoded(picture(), "JPEG")[:9000], PhotoFault.DAMAGED),
    "a cut progressive JPEG": (
        lambda: encoded(picture(), "JPEG", progressive=True)[:-2000],
        PhotoFault.DAMAGED,
    ),
    "a cut PNG": (lambda: encoded(picture(), "PNG")[:9000], PhotoFault.DAMAGED),
    "a cut WEBP": (lambda: encoded(picture(), "WEBP")[:3000], PhotoFault.DAMAGED),
    "the first bytes of a JPEG": (lambda: b"\xff\xd8\xff\xe0" + bytes(100), PhotoFault.DAMAGED),
    "HEIC": (
        lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        PhotoFault.HEIC,
    ),
    "AVIF": (
        lambda: b"\0\0\0\x1cftypavif\0\0\0\0mif1avif" + bytes(100),
        PhotoFault.UNSUPPORTED_FORMAT,
    ),
    "an animated GIF": (lambda: animated("GIF"), PhotoFault.ANIMATED),
    "an animated WEBP": (lambda: animated("WEBP"), PhotoFault.ANIMATED),
    "an animated PNG": (lambda: animated("PNG"), PhotoFault.ANIMATED),
    "a GIF that stands still": (lambda: encoded(picture(), "GIF"), PhotoFault.UNSUPPORTED_FORMAT),
    "BMP": (lambda: encoded(picture(), "BMP"), PhotoFault.UNSUPPORTED_FORMAT),
    "TIFF": (lambda: encoded(picture(), "TIFF"), PhotoFault.UNSUPPORTED_FORMAT),
    "SVG": (lambda: b"<?xml version='1.0'?><svg></svg>", PhotoFault.UNSUPPORTED_FORMAT),
    "too small": (lambda: encoded(picture((63, 500)), "PNG"), PhotoFault.TOO_SMALL),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_photo_that_cannot_be_used_is_refused_with_its_reason(
    real: SubprocessPhotoInspector, kind: str
):
    make, expected = BAD[kind]
    photo = make()

    for attempt in (real.inspect(photo), real.cleaned(photo)):
        with pytest.raises(PhotoUnusableError) as caught:
            await attempt
        assert caught.value.fault is expected


GOOD: dict[str, Callable[[], bytes]] = {
    "CMYK": lambda: encoded(picture(mode="CMYK"), "JPEG"),
    "grey": lambda: encoded(picture(mode="L"), "JPEG"),
    "a palette": lambda: encoded(picture(mode="P"), "PNG"),
    "grey with transparency": lambda: encoded(picture(mode="LA"), "PNG"),
    "one bit": lambda: encoded(picture(mode="1"), "PNG"),
    "16 bits": lambda: encoded(Image.new("I;16", (300, 300), 40_000), "PNG"),
    "WEBP": lambda: encoded(picture(), "WEBP"),
    "turned by EXIF": turned,
    "49 megapixels": lambda: encoded(Image.new("RGB", (7000, 7000), "red"), "JPEG"),
    "a profile": lambda: encoded(
        picture(),
        "JPEG",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ),
    "a broken profile": lambda: encoded(picture(), "JPEG", icc_profile=b"nonsense"),
}


@pytest.mark.parametrize("kind", GOOD)
async def test_a_usable_photo_comes_out_as_a_bare_rgb_jpeg(
    real: SubprocessPhotoInspector, kind: str
):
    cleaned = await real.cleaned(GOOD[kind]())

    image = opened(cleaned)
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert max(image.size) <= PHOTO_SIDE_PIXELS_MAX
    assert len(cleaned) <= UPLOAD_BYTES_MAX
    assert dict(image.getexif()) == {}
    assert "icc_profile" not in image.info


async def test_a_turned_photo_is_shown_upright_and_forgets_where_it_was_taken(
    real: SubprocessPhotoInspector,
):
    photo = turned()

    facts = await real.inspect(photo)
    cleaned = await real.cleaned(photo)

    assert (facts.width, facts.height) == (400, 600)
    assert opened(cleaned).size == (400, 600)
    assert b"Exif" not in cleaned


async def test_what_shines_through_stands_on_white(real: SubprocessPhotoInspector):
    cleaned = await real.cleaned(encoded(Image.new("RGBA", (200, 200), (255, 0, 0, 0)), "PNG"))

    assert opened(cleaned).getpixel((100, 100)) == (255, 255, 255)


async def test_the_bright_half_of_16_bits_is_not_cut_off(real: SubprocessPhotoInspector):
    cleaned = await real.cleaned(GOOD["16 bits"]())

    assert opened(cleaned).getpixel((100, 100)) == (156, 156, 156)


async def test_a_photo_that_takes_too_long_is_given_up():
    impatient = SubprocessPhotoInspector(wall_s_max=0.001)

    with pytest.raises(PhotoNotInspectedError) as caught:
        await impatient.inspect(encoded(picture(), "JPEG"))

    assert caught.value.fault is PhotoFault.DAMAGED


async def test_a_killed_inspection_says_nothing_of_the_photo(real: SubprocessPhotoInspector):
    """The machine was short of memory, say: the photo may be a good one."""
    inspecting = asyncio.create_task(real.cleaned(GOOD["49 megapixels"]()))
    async with asyncio.timeout(PATIENCE_S):
        while not (processes := _photo_processes()):  # noqa: ASYNC110 - nobody tells of its start
            await asyncio.sleep(0.005)
    for process_id in processes:
        os.kill(process_id, signal.SIGKILL)

    with pytest.raises(PhotoNotInspectedError):
        await inspecting


def _photo_processes() -> list[int]:
    """Find the processes that look at photos for this one."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"photo_process" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def test_a_process_that_says_more_than_it_may_is_ended():
    """Its output is read up to a limit, whatever a photo has made of it."""
    strict = SubprocessPhotoInspector(output_bytes_max=2000)
    photo = encoded(picture((1600, 1600)), "JPEG")

    assert (await strict.inspect(photo)).format == "JPEG"
    with pytest.raises(PhotoUnusableError) as caught:
        await strict.cleaned(photo)

    assert caught.value.fault is PhotoFault.DAMAGED
