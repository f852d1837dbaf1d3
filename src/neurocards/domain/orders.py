"""What a user orders: a template, a few options, one photo; and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

CAPTION_CHARACTERS_MAX = 1024
"""Telegram's own limit of a caption; a longer text is not taken as a description."""


class AspectRatio(StrEnum):
    PORTRAIT = "9:16"
    SQUARE = "1:1"
    LANDSCAPE = "16:9"


class ScriptLanguage(StrEnum):
    """The language that the video speaks; the language of the chat is another matter."""

    RUSSIAN = "ru"
    ENGLISH = "en"
    SPANISH = "es"
    GERMAN = "de"


DURATIONS_S = (5, 10, 15)
INTERFACE_LANGUAGES = ("ru", "en")


@dataclass(frozen=True, slots=True)
class OrderOptions:
    aspect_ratio: AspectRatio = AspectRatio.PORTRAIT
    duration_s: int = 10
    script_language: ScriptLanguage = ScriptLanguage.RUSSIAN

    def __post_init__(self) -> None:
        if self.duration_s not in DURATIONS_S:
            raise ValueError(f"a video lasts one of {DURATIONS_S} seconds, not {self.duration_s}")

    def with_choice(self, name: str, value: str) -> OrderOptions:
        """Apply one pressed button; ValueError for a name or value that no menu offers."""
        match name:
            case "aspect":
                return replace(self, aspect_ratio=AspectRatio(value))
            case "length":
                return replace(self, duration_s=int(value))
            case "language":
                return replace(self, script_language=ScriptLanguage(value))
            case _:
                raise ValueError(f"there is no option {name!r}")


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a worker needs to know of the wish; the photo is kept as Telegram's file id."""

    template_id: str
    photo_file_id: str
    options: OrderOptions
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A style of video. `prompt` is the direction for the script writer, per interface language."""

    id: str
    names: Mapping[str, str]
    prompts: Mapping[str, str]
    position: int = 0

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names["en"]

    def prompt(self, language: str) -> str:
        return self.prompts.get(language) or self.prompts["en"]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Credits by length of the video, in seconds."""

    credits_by_duration_s: Mapping[int, int] = field(
        default_factory=lambda: MappingProxyType({5: 1, 10: 1, 15: 2})
    )

    def __post_init__(self) -> None:
        missing = [s for s in DURATIONS_S if self.credits_by_duration_s.get(s, 0) < 1]
        if missing:
            raise ValueError(f"no price of at least 1 credit for {missing} seconds")

    def price_credits(self, options: OrderOptions) -> int:
        return self.credits_by_duration_s[options.duration_s]
