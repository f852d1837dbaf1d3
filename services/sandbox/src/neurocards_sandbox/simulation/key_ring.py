"""The API keys that a simulator accepts, and the account that each of them belongs to.

Invariant: a key is shown by its fingerprint only, the first 12 hexadecimal digits of its SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SCHEME = "bearer "


@dataclass(slots=True)
class KeyHolder:
    fingerprint: str
    account: str
    revoked: bool = False


class UnknownKeyError(LookupError):
    """The control API named a key or a fingerprint that was never given to this simulator."""


def fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


class KeyRing:
    def __init__(self, keys: Iterable[str], accounts: Mapping[str, str] | None = None) -> None:
        self._holders: dict[str, KeyHolder] = {}
        for key in keys:
            self.add(key, (accounts or {}).get(key))

    def add(self, key: str, account: str | None = None) -> KeyHolder:
        """Accept a key. Without an account it is one of its own, named by the fingerprint."""
        name = fingerprint(key)
        holder = KeyHolder(name, account or name)
        self._holders[key] = holder
        return holder

    def holder(self, authorization: str) -> KeyHolder | None:
        """Give the holder of `Bearer KEY`; None for any other header and for a revoked key."""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        holder = self._holders.get(authorization[len(_SCHEME) :].strip())
        return None if holder is None or holder.revoked else holder

    def find(self, key_or_fingerprint: str) -> KeyHolder:
        """Find a holder for the control API; UnknownKeyError when there is none."""
        if found := self._holders.get(key_or_fingerprint):
            return found
        for holder in self._holders.values():
            if holder.fingerprint == key_or_fingerprint:
                return holder
        raise UnknownKeyError("no such key")

    def holders(self) -> list[KeyHolder]:
        return list(self._holders.values())
