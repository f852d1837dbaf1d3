"""What the bot says from the photo to the accepted order, and when an order is cancelled.

Alerts and toasts are plain text of at most 200 characters, everything else is HTML.
"""

from __future__ import annotations

from html import escape

from neurocards.domain.orders import CAPTION_CHARACTERS_MAX, AspectRatio, ScriptLanguage
from neurocards.translations import Translations
from neurocards_bot.ordering import CancelOutcome
from neurocards_bot.texts import LANGUAGE_NAMES, credits_in_words

_DESCRIPTION_SHOWN_CHARACTERS = 200


class OrderTexts:
    """The sentences from the photo to the accepted order, and of its cancellation."""

    def __init__(self, translations: Translations, *, support_handle: str = "") -> None:
        self._say = translations
        self._support = support_handle

    def template_menu(self, language: str, *, caption: str) -> str:
        title = self._say.text(language, "<b>The photo is accepted.</b> Which style of video?")
        return f"{title}\n\n{self._description(language, caption)}"

    def options_menu(self, language: str, *, template: str, caption: str, balance: int) -> str:
        return self._say.text(
            language,
            "<b>Style:</b> {template}\n{description}\n\n"
            "Choose the format, the length and the language of the captions.\n"
            "On your account: {credits}.",
            template=escape(template),
            description=self._description(language, caption),
            credits=credits_in_words(self._say, language, balance),
        )

    def _description(self, language: str, caption: str) -> str:
        if not caption:
            return self._say.text(
                language,
                "Would you like to add what the product is and what is special about it? "
                "Just write it as a message.",
            )
        shown = caption[:_DESCRIPTION_SHOWN_CHARACTERS]
        dots = "…" if len(shown) < len(caption) else ""
        return self._say.text(
            language, "<b>Description:</b> {caption}", caption=escape(shown) + dots
        )

    def aspect_ratio(self, language: str, aspect_ratio: AspectRatio) -> str:
        match aspect_ratio:
            case AspectRatio.PORTRAIT:
                return self._say.text(language, "9:16 vertical")
            case AspectRatio.SQUARE:
                return self._say.text(language, "1:1 square")
            case AspectRatio.LANDSCAPE:
                return self._say.text(language, "16:9 wide")

    def seconds(self, language: str, duration_s: int) -> str:
        return self._say.text(language, "{seconds} s", seconds=duration_s)

    def script_language(self, script_language: ScriptLanguage) -> str:
        return LANGUAGE_NAMES[script_language]

    def create(self, language: str, price: int) -> str:
        return self._say.plural(
            language, "Create video · {count} credit", "Create video · {count} credits", price
        )

    def other_style(self, language: str) -> str:
        return self._say.text(language, "← Other style")

    def cancel(self, language: str) -> str:
        return self._say.text(language, "Cancel")

    def described(self, language: str) -> str:
        return self._say.text(
            language, "The description is saved. Go on in the menu above, or write a new one."
        )

    def description_too_long(self, language: str, characters: int) -> str:
        return self._say.text(
            language,
            "This description has {characters} characters, and {limit} are possible. "
            "Please send a shorter one.",
            characters=characters,
            limit=CAPTION_CHARACTERS_MAX,
        )

    def album(self, language: str) -> str:
        return self._say.text(
            language,
            "One video is made of one photo, so I took the first one of the album. "
            "Send the others one by one if each of them is to have its video.",
        )

    def accepted(self, language: str, balance: int) -> str:
        return self._say.text(
            language,
            "<b>The order is accepted.</b> The video waits for its turn.\n\n"
            "This message shows how it goes on, and the video will appear in its place. "
            "On your account: {credits}.",
            credits=credits_in_words(self._say, language, balance),
        )

    def accepted_toast(self, language: str) -> str:
        return self._say.text(language, "Accepted! The video is being made.")

    def already_accepted(self, language: str) -> str:
        return self._say.text(
            language, "This order is already accepted, and you have paid for it once only."
        )

    def no_credit(self, language: str, *, price: int, balance: int) -> str:
        """Give the alert of at most 200 characters."""
        text = self._say.text(
            language,
            "Not enough credits: the video costs {price}, you have {balance}. "
            "A shorter one may cost less; for more credits write to support. "
            "The order waits for you.",
            price=credits_in_words(self._say, language, price),
            balance=credits_in_words(self._say, language, balance),
        )
        return f"{text} {self._support}".strip()

    def old_menu(self, language: str) -> str:
        return self._say.text(
            language, "This menu is out of date. Send the photo again to get a new one."
        )

    def try_again(self, language: str) -> str:
        return self._say.text(language, "Try again")

    def photo_gone(self, language: str) -> str:
        """Give the alert of at most 200 characters."""
        return self._say.text(
            language,
            "Telegram does not give this photo out any more. Please send the photo again, "
            "and a new order begins with it.",
        )

    def discarded(self, language: str) -> str:
        return self._say.text(
            language,
            "The order is cancelled, no credits were taken. Send a photo to begin a new one.",
        )

    def cancelled(self, language: str, balance: int) -> str:
        return self._say.text(
            language,
            "<b>The order is cancelled</b>, and what it cost is back on your account: {credits}.",
            credits=credits_in_words(self._say, language, balance),
        )

    def overdue(self, language: str) -> str:
        return self._say.text(
            language,
            "<b>The video could not be made in time</b>, too many orders were waiting. What it "
            "cost is back on your account; please try again later.",
        )

    def not_cancelled(self, language: str, outcome: CancelOutcome) -> str:
        match outcome:
            case CancelOutcome.TOO_LATE:
                return self._say.text(
                    language,
                    "It is too late to cancel: the video is already rendering. "
                    "It will be here soon.",
                )
            case CancelOutcome.ALREADY_ENDED:
                return self._say.text(language, "This order has already ended.")
            case _:
                return self._say.text(language, "There is nothing to cancel: no order is open.")
