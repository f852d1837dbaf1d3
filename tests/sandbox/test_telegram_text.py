"""Formatted text of the Telegram simulator: entities, trimming, error texts, safe HTML."""

from __future__ import annotations

import pytest

from neurocards_sandbox.telegram.entities import format_text, to_html
from neurocards_sandbox.telegram.errors import ApiError


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>hi</b> there", "hi there", [("bold", 0, 2)]),
        ("<b><i>x</i></b>", "x", [("bold", 0, 1), ("italic", 0, 1)]),
        ("😀<b>a</b>", "😀a", [("bold", 2, 1)]),
        ("a &lt;b&gt; &amp; &quot;c&quot; &#39;", 'a <b> & "c" \'', []),
        ("&nbsp; stays", "&nbsp; stays", []),
        ("<tg-spoiler>s</tg-spoiler>", "s", [("spoiler", 0, 1)]),
        ('<span class="tg-spoiler">s</span>', "s", [("spoiler", 0, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("<STRONG>a</STRONG><br", None, []),
        ("  <b> padded </b>  ", "padded", [("bold", 0, 6)]),
        (
            "<u>a</u><s>b</s><code>c</code>",
            "abc",
            [("underline", 0, 1), ("strikethrough", 1, 1), ("code", 2, 1)],
        ),
    ],
)
def test_html_becomes_text_with_entities(
    source: str, text: str | None, entities: list[tuple[str, int, int]]
) -> None:
    if text is None:
        with pytest.raises(ApiError, match="Unclosed start tag at byte offset 18"):
            format_text(source, "HTML")
        return
    formatted = format_text(source, "HTML")
    assert formatted.text == text
    assert [(e["type"], e["offset"], e["length"]) for e in formatted.entities] == entities


def test_a_link_keeps_its_address_and_a_language_stays_with_its_code() -> None:
    link = format_text('<a href="https://a.b/?x=1&amp;y=2">here</a>', "html").entities[0]
    assert link == {"type": "text_link", "offset": 0, "length": 4, "url": "https://a.b/?x=1&y=2"}
    code = '<pre><code class="language-python">x = 1</code></pre>'
    assert format_text(code, "html").entities == (
        {"type": "pre", "offset": 0, "length": 5, "language": "python"},
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("я<b>x</i>", 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"'),
        ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        (
            "<b x>y</b>",
            'Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0',
        ),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
    ],
)
def test_broken_html_is_refused_in_the_words_of_the_server(source: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        format_text(source, "HTML")
    assert caught.value.description == f"Bad Request: can't parse entities: {problem}"


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        (
            "*b* _i_ __u__ ~s~ ||p||",
            "b i u s p",
            ["bold", "italic", "underline", "strikethrough", "spoiler"],
        ),
        ("`a.b`", "a.b", ["code"]),
        ("```py\nx\n```", "x", ["pre"]),
        (r"1\.5 \- \_", "1.5 - _", []),
        ("[a](https://x.y)", "a", ["text_link"]),
        (">quoted\n>more\nfree", "quoted\nmore\nfree", ["blockquote"]),
        ("*_x_*", "x", ["bold", "italic"]),
    ],
)
def test_markdown_v2_becomes_text_with_entities(
    source: str, text: str, entities: list[str]
) -> None:
    formatted = format_text(source, "MarkdownV2")
    assert formatted.text == text
    assert [entity["type"] for entity in formatted.entities] == entities


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("1.5", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("*x", "Can't find end of Bold entity at byte offset 0"),
        ("я`x", "Can't find end of Code entity at byte offset 2"),
        ("[x", "Can't find end of TextUrl entity at byte offset 0"),
        ("*_x*_", "Can't find end of Italic entity at byte offset 1"),
    ],
)
def test_broken_markdown_v2_is_refused(source: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        format_text(source, "MarkdownV2")
    assert caught.value.description == f"Bad Request: can't parse entities: {problem}"


def test_the_old_markdown_has_its_own_error() -> None:
    assert format_text("*b* [l](http://x.y) a\\_b", "Markdown").text == "b l a_b"
    with pytest.raises(ApiError, match="Can't find end of the entity starting at byte offset 2"):
        format_text("a _b", "Markdown")


def test_an_unknown_parse_mode_is_refused() -> None:
    with pytest.raises(ApiError, match="Bad Request: unsupported parse_mode"):
        format_text("x", "bbcode")


def test_commands_mentions_tags_and_addresses_are_found_in_plain_text() -> None:
    formatted = format_text("/start@my_bot #sale @someone https://a.b/c?d. me@x.org")
    assert [entity["type"] for entity in formatted.entities] == [
        "bot_command",
        "hashtag",
        "mention",
        "url",
        "email",
    ]
    assert formatted.entities[3]["length"] == len("https://a.b/c?d")


def test_nothing_is_found_inside_code() -> None:
    assert [one["type"] for one in format_text("<code>/x #y</code>", "HTML").entities] == ["code"]


def test_a_page_gets_html_in_which_nothing_of_the_user_is_markup() -> None:
    formatted = format_text("<b>a&lt;script&gt;</b> <i>😀</i>", "HTML")
    assert to_html(formatted.text, list(formatted.entities)) == ("<b>a&lt;script&gt;</b> <i>😀</i>")
    link = [{"type": "text_link", "offset": 0, "length": 1, "url": 'javascript:alert("x")'}]
    assert to_html("x", link) == "x"
