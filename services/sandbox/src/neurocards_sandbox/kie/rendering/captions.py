"""Finds the on-screen captions in a prompt.

A prompt names them in a block: the line `On-screen captions:`, then `1. text`, `2. text`, ... up
to an empty line or the end. Without the block the prompt's own first sentences serve.
Invariant: no magic word is ever shown.
"""

from __future__ import annotations

import re

from neurocards_sandbox.simulation.magic_words import without_magic_words

CAPTIONS_MAX = 8
CHARACTERS_MAX = 160
FALLBACK_SENTENCES_MAX = 3

_HEADING = re.compile(r"^[ \t]*on-screen captions:[ \t]*$", re.IGNORECASE | re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]+(.+)$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")


def caption_lines(prompt: str) -> tuple[str, ...]:
    heading = _HEADING.search(prompt)
    if heading:
        lines = _numbered_lines(prompt[heading.end() :])
    else:
        sentences = _SENTENCE_END.split(without_magic_words(prompt))
        lines = [s for s in sentences if s.strip()][:FALLBACK_SENTENCES_MAX]
    shown = (_shortened(without_magic_words(line)) for line in lines)
    return tuple(line for line in shown if line)[:CAPTIONS_MAX]


def _numbered_lines(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.lstrip("\r\n").splitlines():
        if not line.strip():
            break
        match = _NUMBERED.match(line)
        if match:
            lines.append(match[1])
        elif lines:
            lines[-1] = f"{lines[-1]} {line.strip()}"
    return lines


def _shortened(line: str) -> str:
    flat = " ".join(line.split())
    if len(flat) <= CHARACTERS_MAX:
        return flat
    return flat[: CHARACTERS_MAX - 1].rsplit(" ", 1)[0] + "…"
