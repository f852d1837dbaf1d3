"""Menus and texts: they fit into Telegram's limits, in every language, and hold no stray markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from aiogram.types import InlineKeyboardMarkup

from neurocards.domain.orders import (
    CAPTION_CHARACTERS_MAX,
    INTERFACE_LANGUAGES,
    OrderOptions,
    PriceList,
    Template,
)
from neurocards.domain.photos import PhotoFault
from neurocards.ports.orders import Draft
from neurocards.translations import Translations
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import CancelOutcome, draft_id
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.screens import (
    TEMPLATES_PER_PAGE,
    Screen,
    accepted_screen,
    options_screen,
    template_screen,
)
from neurocards_bot.texts import Texts

TRANSLATIONS = Translations.load("neurocards_bot", "neurocards_bot")
TEXTS = Texts(TRANSLATIONS, support_handle="@support")
ORDER_TEXTS = OrderTexts(TRANSLATIONS, support_handle="@support_of_a_long_name_32_chars")
PHOTO_TEXTS = PhotoTexts(TRANSLATIONS)
ALERT_CHARACTERS_MAX = 200
MESSAGE_CHARACTERS_MAX = 4096
BUTTON_BYTES_MAX = 64
ID = UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")
DRAFT = Draft(ID, 1, 2, 2, "photo", "", None, OrderOptions(), 1, "ru")


def templates(count: int) -> list[Template]:
    return [
        Template(f"template_with_a_long_name_{number:02}", {"en": f"Style {number}"}, {"en": "x"})
        for number in range(count)
    ]


def buttons(keyboard: InlineKeyboardMarkup | None) -> dict[str, str]:
    rows = keyboard.inline_keyboard if keyboard else []
    return {button.text: button.callback_data or "" for row in rows for button in row}


def screens(language: str) -> Iterator[Screen]:
    worst = replace(DRAFT, caption="<&" * (CAPTION_CHARACTERS_MAX // 2))
    yield template_screen(worst, templates(30), ORDER_TEXTS, language, page=1)
    yield options_screen(worst, templates(1)[0], ORDER_TEXTS, language, balance=10**9)
    yield accepted_screen(ORDER_TEXTS, language, job_id=ID, balance=10**9)


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_every_button_fits_into_64_bytes(language: str):
    for screen in screens(language):
        for data in buttons(screen.keyboard).values():
            assert len(data.encode()) <= BUTTON_BYTES_MAX


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_every_screen_fits_into_one_message(language: str):
    for screen in screens(language):
        assert len(screen.html) <= MESSAGE_CHARACTERS_MAX
        assert "<&" not in screen.html


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_alerts_fit_and_have_no_markup(language: str):
    alerts = [
        ORDER_TEXTS.accepted_toast(language),
        ORDER_TEXTS.already_accepted(language),
        ORDER_TEXTS.old_menu(language),
        *(ORDER_TEXTS.not_cancelled(language, outcome) for outcome in CancelOutcome),
    ]
    for alert in alerts:
        assert len(alert) <= ALERT_CHARACTERS_MAX
        assert "<" not in alert


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
@pytest.mark.parametrize("price", [1, 2, 5])
def test_the_refusal_without_credits_fits_into_an_alert(language: str, price: int):
    told = ORDER_TEXTS.no_credit(language, price=price, balance=0)
    assert len(told) <= ALERT_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 кредитов"), (1, "1 кредит."), (2, "2 кредита"), (5, "5 кредитов"), (21, "21 кредит.")],
)
def test_credits_are_counted_as_russian_does(count: int, words: str):
    told = re.sub("<[^>]+>", "", TEXTS.balance("ru", count, PriceList()))
    assert words in told


def test_every_text_has_a_russian_translation():
    russian = [
        TEXTS.greeting("ru", 1, gift=True),
        TEXTS.help("ru"),
        TEXTS.apology("ru", "c0de"),
        TEXTS.choose_language("ru"),
        TEXTS.unknown_command("ru"),
        TEXTS.no_videos("ru"),
        TEXTS.no_older_videos("ru"),
        TEXTS.video_unavailable("ru", "имя"),
        ORDER_TEXTS.description_too_long("ru", 2000),
        ORDER_TEXTS.album("ru"),
        ORDER_TEXTS.discarded("ru"),
        ORDER_TEXTS.cancelled("ru", 1),
        *(PHOTO_TEXTS.fault("ru", fault) for fault in PhotoFault),
        *(description for _, description in TEXTS.commands("ru")),
    ]
    foreign_words = re.compile(r"\b(the|is|you|photo|video|order|send)\b", re.IGNORECASE)
    for text in russian:
        assert re.search("[а-я]", text)
        assert not foreign_words.search(text), text


def test_the_last_page_is_the_nearest_one_to_a_page_that_is_gone():
    shown = template_screen(DRAFT, templates(TEMPLATES_PER_PAGE + 1), ORDER_TEXTS, "en", page=99)
    labels = list(buttons(shown.keyboard))
    assert f"Style {TEMPLATES_PER_PAGE}" in labels
    assert "2 / 2" in labels
    assert "›" not in labels


def test_one_page_of_templates_has_no_pager():
    shown = template_screen(DRAFT, templates(TEMPLATES_PER_PAGE), ORDER_TEXTS, "en")
    assert not any("/" in label for label in buttons(shown.keyboard))


def test_templates_stand_in_two_columns():
    shown = template_screen(DRAFT, templates(4), ORDER_TEXTS, "en")
    assert shown.keyboard is not None
    assert [len(row) for row in shown.keyboard.inline_keyboard] == [2, 2, 1]


def test_the_draft_of_an_update_is_always_the_same():
    assert draft_id(1, 2) == draft_id(1, 2)
    assert len({draft_id(bot, update) for bot in (1, 12) for update in (2, 22, 222)}) == 6
