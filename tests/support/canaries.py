"""Secrets that nobody may ever see again: planted in every setting that holds one."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from neurocards.settings import Concern

MARK = "kanarienvogel"
"""In every one of them, and in nothing else."""


def canary(name: str) -> str:
    """Make a secret that Telegram, NATS and PostgreSQL take for one."""
    return f"{MARK}-{name}-0123456789abcdef"


def with_password(url: str, password: str) -> str:
    """Put another password into an address."""
    parts = urlsplit(url)
    host = f"{parts.username or 'nobody'}:{password}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=host))


def seen_in(texts: dict[str, str]) -> dict[str, list[str]]:
    """Give the lines in which a canary is to be read, by the name of the text."""
    found = {
        name: [line for line in text.splitlines() if MARK in line.lower()]
        for name, text in texts.items()
    }
    return {name: lines for name, lines in found.items() if lines}


def bare_secrets(settings: object) -> list[str]:
    """Name the secrets among the settings of a process that have no canary."""
    fields: Iterable[str] = getattr(type(settings), "__slots__", ())
    concerns = [getattr(settings, field) for field in fields]
    return [
        name
        for concern in concerns
        if isinstance(concern, Concern)
        for name in type(concern).model_fields
        if any(MARK not in secret for secret in _secrets(getattr(concern, name)))
    ]


def _secrets(value: object) -> list[str]:
    values = value if isinstance(value, tuple) else (value,)
    return [each.get_secret_value() for each in values if isinstance(each, SecretStr)]
