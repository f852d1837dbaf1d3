"""The process that decodes one foreign photo, started with `python -I -m` and a PhotoTask.

It reads the photo from its standard input, writes one line of JSON and, when asked for, the
cleaned JPEG to its standard output, and ends. It is expected to be attacked: memory, processor
time and files are limited before the first foreign byte is decoded, and it holds no secret.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

from PIL import (
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from neurocards.adapters.media.magic import format_of
from neurocards.adapters.media.photo_task import PhotoTask
from neurocards.domain.photos import (
    FORMATS,
    PHOTO_PIXELS_MAX,
    PHOTO_SIDE_PIXELS_MAX,
    PHOTO_SIDE_PIXELS_MIN,
    UPLOAD_BYTES_MAX,
    PhotoFault,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_BYTES_MAX = 1024 * 1024 * 1024
PROCESSOR_S_MAX = 10
OPEN_FILES_MAX = 3
QUALITIES = (92, 85, 75, 60)

# Loaded now, since no file can be opened once the limits stand: EXIF is read by the TIFF plugin,
# and a JPEG of a phone may turn out to be an MPO.
_PLUGINS = (
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_OPENED = ("GIF", *FORMATS)
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_DEEP_TO_SHALLOW = 1 / 256


class UnusableError(Exception):
    def __init__(self, fault: PhotoFault) -> None:
        super().__init__(fault)
        self.fault = fault


def limit_this_process() -> None:
    """Take away what decoding needs not: memory, time, files, core dumps."""
    Image.preinit()
    ImageCms.createProfile("sRGB")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S_MAX, PROCESSOR_S_MAX + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def opened(photo: bytes) -> Image.Image:
    """Read the header and refuse what would be wrong or dear to decode."""
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(io.BytesIO(photo), formats=_OPENED)
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError):
        raise UnusableError(PhotoFault.DAMAGED) from None
    if image.width * image.height > PHOTO_PIXELS_MAX:
        raise UnusableError(PhotoFault.TOO_MANY_PIXELS)
    if format_of(photo) != "JPEG" and _is_animated(image):
        raise UnusableError(PhotoFault.ANIMATED)
    if format_of(photo) not in FORMATS:
        raise UnusableError(PhotoFault.UNSUPPORTED_FORMAT)
    if min(image.size) < PHOTO_SIDE_PIXELS_MIN:
        raise UnusableError(PhotoFault.TOO_SMALL)
    return image


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except (OSError, SyntaxError, ValueError, EOFError):
        raise UnusableError(PhotoFault.DAMAGED) from None


def decoded(image: Image.Image, side_pixels: int) -> Image.Image:
    """Decode all of it, upright; a JPEG may come out smaller, but not below `side_pixels`."""
    try:
        image.draft(None, (side_pixels, side_pixels))
        image.load()
        return ImageOps.exif_transpose(image)
    except MemoryError:
        raise UnusableError(PhotoFault.TOO_MANY_PIXELS) from None
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, IndexError):
        raise UnusableError(PhotoFault.DAMAGED) from None


def facts(photo: bytes) -> dict[str, Any]:
    """Tell width and height as the photo will be shown."""
    image = opened(photo)
    width, height = image.size
    upright = decoded(image, PHOTO_SIDE_PIXELS_MIN)
    if (upright.width > upright.height) != (width > height):
        width, height = height, width
    return {"width": width, "height": height, "format": format_of(photo)}


def cleaned(photo: bytes) -> bytes:
    """Give an upright RGB JPEG without metadata, no side longer than allowed."""
    image = decoded(opened(photo), PHOTO_SIDE_PIXELS_MAX)
    image.thumbnail((PHOTO_SIDE_PIXELS_MAX, PHOTO_SIDE_PIXELS_MAX), Image.Resampling.LANCZOS)
    flat = _as_rgb(image)
    for encoded in _encodings(flat):
        if len(encoded) <= UPLOAD_BYTES_MAX:
            return encoded
    raise UnusableError(PhotoFault.TOO_MANY_BYTES)


def _encodings(image: Image.Image) -> Iterator[bytes]:
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    for quality in QUALITIES:
        target = io.BytesIO()
        bare.save(target, "JPEG", quality=quality, optimize=False, progressive=False)
        yield target.getvalue()


def _as_rgb(image: Image.Image) -> Image.Image:
    """Bring the colours of the product to sRGB; what shines through stands on white."""
    profile = image.info.get("icc_profile")
    if image.mode in _DEEP_MODES:
        image = _shallow(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        ground = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(ground, coloured).convert("RGB")
    if profile and image.mode in {"RGB", "CMYK"}:
        image = _in_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _shallow(image: Image.Image) -> Image.Image:
    """Bring 16 bits a pixel down to 8; a plain conversion would cut the bright ones off."""
    return image.convert("I").point(lambda value: value * _DEEP_TO_SHALLOW).convert("L")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return converted if converted is not None else image


def main() -> int:
    task = PhotoTask(sys.argv[1])
    limit_this_process()
    photo = sys.stdin.buffer.read()
    result = b""
    try:
        if task is PhotoTask.CLEAN:
            result = cleaned(photo)
            reply: dict[str, Any] = {}
        else:
            reply = facts(photo)
    except UnusableError as unusable:
        reply = {"fault": unusable.fault.value}
    except MemoryError:
        reply = {"fault": PhotoFault.TOO_MANY_PIXELS.value}
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n" + result)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
