"""The menus of an order: a text with the keyboard under it, as values.

A screen is drawn from a draft and knows nothing of Telegram's connection; `show` puts it into the
one message that carries the order from the first menu to the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from neurocards.domain.orders import DURATIONS_S, AspectRatio, ScriptLanguage, Template
from neurocards.ports.orders import Draft
from neurocards_bot.callback_data import (
    CancelJob,
    Confirm,
    Discard,
    HistoryPage,
    LanguageChoice,
    OptionChoice,
    OrderAgain,
    TemplateChoice,
    TemplatePage,
)
from neurocards_bot.order_texts import OrderTexts

TEMPLATES_PER_PAGE = 8
_TEMPLATE_COLUMNS = 2
_LANGUAGE_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Screen:
    html: str
    keyboard: InlineKeyboardMarkup | None = None


def template_screen(
    draft: Draft, templates: Sequence[Template], texts: OrderTexts, language: str, *, page: int = 0
) -> Screen:
    """Draw one page of the templates; a page that does not exist becomes the nearest one."""
    pages = max(1, -(-len(templates) // TEMPLATES_PER_PAGE))
    page = min(max(page, 0), pages - 1)
    shown = templates[page * TEMPLATES_PER_PAGE :][:TEMPLATES_PER_PAGE]
    buttons = [
        _button(template.name(language), TemplateChoice(draft=draft.id, template=template.id))
        for template in shown
    ]
    rows = _in_columns(buttons, _TEMPLATE_COLUMNS)
    if pages > 1:
        rows.append(_pager(draft.id, page, pages))
    rows.append([_button(texts.cancel(language), Discard(draft=draft.id))])
    return Screen(texts.template_menu(language, caption=draft.caption), _keyboard(rows))


def _pager(draft_id: UUID, page: int, pages: int) -> list[InlineKeyboardButton]:
    arrows = {"‹": page - 1, f"{page + 1} / {pages}": page, "›": page + 1}
    return [
        _button(label, TemplatePage(draft=draft_id, page=target))
        for label, target in arrows.items()
        if 0 <= target < pages
    ]


def options_screen(
    draft: Draft, template: Template, texts: OrderTexts, language: str, *, balance: int
) -> Screen:
    """Draw the options with the present choice marked, and the price on the button."""
    aspects, lengths, languages = _choices(draft, texts, language)
    rows = [
        aspects,
        lengths,
        *_in_columns(languages, _LANGUAGE_COLUMNS),
        [_button(texts.create(language, draft.price_credits), Confirm(draft=draft.id))],
        [
            _button(texts.other_style(language), TemplatePage(draft=draft.id, page=0)),
            _button(texts.cancel(language), Discard(draft=draft.id)),
        ],
    ]
    html = texts.options_menu(
        language, template=template.name(language), caption=draft.caption, balance=balance
    )
    return Screen(html, _keyboard(rows))


def _choices(
    draft: Draft, texts: OrderTexts, language: str
) -> tuple[list[InlineKeyboardButton], list[InlineKeyboardButton], list[InlineKeyboardButton]]:
    """Give the buttons for format, length and language, the chosen ones with a tick."""
    chosen = draft.options

    def option(name: str, value: str, label: str, *, is_chosen: bool) -> InlineKeyboardButton:
        shown = f"✓ {label}" if is_chosen else label
        return _button(shown, OptionChoice(draft=draft.id, name=name, value=value))

    aspects = [
        option(
            "aspect",
            aspect,
            texts.aspect_ratio(language, aspect),
            is_chosen=aspect is chosen.aspect_ratio,
        )
        for aspect in AspectRatio
    ]
    lengths = [
        option(
            "length", str(each), texts.seconds(language, each), is_chosen=each == chosen.duration_s
        )
        for each in DURATIONS_S
    ]
    languages = [
        option(
            "language", each, texts.script_language(each), is_chosen=each is chosen.script_language
        )
        for each in ScriptLanguage
    ]
    return aspects, lengths, languages


def accepted_screen(texts: OrderTexts, language: str, *, job_id: UUID, balance: int) -> Screen:
    rows = [[_button(texts.cancel(language), CancelJob(job=job_id))]]
    return Screen(texts.accepted(language, balance), _keyboard(rows))


def overdue_screen(texts: OrderTexts, language: str, *, job_id: UUID) -> Screen:
    rows = [[_button(texts.try_again(language), OrderAgain(job=job_id))]]
    return Screen(texts.overdue(language), _keyboard(rows))


def language_keyboard(names: Sequence[tuple[str, str]]) -> InlineKeyboardMarkup:
    """Draw a button for each (code, name)."""
    return _keyboard([[_button(name, LanguageChoice(language=code)) for code, name in names]])


def older_keyboard(label: str, before: UUID) -> InlineKeyboardMarkup:
    return _keyboard([[_button(label, HistoryPage(before=before))]])


def _button(text: str, data: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=text, callback_data=data.pack())


def _in_columns(
    buttons: Sequence[InlineKeyboardButton], columns: int
) -> list[list[InlineKeyboardButton]]:
    return [list(buttons[start : start + columns]) for start in range(0, len(buttons), columns)]


def _keyboard(rows: list[list[InlineKeyboardButton]]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=rows)
