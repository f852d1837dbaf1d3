"""Photos of products that do not exist, for orders that nobody stands behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 900, 1200
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Product:
    """What it is called in each language of the page, and its colours: ground, body, label."""

    names: dict[str, str]
    ground: Colour
    body: Colour
    label: Colour

    def name(self, language: str) -> str:
        return self.names.get(language, self.names["en"])


PRODUCTS: Sequence[Product] = (
    Product(
        {"en": "Hand cream, 75 ml, aloe", "ru": "Крем для рук, 75 мл, алоэ"},
        (226, 232, 220),
        (44, 140, 122),
        (248, 243, 228),
    ),
    Product(
        {"en": "Cold brew coffee, 330 ml", "ru": "Холодный кофе, 330 мл"},
        (236, 222, 205),
        (86, 54, 38),
        (240, 190, 96),
    ),
    Product(
        {"en": "Candle, lavender, 40 hours", "ru": "Свеча, лаванда, 40 часов"},
        (228, 224, 238),
        (120, 98, 168),
        (250, 246, 252),
    ),
)


def draw(product: Product, path: Path) -> Path:
    """Draw a jar with a label on a table and save it as a JPEG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), product.ground)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 930, WIDTH, HEIGHT), fill=_mixed(product.ground, (60, 50, 45), 0.25))
    shadow = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(shadow).ellipse((240, 950, 720, 1040), fill=120)
    image.paste((30, 26, 24), mask=shadow.filter(ImageFilter.GaussianBlur(28)))
    pen.rounded_rectangle((290, 330, 610, 1000), 44, fill=product.body)
    pen.rounded_rectangle((340, 230, 560, 350), 18, fill=_mixed(product.body, (0, 0, 0), 0.35))
    pen.rounded_rectangle((312, 360, 346, 970), 17, fill=_mixed(product.body, (255, 255, 255), 0.3))
    pen.rounded_rectangle((330, 520, 570, 860), 20, fill=product.label)
    for top, width in ((580, 160), (640, 190), (690, 120)):
        left = (WIDTH - width) // 2
        pen.rectangle((left, top, left + width, top + 16), fill=product.body)
    pen.ellipse((405, 750, 495, 840), outline=product.body, width=10)
    image.save(path, quality=90)
    return path


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (
        round(one * (1 - share) + two * share) for one, two in zip(colour, other, strict=True)
    )
    return red, green, blue
