"""Which language to speak with somebody whose choice is not known yet."""

from __future__ import annotations

from aiogram.types import User as TelegramUser

from neurocards.domain.orders import INTERFACE_LANGUAGES

DEFAULT_LANGUAGE = "ru"


def language_of(sender: TelegramUser) -> str:
    """Take the language of the sender's Telegram where we speak it."""
    code = (sender.language_code or DEFAULT_LANGUAGE).partition("-")[0].lower()
    return code if code in INTERFACE_LANGUAGES else DEFAULT_LANGUAGE
