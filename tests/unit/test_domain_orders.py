"""What can be ordered, and what it costs."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from neurocards.domain.orders import (
    DURATIONS_S,
    AspectRatio,
    OrderOptions,
    PriceList,
    ScriptLanguage,
    Template,
)

TEMPLATE = Template(
    "clean", {"en": "Clean", "ru": "Чисто"}, {"en": "Push in.", "ru": "Наезд."}, position=1
)


def test_an_order_without_choices_is_a_portrait_of_ten_seconds_in_russian():
    assert OrderOptions() == OrderOptions(AspectRatio.PORTRAIT, 10, ScriptLanguage.RUSSIAN)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("aspect", "16:9", OrderOptions(aspect_ratio=AspectRatio.LANDSCAPE)),
        ("aspect", "1:1", OrderOptions(aspect_ratio=AspectRatio.SQUARE)),
        ("length", "15", OrderOptions(duration_s=15)),
        ("language", "de", OrderOptions(script_language=ScriptLanguage.GERMAN)),
    ],
)
def test_a_pressed_button_changes_one_option(name: str, value: str, expected: OrderOptions):
    assert OrderOptions().with_choice(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aspect", "4:3"),
        ("length", "7"),
        ("length", "ten"),
        ("language", "fr"),
        ("colour", "red"),
    ],
)
def test_a_button_that_no_menu_offers_is_refused(name: str, value: str):
    with pytest.raises(ValueError, match=r"."):
        OrderOptions().with_choice(name, value)


def test_a_template_speaks_the_language_of_the_chat_or_english():
    assert (TEMPLATE.name("ru"), TEMPLATE.prompt("ru")) == ("Чисто", "Наезд.")
    assert (TEMPLATE.name("de"), TEMPLATE.prompt("de")) == ("Clean", "Push in.")


def test_a_longer_video_costs_more():
    prices = PriceList()
    assert [prices.price_credits(OrderOptions(duration_s=s)) for s in DURATIONS_S] == [1, 1, 2]


@pytest.mark.parametrize("prices", [{5: 1, 10: 1}, {5: 1, 10: 0, 15: 2}, {}])
def test_a_price_list_has_a_price_for_every_length(prices: dict[int, int]):
    with pytest.raises(ValueError, match="no price"):
        PriceList(MappingProxyType(prices))
