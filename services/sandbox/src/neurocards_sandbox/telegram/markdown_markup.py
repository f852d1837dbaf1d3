"""parse_mode MarkdownV2 and the legacy Markdown, with the production server's error texts."""

from __future__ import annotations

import re

from neurocards_sandbox.telegram.markup import Entity, MarkupError, TextBuilder, byte_offset

RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
SPANS = {
    "*": ("bold", "Bold"),
    "_": ("italic", "Italic"),
    "__": ("underline", "Underline"),
    "~": ("strikethrough", "Strikethrough"),
    "||": ("spoiler", "Spoiler"),
}
LINK_TARGET = re.compile(r"\(((?:\\.|[^\\)])*)\)", re.DOTALL)
ESCAPED = re.compile(r"\\([\x01-\x7e])")


class _V2:
    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.out = TextBuilder()
        self.open: list[tuple[str, int, int]] = []
        self.quote_start: int | None = None

    def run(self) -> tuple[str, list[Entity]]:
        source = self.source
        while self.position < len(source):
            character = source[self.position]
            if self._at_line_start():
                self._quote()
                if self.position >= len(source):
                    break
                character = source[self.position]
            if character == "\\" and self.position + 1 < len(source):
                self.out.add(source[self.position + 1])
                self.position += 2
            elif character in RESERVED:
                self._reserved(character)
            else:
                self.out.add(character)
                self.position += 1
        self._finish_quote()
        if self.open:
            mark, _, begin = self.open[-1]
            name = "TextUrl" if mark == "[" else SPANS[mark][1]
            raise MarkupError(f"Can't find end of {name} entity at byte offset {begin}")
        return self.out.text, self.out.entities

    def _at_line_start(self) -> bool:
        return self.position == 0 or self.source[self.position - 1] == "\n"

    def _quote(self) -> None:
        if self.source[self.position] == ">":
            if self.quote_start is None:
                self.quote_start = self.out.length
            self.position += 1
        else:
            self._finish_quote()

    def _finish_quote(self) -> None:
        if self.quote_start is not None:
            self.out.mark("blockquote", self.quote_start)
            self.quote_start = None

    def _reserved(self, character: str) -> None:
        source, position = self.source, self.position
        if character == "`":
            self._code()
        elif character == "[":
            self._push("[", 1)
        elif character == "]" and self.open and self.open[-1][0] == "[":
            self._link()
        elif character == "!" and source.startswith("![", position):
            self._push("[", 2)
        else:
            mark = character
            if source.startswith(("__", "||"), position):
                mark = source[position : position + 2]
            if mark not in SPANS:
                raise MarkupError(
                    f"Character '{character}' is reserved and must be escaped "
                    "with the preceding '\\'"
                )
            self._span(mark)

    def _push(self, mark: str, width: int) -> None:
        self.open.append((mark, self.out.length, byte_offset(self.source, self.position)))
        self.position += width

    def _span(self, mark: str) -> None:
        if not self.open or self.open[-1][0] != mark:
            if any(entry[0] == mark for entry in self.open):
                name, begin = SPANS.get(self.open[-1][0], ("", "TextUrl"))[1], self.open[-1][2]
                raise MarkupError(f"Can't find end of {name} entity at byte offset {begin}")
            self._push(mark, len(mark))
            return
        _, start, _ = self.open.pop()
        self.out.mark(SPANS[mark][0], start)
        self.position += len(mark)

    def _code(self) -> None:
        source, begin = self.source, byte_offset(self.source, self.position)
        fence = "```" if source.startswith("```", self.position) else "`"
        start = self.position + len(fence)
        end = _find_unescaped(source, fence, start)
        if end < 0:
            name = "PreCode" if fence == "```" else "Code"
            raise MarkupError(f"Can't find end of {name} entity at byte offset {begin}")
        body, more = source[start:end], {}
        language = re.match(r"([^\s`]+)\n", body) if fence == "```" else None
        if language:
            body, more = body[language.end() :], {"language": language[1]}
        elif fence == "```":
            body = body.removeprefix("\n")
        offset = self.out.length
        self.out.add(ESCAPED.sub(r"\1", body))
        self.out.mark("pre" if fence == "```" else "code", offset, **more)
        self.position = end + len(fence)

    def _link(self) -> None:
        _, start, _ = self.open.pop()
        match = LINK_TARGET.match(self.source, self.position + 1)
        if match is None:
            self.position += 1
            return
        url = ESCAPED.sub(r"\1", match[1])
        if url.startswith("tg://emoji?id="):
            self.out.mark("custom_emoji", start, custom_emoji_id=url.partition("id=")[2])
        else:
            self.out.mark("text_link", start, url=url)
        self.position = match.end()


def _find_unescaped(source: str, mark: str, position: int) -> int:
    while position < len(source):
        if source[position] == "\\":
            position += 2
        elif source.startswith(mark, position):
            return position
        else:
            position += 1
    return -1


def parse_markdown_v2(source: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities; raises MarkupError."""
    return _V2(source).run()


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """The legacy mode: `*bold*`, `_italic_`, code and links, without nesting."""
    out, position = TextBuilder(), 0
    kinds = {"*": "bold", "_": "italic", "`": "code", "```": "pre", "[": "text_link"}
    while position < len(source):
        character = source[position]
        if character == "\\" and source[position + 1 : position + 2] in {"_", "*", "`", "["}:
            out.add(source[position + 1])
            position += 2
            continue
        if character not in kinds:
            out.add(character)
            position += 1
            continue
        mark = "```" if source.startswith("```", position) else character
        closing = "]" if mark == "[" else mark
        end = source.find(closing, position + len(mark))
        if end < 0:
            raise MarkupError(
                "Can't find end of the entity starting at byte offset "
                f"{byte_offset(source, position)}"
            )
        start = out.length
        out.add(source[position + len(mark) : end])
        position = end + len(closing)
        target = LINK_TARGET.match(source, position) if mark == "[" else None
        if mark != "[":
            out.mark(kinds[mark], start)
        elif target:
            out.mark("text_link", start, url=target[1])
            position = target.end()
    return out.text, out.entities
