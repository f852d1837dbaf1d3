"""Texts for people in their language, from the catalogues of the package that owns the texts.

The msgids are English, so a missing catalogue or text reads English instead of failing. It does
not choose the language: a job and a user carry theirs.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from importlib.resources import files
from typing import Self

SOURCE_LANGUAGE = "en"


def gettext_noop(message: str) -> str:
    """Mark a text for the catalogues where it stands; it is translated where it is shown."""
    return message


class Translations:
    """All languages of one catalogue; read once, then only looked up."""

    def __init__(self, catalogues: Mapping[str, gettext.NullTranslations]) -> None:
        self._catalogues = dict(catalogues)
        self._source = gettext.NullTranslations()

    @classmethod
    def load(cls, package: str, domain: str) -> Self:
        """Read every `locale/<language>/LC_MESSAGES/<domain>.mo` in the package."""
        catalogues: dict[str, gettext.NullTranslations] = {}
        folder = files(package) / "locale"
        for language in folder.iterdir() if folder.is_dir() else ():
            compiled = language / "LC_MESSAGES" / f"{domain}.mo"
            if compiled.is_file():
                with compiled.open("rb") as file:
                    catalogues[language.name] = gettext.GNUTranslations(file)
        return cls(catalogues)

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({SOURCE_LANGUAGE, *self._catalogues})

    def text(self, language: str, message: str, **values: object) -> str:
        """Give the text with the values put in by `str.format`."""
        # The empty msgid is the header of the catalogue.
        found = self._catalogue(language).gettext(message) if message else ""
        return found.format(**values) if values else found

    def plural(self, language: str, one: str, many: str, count: int, **values: object) -> str:
        """Give the text that fits the count; `{count}` is one of the values."""
        found = self._catalogue(language).ngettext(one, many, count)
        return found.format(count=count, **values)

    def _catalogue(self, language: str) -> gettext.NullTranslations:
        return self._catalogues.get(language, self._source)
