"""Texts are found in the language of the reader and fall back on English."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from neurocards.translations import Translations, gettext_noop


@pytest.fixture
def translations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Translations]:
    package = tmp_path / "package_with_texts"
    folder = package / "locale" / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "locale" / "README").touch()
    catalogue = Catalog(locale="ru")
    catalogue.add("Hello, {name}!", "Привет, {name}!")
    catalogue.add(("{count} video", "{count} videos"), ("{count} видео",) * 3)
    catalogue.add(
        ("{count} credit", "{count} credits"),
        ("{count} кредит", "{count} кредита", "{count} кредитов"),
    )
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    (folder / "texts.mo").write_bytes(compiled.getvalue())
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Translations.load("package_with_texts", "texts")
    sys.modules.pop("package_with_texts", None)


def test_a_text_is_given_in_the_language_asked_for(translations: Translations) -> None:
    assert translations.text("ru", "Hello, {name}!", name="Анна") == "Привет, Анна!"
    assert translations.text("en", "Hello, {name}!", name="Anna") == "Hello, Anna!"


@pytest.mark.parametrize("language", ["de", "", "../ru"])
def test_an_unknown_language_reads_english(translations: Translations, language: str) -> None:
    assert translations.text(language, "Hello, {name}!", name="Anna") == "Hello, Anna!"


def test_an_unknown_text_is_given_as_it_is(translations: Translations) -> None:
    assert translations.text("ru", "Not there") == "Not there"


def test_an_empty_text_is_not_the_header_of_the_catalogue(translations: Translations) -> None:
    assert translations.text("ru", "") == ""


def test_braces_in_a_text_without_values_stay(translations: Translations) -> None:
    assert translations.text("en", "a {brace}") == "a {brace}"


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [(1, "1 кредит", "1 credit"), (3, "3 кредита", "3 credits"), (11, "11 кредитов", "11 credits")],
)
def test_plurals_follow_the_rules_of_the_language(
    translations: Translations, count: int, russian: str, english: str
) -> None:
    forms = ("{count} credit", "{count} credits")
    assert translations.plural("ru", *forms, count) == russian
    assert translations.plural("en", *forms, count) == english


def test_languages_are_those_with_a_catalogue_and_english(translations: Translations) -> None:
    assert translations.languages == {"en", "ru"}


def test_a_package_without_catalogues_reads_english() -> None:
    assert Translations.load("neurocards", "neurocards").text("ru", "Hello") == "Hello"


def test_a_marked_text_is_the_text() -> None:
    assert gettext_noop("Hello") == "Hello"
