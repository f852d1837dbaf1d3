"""A whole order through the bot's own menus: from the photo to the pressed Confirm button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurocards_sandbox.demo.errors import DemoError, UsageError
from neurocards_sandbox.demo.visitor import (
    Json,
    RefusedBySimulatorError,
    Visitor,
    button_data,
)

ASPECTS = ("9:16", "1:1", "16:9")
LENGTHS_S = (5, 10, 15)
LANGUAGES = ("ru", "en", "es", "de")
PHOTO_BYTES_MAX = 10 * 1024 * 1024
"""What a Telegram client sends as a photo; anything larger goes as a file."""
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

TEMPLATE_PAGES_MAX = 50
SEPARATOR = "|"
_TEMPLATE, _PAGE, _OPTION, _CONFIRM = "tc", "tp", "oc", "ok"


class RefusedByBotError(DemoError):
    """The bot did not take the order; the text is what it told the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is ordered; `template` None takes the first one of the menu."""

    photo: Path
    template: str | None = None
    aspect: str = "9:16"
    length_s: int = 10
    language: str = "ru"
    caption: str = ""

    def check(self) -> None:
        """UsageError for what no menu offers; the template is known only to the bot."""
        if not self.photo.is_file():
            raise UsageError(f"there is no file {self.photo}")
        for name, value, allowed in (
            ("--aspect", self.aspect, ASPECTS),
            ("--length", self.length_s, LENGTHS_S),
            ("--language", self.language, LANGUAGES),
        ):
            if value not in allowed:
                choices = ", ".join(str(one) for one in allowed)
                raise UsageError(f"{name} {value} is not offered; choose one of {choices}")


async def place_order(visitor: Visitor, wish: Wish) -> int:
    """Order a video; give the id of the message that will become it.

    RefusedByBotError carries the bot's words to the user; UsageError names the templates there are.
    """
    start = await visitor.write("/start")
    await visitor.until(lambda message: message["message_id"] > start, what="the greeting")
    menu = await _send_photo(visitor, wish)
    menu_id = int(menu["message_id"])
    await _choose_template(visitor, menu_id, wish.template)
    choices = {"aspect": wish.aspect, "length": str(wish.length_s), "language": wish.language}
    for name, value in choices.items():
        await _choose_option(visitor, menu_id, name, value)
    await _confirm(visitor, menu_id)
    return menu_id


async def _send_photo(visitor: Visitor, wish: Wish) -> Json:
    size = wish.photo.stat().st_size
    is_photo = wish.photo.suffix.lower() in PHOTO_SUFFIXES and 0 < size <= PHOTO_BYTES_MAX
    try:
        kind = "photo" if is_photo else "document"
        sent = await visitor.send_file(wish.photo, kind=kind, caption=wish.caption)
    except RefusedBySimulatorError:
        if not is_photo:
            raise
        # What a client cannot show as a photo it sends as a file, and the bot answers that.
        sent = await visitor.send_file(wish.photo, kind="document", caption=wish.caption)
    reply = await visitor.until(
        lambda message: message["message_id"] > sent and bool(message["text"]),
        what="an answer to the photo",
    )
    if not _carrying(reply, _TEMPLATE):
        raise RefusedByBotError(reply["text"])
    return reply


async def _choose_template(visitor: Visitor, menu_id: int, wanted: str | None) -> None:
    seen: list[str] = []
    for page in range(TEMPLATE_PAGES_MAX):
        menu = await _menu(visitor, menu_id, lambda message: bool(_carrying(message, _TEMPLATE)))
        offered = {data.split(SEPARATOR)[-1]: data for data in _carrying(menu, _TEMPLATE)}
        seen += offered
        chosen = wanted or next(iter(offered))
        if chosen in offered:
            await visitor.press(menu_id, offered[chosen])
            await _menu(visitor, menu_id, lambda message: bool(_carrying(message, _CONFIRM)))
            return
        following = f"{SEPARATOR}{page + 1}"
        further = [data for data in _carrying(menu, _PAGE) if data.endswith(following)]
        if not further:
            break
        await visitor.press_and_wait(menu_id, further[0])
    raise UsageError(f"there is no template {wanted}; choose one of {', '.join(seen)}")


async def _choose_option(visitor: Visitor, menu_id: int, name: str, value: str) -> None:
    menu = await _menu(visitor, menu_id, lambda message: bool(_carrying(message, _CONFIRM)))
    wanted = _option(menu, name, value)
    if wanted is None:
        raise UsageError(f"the bot offers no {name} {value}")
    if _is_chosen(wanted):
        return
    await visitor.press(menu_id, wanted["callback_data"])
    await _menu(visitor, menu_id, lambda message: _is_chosen(_option(message, name, value)))


async def _confirm(visitor: Visitor, menu_id: int) -> None:
    menu = await _menu(visitor, menu_id, lambda message: bool(_carrying(message, _CONFIRM)))
    answer = await visitor.press_and_wait(menu_id, _carrying(menu, _CONFIRM)[0])
    if answer.get("show_alert"):
        raise RefusedByBotError(answer["text"])


async def _menu(visitor: Visitor, menu_id: int, wanted: Callable[[Json], bool]) -> Json:
    return await visitor.until(
        lambda message: message["message_id"] == menu_id and wanted(message), what="the menu"
    )


def _carrying(message: Json, prefix: str) -> list[str]:
    return [data for data in button_data(message) if data.split(SEPARATOR)[0] == prefix]


def _option(message: Json, name: str, value: str) -> Json | None:
    for row in message["buttons"]:
        for key in row:
            prefix, _, *choice = key.get("callback_data", "").split(SEPARATOR, 3)
            if prefix == _OPTION and choice == [name, value]:
                found: Json = key
                return found
    return None


def _is_chosen(key: Json | None) -> bool:
    return key is not None and key["text"].startswith("✓")
