"""Each kind of file that people send, to the bot with the real inspector: taken or explained."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from neurocards.adapters.media.photos import SubprocessPhotoInspector
from support.bot_desk import Desk, photo


@pytest.fixture
def desk() -> Desk:
    return Desk(inspector=SubprocessPhotoInspector())


def saved(image: Image.Image, **saving: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, **saving)
    return output.getvalue()


def gradient(size: tuple[int, int] = (800, 600), mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def jpeg() -> bytes:
    return saved(gradient(), format="JPEG")


def rotated_by_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(gradient(), format="JPEG", exif=exif)


def transparent_png() -> bytes:
    return saved(gradient(mode="RGBA"), format="PNG")


def cmyk_jpeg() -> bytes:
    return saved(gradient(mode="CMYK"), format="JPEG")


def webp() -> bytes:
    return saved(gradient(), format="WEBP")


def text_file() -> bytes:
    return b"This is not an image.\n" * 50


def truncated_jpeg() -> bytes:
    whole = saved(Image.effect_noise((800, 600), 80), format="JPEG")
    return whole[: len(whole) // 2]


def nothing() -> bytes:
    return b""


def pixel_bomb() -> bytes:
    """60 megapixels in a few kilobytes."""
    return saved(Image.new("1", (10_000, 6_000)), format="PNG")


def heic() -> bytes:
    return b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + os.urandom(500)


def animated_gif() -> bytes:
    frames = [gradient().rotate(angle) for angle in (90, 180)]
    return saved(gradient(), format="GIF", save_all=True, append_images=frames)


def tiny() -> bytes:
    return saved(gradient((20, 20)), format="PNG")


@pytest.mark.parametrize("make", [jpeg, rotated_by_exif, transparent_png, cmyk_jpeg, webp])
async def test_a_usable_picture_begins_an_order(desk: Desk, make: Callable[[], bytes]):
    desk.telegram.files["photo"] = make()
    (menu,) = await desk.message(**photo())
    assert "Фото принято" in menu


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (text_file, "не картинка"),
        (truncated_jpeg, "повреждена или дошла не целиком"),
        (nothing, "пришло 0 байт"),
        (pixel_bomb, "больше 50 мегапикселей"),
        (heic, "HEIC"),
        (animated_gif, "анимация"),
        (tiny, "слишком маленькая"),
    ],
)
async def test_an_unusable_picture_is_explained(desk: Desk, make: Callable[[], bytes], words: str):
    desk.telegram.files["photo"] = make()
    document = {"file_id": "photo", "file_unique_id": "u", "mime_type": "image/jpeg"}
    (told,) = await desk.message(document=document)
    assert words in told
    assert desk.world.database.drafts == {}
