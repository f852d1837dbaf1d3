"""Writes the advertising text: every line from the brief's facts or from a stock of phrases.

Invariant: the same brief, picture and seed give the same text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from neurocards_sandbox.openai.briefs import Brief
from neurocards_sandbox.openai.images import PictureFacts
from neurocards_sandbox.openai.phrases import CAMERAS, PHRASES, TONES_IN_ENGLISH

STYLE_CHARACTERS_MAX = 600
JOINED_CHARACTERS_MAX = 32


class Copywriter:
    def __init__(self, brief: Brief, picture: PictureFacts | None, seed: int) -> None:
        self.brief = brief
        self._phrases = PHRASES[brief.language]
        self._tone = picture.tone if picture else None
        digest = picture.digest if picture else ""
        self._seed = f"{seed}|{brief.product}|{brief.facts}|{brief.style}|{digest}"

    def title(self) -> str:
        if not self.brief.product:
            return self._phrases.title_without_product
        title = self.pick(self._phrases.titles, "title").format(product=self.brief.product)
        return title[:1].upper() + title[1:]

    def hook(self) -> str:
        if not self.brief.product:
            return self.pick(self._phrases.hooks_without_product, "hook")
        return self.pick(self._phrases.hooks, "hook").format(product=self.brief.product)

    def call_to_action(self) -> str:
        return self.pick(self._phrases.calls, "call")

    def scenes(self, count: int) -> list[str]:
        """Give `count` on-screen lines: the hook, the seller's facts, then what fills up."""
        lines = [self.hook(), *(_capitalised(line) for line in _joined(self.brief.facts))]
        if self._tone:
            lines.append(self._phrases.tones[self._tone])
        start = self.number(len(self._phrases.middles), "middle")
        while len(lines) < count:
            lines.append(self._phrases.middles[start % len(self._phrases.middles)])
            start += 1
        return lines[:count]

    def scene(self, number: int, count: int) -> str:
        return self.scenes(max(count, number + 1))[number]

    def narration(self) -> str:
        lines = [*self.scenes(self.brief.scenes), self.call_to_action()]
        return " ".join(line if line[-1:] in ".!?…" else f"{line}." for line in lines)

    def visual_direction(self) -> str:
        """Direct the video model, in English; the magic words meant for it go first, uncut."""
        tone = TONES_IN_ENGLISH.get(self._tone or "", "soft")
        style = self.brief.style[:STYLE_CHARACTERS_MAX].rstrip(". ") or "A clean product film"
        sentences = [
            style,
            "Keep the product exactly as it is in the photo, sharp and in the middle of interest",
            self.pick(CAMERAS, "camera"),
            f"Light and background in {tone} tones",
            f"{self.brief.aspect_ratio} frame, {self.brief.seconds} seconds",
        ]
        text = ". ".join(sentences) + "."
        return f"{self.brief.video_faults} {text}".strip()

    def shot(self, number: int) -> str:
        return CAMERAS[(self.number(len(CAMERAS), "camera") + number) % len(CAMERAS)] + "."

    def tag(self, number: int) -> str:
        """Give the n-th hashtag: words of the product's name first, then stock ones."""
        words = [word.strip(".,!?").lower() for word in self.brief.product.split()]
        named = [word for word in words if len(word) > 3 and word.isalpha()]
        tags = list(dict.fromkeys([*named, *self._phrases.tags]))
        return tags[number % len(tags)]

    def tone(self) -> str:
        return self._phrases.tones[self._tone or "neutral"]

    def pick(self, choices: Sequence[str], purpose: str) -> str:
        return choices[self.number(len(choices), purpose)]

    def number(self, below: int, purpose: str) -> int:
        """Give a number from 0 that depends on the brief and the purpose alone."""
        digest = hashlib.sha256(f"{self._seed}|{purpose}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % below


def _joined(facts: Sequence[str]) -> list[str]:
    """Put short facts together, since "350 ml" alone makes a poor line."""
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + len(fact) <= JOINED_CHARACTERS_MAX:
            lines[-1] = f"{lines[-1]}, {fact}"
        else:
            lines.append(fact)
    return lines


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
