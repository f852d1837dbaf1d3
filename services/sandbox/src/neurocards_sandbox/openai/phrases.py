"""Stock phrases of the copywriter, per language. They claim nothing of the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    hooks: tuple[str, ...]
    """With `{product}`."""
    hooks_without_product: tuple[str, ...]
    titles: tuple[str, ...]
    title_without_product: str
    middles: tuple[str, ...]
    calls: tuple[str, ...]
    tones: Mapping[str, str]
    tags: tuple[str, ...]


PHRASES: Mapping[str, Phrases] = {
    "ru": Phrases(
        hooks=(
            "Знакомьтесь: {product}",
            "{product}. Посмотрите ближе",
            "Секунду внимания: {product}",
            "{product} — крупным планом",
        ),
        hooks_without_product=(
            "Посмотрите ближе",
            "Всё начинается с деталей",
            "Секунду внимания",
        ),
        titles=("{product}", "{product}: коротко о главном", "{product} крупным планом"),
        title_without_product="Товар крупным планом",
        middles=(
            "Рассмотрите каждую деталь",
            "Так это выглядит вживую",
            "Просто и по делу",
            "Форма, цвет, фактура",
            "Ничего лишнего в кадре",
            "Один взгляд — и всё понятно",
        ),
        calls=(
            "Закажите сегодня",
            "Добавьте в корзину",
            "Напишите нам, чтобы заказать",
            "Сохраните, чтобы не потерять",
        ),
        tones={
            "warm": "Тёплые тона и мягкий свет",
            "cool": "Прохладные тона и чистый свет",
            "fresh": "Свежие зелёные тона",
            "dark": "Глубокие тёмные тона",
            "light": "Много света и воздуха",
            "neutral": "Спокойные нейтральные тона",
        },
        tags=("новинка", "обзор", "покупки", "товар"),
    ),
    "en": Phrases(
        hooks=(
            "Meet {product}",
            "{product}, up close",
            "One second: {product}",
            "Take a closer look: {product}",
        ),
        hooks_without_product=("Take a closer look", "It starts with the details", "One second"),
        titles=("{product}", "{product}, up close", "{product} in a few seconds"),
        title_without_product="The product, up close",
        middles=(
            "Every detail in view",
            "This is how it looks",
            "Simple and to the point",
            "Shape, colour, texture",
            "Nothing but the product",
            "One look says it all",
        ),
        calls=("Order yours today", "Add it to your cart", "Message us to order", "Save this post"),
        tones={
            "warm": "Warm tones, soft light",
            "cool": "Cool tones, clear light",
            "fresh": "Fresh green tones",
            "dark": "Deep, dark tones",
            "light": "Plenty of light and air",
            "neutral": "Calm, neutral tones",
        },
        tags=("new", "review", "shopping", "product"),
    ),
    "es": Phrases(
        hooks=(
            "Te presentamos: {product}",
            "{product}, de cerca",
            "Un segundo: {product}",
            "Míralo de cerca: {product}",
        ),
        hooks_without_product=("Míralo de cerca", "Todo empieza en los detalles", "Un segundo"),
        titles=("{product}", "{product}, de cerca", "{product} en unos segundos"),
        title_without_product="El producto, de cerca",
        middles=(
            "Cada detalle a la vista",
            "Así se ve en realidad",
            "Sencillo y directo",
            "Forma, color, textura",
            "Solo el producto",
            "Una mirada lo dice todo",
        ),
        calls=("Pídelo hoy", "Añádelo al carrito", "Escríbenos para pedirlo", "Guárdalo"),
        tones={
            "warm": "Tonos cálidos, luz suave",
            "cool": "Tonos fríos, luz limpia",
            "fresh": "Tonos verdes y frescos",
            "dark": "Tonos oscuros y profundos",
            "light": "Mucha luz y aire",
            "neutral": "Tonos neutros y tranquilos",
        },
        tags=("novedad", "reseña", "compras", "producto"),
    ),
    "de": Phrases(
        hooks=(
            "Im Blick: {product}",
            "{product}, ganz nah",
            "Eine Sekunde: {product}",
            "Schauen Sie genauer hin: {product}",
        ),
        hooks_without_product=(
            "Schauen Sie genauer hin",
            "Es beginnt mit den Details",
            "Eine Sekunde",
        ),
        titles=("{product}", "{product}, ganz nah", "{product} in wenigen Sekunden"),
        title_without_product="Das Produkt, ganz nah",
        middles=(
            "Jedes Detail im Blick",
            "So sieht es aus",
            "Einfach und auf den Punkt",
            "Form, Farbe, Struktur",
            "Nur das Produkt",
            "Ein Blick sagt alles",
        ),
        calls=(
            "Jetzt bestellen",
            "Legen Sie es in den Warenkorb",
            "Schreiben Sie uns",
            "Beitrag merken",
        ),
        tones={
            "warm": "Warme Töne, weiches Licht",
            "cool": "Kühle Töne, klares Licht",
            "fresh": "Frische grüne Töne",
            "dark": "Tiefe, dunkle Töne",
            "light": "Viel Licht und Luft",
            "neutral": "Ruhige, neutrale Töne",
        },
        tags=("neu", "test", "einkaufen", "produkt"),
    ),
}

TONES_IN_ENGLISH: Mapping[str, str] = {
    "warm": "warm",
    "cool": "cool",
    "fresh": "fresh green",
    "dark": "deep, dark",
    "light": "bright, airy",
    "neutral": "calm, neutral",
}
CAMERAS = (
    "The camera pushes in slowly and stays level",
    "The camera drifts from left to right, then settles on the product",
    "The camera starts close on a detail and pulls back slowly",
    "The camera rises gently in front of the product",
)
