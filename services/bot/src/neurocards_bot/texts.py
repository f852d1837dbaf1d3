"""Everything the bot says, in the language of the reader, as HTML.

Invariant: whatever comes from outside (a description, the name of a template) is escaped here,
and nowhere else is HTML put together. Texts of toasts and alerts are plain, Telegram shows them
as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape

from neurocards.domain.orders import PriceList
from neurocards.translations import Translations

LANGUAGE_NAMES: Mapping[str, str] = {
    "ru": "Русский",
    "en": "English",
    "es": "Español",
    "de": "Deutsch",
}
"""Each in its own language, so that its speakers find it."""


def credits_in_words(say: Translations, language: str, count: int) -> str:
    return say.plural(language, "{count} credit", "{count} credits", count)


class Texts:
    """The sentences outside the ordering of a video: greeting, account, language, help."""

    def __init__(self, translations: Translations, *, support_handle: str = "") -> None:
        self._say = translations
        self._support = support_handle

    def greeting(self, language: str, balance: int, *, gift: bool) -> str:
        hello = self._say.text(
            language,
            "<b>Hello!</b> I turn a photo of your product into a short video with captions.\n\n"
            "1. Send one photo; what is special about the product can stand in its caption.\n"
            "2. Pick a style, the format and the length.\n"
            "3. Confirm: the video arrives here in a few minutes.",
        )
        on_account = self._say.text(
            language,
            "On your account: <b>{credits}</b>.",
            credits=credits_in_words(self._say, language, balance),
        )
        if not gift:
            return f"{hello}\n\n{on_account}"
        present = self._say.text(language, "It is a gift for the start.")
        return f"{hello}\n\n{on_account} {present}"

    def returned(self, language: str, count: int) -> str:
        return self._say.plural(
            language,
            "While you were away {count} video became ready. It is on its way to you.",
            "While you were away {count} videos became ready. They are on their way to you.",
            count,
        )

    def balance(self, language: str, balance: int, prices: PriceList) -> str:
        on_account = self._say.text(
            language,
            "On your account: <b>{credits}</b>.",
            credits=credits_in_words(self._say, language, balance),
        )
        lines = [
            self._say.text(
                language,
                "A video of {seconds} s costs {credits}.",
                seconds=seconds,
                credits=credits_in_words(self._say, language, price),
            )
            for seconds, price in sorted(prices.credits_by_duration_s.items())
        ]
        return "\n".join((on_account, "", *lines, *self._support_line(language)))

    def help(self, language: str) -> str:
        text = self._say.text(
            language,
            "Send me <b>one photo</b> of the product, and I make a short video of it.\n\n"
            "/balance: your credits and the prices\n"
            "/history: your videos\n"
            "/cancel: cancel the order\n"
            "/language: language of the bot\n"
            "/help: this message",
        )
        return "\n".join((text, *self._support_line(language)))

    def _support_line(self, language: str) -> tuple[str, ...]:
        if not self._support:
            return ()
        line = self._say.text(
            language, "Questions? Write to {support}.", support=escape(self._support)
        )
        return ("", line)

    def choose_language(self, language: str) -> str:
        return self._say.text(language, "In which language shall I write to you?")

    def language_chosen(self, language: str) -> str:
        return self._say.text(language, "From now on I write in English.")

    def apology(self, language: str, code: str) -> str:
        text = self._say.text(
            language,
            "Something went wrong on our side, and your last request was not carried out. Please "
            "repeat it. If it fails again, name the code <code>{code}</code> to support.",
            code=escape(code),
        )
        return "\n".join((text, *self._support_line(language)))

    def slow_down(self, language: str, wait_s: int) -> str:
        """Give the plain text of at most 200 characters: it may become an alert."""
        return self._say.plural(
            language,
            "Not so fast, please: I have left your last message or press out. "
            "Go on in {count} second.",
            "Not so fast, please: I have left your last message or press out. "
            "Go on in {count} seconds.",
            wait_s,
        )

    def unknown_command(self, language: str) -> str:
        return self._say.text(language, "I do not know this command. What I can do: /help")

    def no_videos(self, language: str) -> str:
        return self._say.text(
            language, "There are no finished videos yet. Send a photo, and the first one is made."
        )

    def no_older_videos(self, language: str) -> str:
        return self._say.text(language, "These were all your videos.")

    def older_videos(self, language: str) -> str:
        return self._say.text(language, "Older videos")

    def video_caption(self, template: str, made_at: datetime) -> str:
        return f"{escape(template)} · {made_at:%d.%m.%Y}"

    def video_unavailable(self, language: str, template: str) -> str:
        return self._say.text(
            language,
            "The video “{template}” can no longer be shown: Telegram has lost the file.",
            template=escape(template),
        )

    def commands(self, language: str) -> tuple[tuple[str, str], ...]:
        """Give (command, what it does) for the menu beside the input field."""
        return (
            ("start", self._say.text(language, "Start over")),
            ("balance", self._say.text(language, "Credits and prices")),
            ("history", self._say.text(language, "My videos")),
            ("cancel", self._say.text(language, "Cancel the order")),
            ("language", self._say.text(language, "Language of the bot")),
            ("help", self._say.text(language, "What I can do")),
        )
