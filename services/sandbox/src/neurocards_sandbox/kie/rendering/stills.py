"""Draws the still layers of a video: background, product, captions and the mark.

Nothing moves here. Invariant: a photo is decoded only after its header showed an acceptable
number of pixels, and its alpha and orientation are respected.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps, ImageStat

from neurocards_sandbox.kie.rendering.layout import Area, Layout, arrange
from neurocards_sandbox.kie.rendering.typography import (
    TextBox,
    printable,
    text_picture,
    typeface,
)

PIXELS_MAX = 50_000_000
WORKING_SIDE_MAX = 1_600
MARK = "DEMO"
SCRIM_OPACITY = 185
Colour = tuple[int, int, int]
NEUTRAL: Colour = (92, 104, 124)


class UnusablePhotoError(ValueError):
    """The bytes are no picture, a broken one, or one of too many pixels."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture with alpha and its upper left corner in the frame."""

    picture: Image.Image
    x: int
    y: int


def open_photo(content: bytes) -> Image.Image:
    """Decode to an upright RGBA picture of a workable size; UnusablePhotoError otherwise."""
    try:
        with Image.open(io.BytesIO(content)) as photo:
            if photo.width * photo.height > PIXELS_MAX:
                raise UnusablePhotoError(f"the picture has more than {PIXELS_MAX} pixels")
            photo.draft("RGB", (WORKING_SIDE_MAX, WORKING_SIDE_MAX))
            upright = ImageOps.exif_transpose(photo).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnusablePhotoError(str(error)) from error
    upright.thumbnail((WORKING_SIDE_MAX, WORKING_SIDE_MAX), Image.Resampling.LANCZOS)
    return upright


def layout_of(photo: Image.Image | None, frame: tuple[int, int]) -> Layout:
    return arrange(frame, photo.size if photo else frame)


def background(photo: Image.Image | None, layout: Layout) -> Image.Image:
    """Draw what stands behind: the photo itself, its blurred self, or a gradient of its colour."""
    size = (layout.width, layout.height)
    if photo is None or _is_transparent(photo):
        return _gradient(size, average_colour(photo) if photo else NEUTRAL)
    filled = ImageOps.fit(photo.convert("RGB"), size, Image.Resampling.LANCZOS)
    if layout.arrangement == "full":
        return filled
    small = filled.resize((max(8, size[0] // 12), max(8, size[1] // 12)), Image.Resampling.BOX)
    soft = small.filter(ImageFilter.GaussianBlur(max(small.size) / 16))
    soft = ImageEnhance.Color(soft).enhance(1.25).resize(size, Image.Resampling.BICUBIC)
    # A light photo would leave white captions unreadable, so it is toned down further.
    brightness = 0.62 if _luminance(average_colour(photo)) < 150 else 0.5
    return _vignette(ImageEnhance.Brightness(soft).enhance(brightness))


def product(photo: Image.Image | None, layout: Layout) -> Image.Image | None:
    """Draw the product layer of the frame's size, or None when the background is the product."""
    if photo is None:
        return None
    if _is_transparent(photo):
        return _cut_out(photo, layout)
    return None if layout.arrangement == "full" else _card(photo, layout)


def scrim(layout: Layout) -> Placed | None:
    """Darken the lower part of a photo that fills the frame, so that captions can be read."""
    if layout.arrangement != "full":
        return None
    top = max(0, layout.captions.y - layout.height // 10)
    size = (layout.width, layout.height - top)
    alpha = Image.linear_gradient("L").point(_eased).resize(size)
    shade = Image.new("RGBA", size, (0, 0, 0, 0))
    shade.putalpha(alpha)
    return Placed(shade, 0, top)


def caption(text: str, layout: Layout, accent: Colour) -> Placed | None:
    """Draw one caption; None when nothing of it can be drawn."""
    shown = printable(text)
    if not shown:
        return None
    area = layout.captions
    beside = layout.arrangement == "beside"
    rule = max(3, layout.text_size // 8)
    gap = round(layout.text_size * 0.6) if beside else 0
    box = TextBox(
        area.width, area.height - gap - rule, layout.text_size, "left" if beside else "center"
    )
    shadow = max(2, layout.text_size // 7)
    picture = text_picture(shown, box, shadow)
    border = shadow * 2
    if beside:
        line = Area(border, border, layout.text_size * 2, rule)
        picture = _with_rule(picture, line, gap, accent)
    free = area.height - (picture.height - 2 * border)
    return Placed(picture, area.x - border, area.y + _drop(layout, free) - border)


def mark(layout: Layout) -> Placed:
    """Say honestly that this is no product of a video model."""
    size = max(11, min(layout.width, layout.height) // 42)
    font = typeface(size)
    padding = round(size * 0.65)
    width = round(font.getlength(MARK)) + 2 * padding
    height = round(size * 1.9)
    pill = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(pill)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), height // 2, fill=(0, 0, 0, 118))
    pen.text((width / 2, height / 2), MARK, font=font, fill=(255, 255, 255, 225), anchor="mm")
    edge = round(min(layout.width, layout.height) * 0.035)
    return Placed(pill, layout.width - width - edge, edge)


def average_colour(photo: Image.Image) -> Colour:
    """Average what can be seen of the photo."""
    seen = photo.resize((24, 24), Image.Resampling.BOX)
    mask = seen.getchannel("A").point(lambda v: 255 if v > 32 else 0)
    if mask.getbbox() is None:
        return NEUTRAL
    red, green, blue = (round(part) for part in ImageStat.Stat(seen.convert("RGB"), mask).mean)
    return red, green, blue


def accent_colour(photo: Image.Image | None) -> Colour:
    """Give the photo's colour, light enough to be seen on the dark background."""
    red, green, blue = average_colour(photo) if photo else NEUTRAL
    lift = max(0, 190 - max(red, green, blue))
    return min(255, red + lift), min(255, green + lift), min(255, blue + lift)


def _eased(value: int) -> int:
    share = value / 255
    return round(SCRIM_OPACITY * share * share * (3 - 2 * share))


def _drop(layout: Layout, free: int) -> int:
    """Captions stand at the foot of a full frame, else in the middle of their area."""
    return max(0, free if layout.arrangement == "full" else free // 2)


def _with_rule(picture: Image.Image, line: Area, gap: int, accent: Colour) -> Image.Image:
    above = line.height + gap
    taller = Image.new("RGBA", (picture.width, picture.height + above), (0, 0, 0, 0))
    taller.paste(picture, (0, above))
    corners = (line.x, line.y, line.x + line.width, line.y + line.height)
    ImageDraw.Draw(taller).rounded_rectangle(corners, line.height // 2, fill=(*accent, 255))
    return taller


def _is_transparent(photo: Image.Image) -> bool:
    lowest, _ = photo.getchannel("A").getextrema()
    return isinstance(lowest, int | float) and lowest < 250


def _luminance(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _gradient(size: tuple[int, int], colour: Colour) -> Image.Image:
    top = Image.new("RGB", size, _scaled(colour, 0.85))
    bottom = Image.new("RGB", size, _scaled(colour, 0.28))
    return _vignette(Image.composite(bottom, top, Image.linear_gradient("L").resize(size)))


def _scaled(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(200, int(part * factor)) for part in colour)
    return red, green, blue


def _vignette(picture: Image.Image) -> Image.Image:
    edge = Image.radial_gradient("L").resize(picture.size).point(lambda v: max(0, v - 90) * 2 // 3)
    return Image.composite(Image.new("RGB", picture.size, (0, 0, 0)), picture, edge)


def _card(photo: Image.Image, layout: Layout) -> Image.Image:
    area = layout.card
    corner = max(4, min(area.width, area.height, layout.width) // 28)
    mask = Image.new("L", (layout.width, layout.height), 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (area.x, area.y, area.x + area.width - 1, area.y + area.height - 1), corner, fill=255
    )
    picture = photo.convert("RGB").resize((area.width, area.height), Image.Resampling.LANCZOS)
    return _over_shadow(picture, area, mask, layout)


def _cut_out(photo: Image.Image, layout: Layout) -> Image.Image:
    area = layout.card
    if layout.arrangement == "full":
        area = Area(
            round(layout.width * 0.08),
            round(layout.height * 0.06),
            round(layout.width * 0.84),
            round(layout.height * 0.66),
        )
    fitted = ImageOps.contain(photo, (area.width, area.height), Image.Resampling.LANCZOS)
    area = Area(
        area.x + (area.width - fitted.width) // 2,
        area.y + (area.height - fitted.height) // 2,
        *fitted.size,
    )
    mask = Image.new("L", (layout.width, layout.height), 0)
    mask.paste(fitted.getchannel("A"), (area.x, area.y))
    plain = Image.new("RGB", fitted.size, average_colour(photo))
    picture = Image.composite(fitted.convert("RGB"), plain, fitted.getchannel("A"))
    return _over_shadow(picture, area, mask, layout)


def _over_shadow(
    picture: Image.Image, area: Area, mask: Image.Image, layout: Layout
) -> Image.Image:
    spread = max(4, min(layout.width, layout.height) // 36)
    shadow = ImageChops.offset(mask, 0, spread // 2).filter(ImageFilter.GaussianBlur(spread))
    shadow = shadow.point(lambda v: v * 55 // 100)
    colours = Image.new("RGB", (layout.width, layout.height), (0, 0, 0))
    # The picture a little larger below itself: moved by parts of a pixel, its edge then mixes
    # with its own colours and not with the shadow's black.
    larger = colours.copy()
    larger.paste(picture.resize((picture.width + 4, picture.height + 4)), (area.x - 2, area.y - 2))
    larger.paste(picture, (area.x, area.y))
    colours.paste(larger, mask=mask.filter(ImageFilter.MaxFilter(3)))
    colours.putalpha(ImageChops.lighter(mask, shadow))
    return colours
