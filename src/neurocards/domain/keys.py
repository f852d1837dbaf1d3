"""Provider keys: the three ways to write them down, and how they are named without being shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

_NUMBERED = re.compile(r"KIE_API_KEY_([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key and its public name; `repr` shows the name only."""

    secret: str = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The key may be used for one createTask now."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class WindowFull:
    """Every healthy key has used up its window; try again after `wait_ms`. Not worth a word."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class AllBlocked:
    """No key is healthy before `until`; None when there is no key at all."""

    until: datetime | None


KeyAnswer = KeyTaken | WindowFull | AllBlocked


def parse_keys(environment: Mapping[str, str]) -> tuple[ProviderKey, ...]:
    """Collect the keys of `KIE_API_KEY` and `KIE_API_KEY_1..9999`, each one key or a comma list.

    The union in a stable order (KIE_API_KEY first, then by number), trimmed, without duplicates.
    """
    numbered = sorted(
        (int(match.group(1)), value)
        for name, value in environment.items()
        if (match := _NUMBERED.fullmatch(name))
    )
    listed = [environment.get("KIE_API_KEY", ""), *(value for _, value in numbered)]
    secrets = dict.fromkeys(
        part.strip() for text in listed for part in text.split(",") if part.strip()
    )
    return tuple(ProviderKey(secret, fingerprint(secret)) for secret in secrets)


def fingerprint(secret: str) -> str:
    """Name a key: the first 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
