"""Provider keys: the three ways to write them down, and how they are named without being shown.

The provider counts orders and credits by account, and one account may have several keys. Which keys
share one is said by a label beside them; a key without a label is an account of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

PARKED_REASON = "keys_blocked"
"""Why a job waits that found no healthy key."""

KEY_MISSING_REASON = "key_missing"
"""Why a job waits whose render was ordered with a key that this worker does not have."""

WAITS_FOR_KEY_REASONS = (PARKED_REASON, KEY_MISSING_REASON)
"""A key that becomes usable wakes the jobs that are postponed for one of these."""

UNAUTHORIZED_REASON = "unauthorized"
"""Why a key rests that the provider does not know: a fault that its account does not share."""

_NUMBERED = re.compile(r"KIE_API_KEY_([1-9][0-9]{0,3})")
_ACCOUNT_SUFFIX = "_ACCOUNT"
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key, its public name and the label of its account, if any; `repr` shows no secret."""

    secret: str = field(repr=False)
    fingerprint: str
    label: str = ""

    @property
    def account(self) -> str:
        return self.label or self.fingerprint


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The key may be used for one createTask now."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeyUsable:
    """The key is healthy; it was not taken."""

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
    `KIE_API_KEY_ACCOUNT` and `KIE_API_KEY_1_ACCOUNT` label the account of that variable's keys; a
    key that stands in several has the first label. ValueError for what cannot be a label.
    """
    secrets: dict[str, str] = {}
    for name in _variables(environment):
        label = _label_of(name, environment)
        for part in environment[name].split(","):
            if secret := part.strip():
                secrets[secret] = secrets.get(secret) or label
    if secrets.keys() & secrets.values():
        raise ValueError("KIE_API_KEY_ACCOUNT: the label of an account is one of the keys")
    return tuple(
        ProviderKey(secret, fingerprint(secret), label) for secret, label in secrets.items()
    )


def _variables(environment: Mapping[str, str]) -> list[str]:
    numbers = sorted(
        int(match.group(1)) for name in environment if (match := _NUMBERED.fullmatch(name))
    )
    first = ["KIE_API_KEY"] if "KIE_API_KEY" in environment else []
    return [*first, *(f"KIE_API_KEY_{number}" for number in numbers)]


def _label_of(name: str, environment: Mapping[str, str]) -> str:
    label = environment.get(name + _ACCOUNT_SUFFIX, "").strip()
    if label and not _ACCOUNT.fullmatch(label):
        raise ValueError(
            f"{name}{_ACCOUNT_SUFFIX}: a label has at most 40 lower-case letters, digits, hyphens"
        )
    return label


def fingerprint(secret: str) -> str:
    """Name a key: the first 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
