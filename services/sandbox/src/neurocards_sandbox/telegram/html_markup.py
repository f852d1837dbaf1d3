"""parse_mode HTML, with the production server's rules and error texts."""

from __future__ import annotations

import re

from neurocards_sandbox.telegram.markup import Entity, MarkupError, TextBuilder, byte_offset

NAMES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "pre": "pre",
    "code": "code",
    "blockquote": "blockquote",
}
REFERENCES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot));?")
TAG_NAME = re.compile(r"[^\s>]*")
ATTRIBUTE = re.compile(
    r"\s*([^\s=>/]+)\s*(?:=\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9.-]+)(?=[\s>])))?"
)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.out = TextBuilder()
        self.open: list[tuple[str, dict[str, str], int]] = []

    def run(self) -> tuple[str, list[Entity]]:
        source = self.source
        while self.position < len(source):
            if source[self.position] != "<":
                end = source.find("<", self.position)
                end = len(source) if end < 0 else end
                self.out.add(_unescape(source[self.position : end]))
                self.position = end
            elif source.startswith("</", self.position):
                self._end_tag()
            else:
                self._start_tag()
        if self.open:
            raise MarkupError(
                f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"'
            )
        return self.out.text, self.out.entities

    def _start_tag(self) -> None:
        begin = self.position
        at = f"at byte offset {byte_offset(self.source, begin)}"
        name_match = TAG_NAME.match(self.source, begin + 1)
        end = name_match.end() if name_match else begin + 1
        if end >= len(self.source):
            raise MarkupError(f"Unclosed start tag {at}")
        name = self.source[begin + 1 : end].lower()
        if name not in NAMES:
            raise MarkupError(f'Unsupported start tag "{name}" {at}')
        attributes, self.position = self._attributes(name, end, at)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise MarkupError(f'Tag "span" must have class "tg-spoiler" {at}')
        self.open.append((name, attributes, self.out.length))

    def _attributes(self, tag: str, position: int, at: str) -> tuple[dict[str, str], int]:
        source = self.source
        attributes: dict[str, str] = {}
        while True:
            while position < len(source) and source[position].isspace():
                position += 1
            if position >= len(source):
                raise MarkupError(f"Unclosed start tag {at}")
            if source[position] == ">":
                return attributes, position + 1
            match = ATTRIBUTE.match(source, position)
            if match is None:
                raise MarkupError(f'Empty attribute name in the tag "{tag}" {at}')
            name, value = match[1], match[2] or match[3] or match[4] or ""
            if match.end() == match.end(1) and (tag, name) != ("blockquote", "expandable"):
                raise MarkupError(
                    f'Expected equal sign in declaration of an attribute of the tag "{tag}" {at}'
                )
            attributes[name] = _unescape(value)
            position = match.end()

    def _end_tag(self) -> None:
        begin = self.position
        at = f"at byte offset {byte_offset(self.source, begin)}"
        if not self.open:
            raise MarkupError(f"Unexpected end tag {at}")
        end = self.source.find(">", begin)
        if end < 0:
            raise MarkupError(f"Unclosed end tag {at}")
        found = self.source[begin + 2 : end].strip().lower()
        name, attributes, start = self.open.pop()
        if found and found != name:
            raise MarkupError(f'Unmatched end tag {at}, expected "</{name}>", found "</{found}>"')
        self._close(name, attributes, start)
        self.position = end + 1

    def _close(self, name: str, attributes: dict[str, str], start: int) -> None:
        out = self.out
        language = attributes.get("class", "").removeprefix("language-")
        match name:
            case "a":
                url = attributes.get("href") or out.tail(start)
                out.mark("text_link", start, url=url)
            case "tg-emoji":
                out.mark("custom_emoji", start, custom_emoji_id=attributes.get("emoji-id", ""))
            case "blockquote" if "expandable" in attributes:
                out.mark("expandable_blockquote", start)
            case "code" if language and self.open and self.open[-1][0] == "pre":
                out.mark("pre", start, language=language)
            case "pre" if out.entities and out.entities[-1].get("language"):
                pass
            case _:
                out.mark(NAMES[name], start)


def _unescape(text: str) -> str:
    return REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return REFERENCES[match[3]]
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities; raises MarkupError."""
    return _Parser(source).run()
