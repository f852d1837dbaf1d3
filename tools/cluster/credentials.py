"""Tokens, and the key that signs those of service accounts: made by chance for one cluster."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

# An EC key in the form of RFC 5915 without its public half, which whoever reads it works out.
_KEY_HEAD = bytes.fromhex("30310201010420")
_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")
_KEY_KIND = "EC PRIVATE KEY"


def new_tokens(*users: str) -> dict[str, str]:
    return {user: secrets.token_urlsafe(24) for user in users}


def write_tokens(path: Path, tokens: Mapping[str, str], groups: Mapping[str, str]) -> None:
    """Write what --token-auth-file reads: the token of each user and his group, if he has one."""
    lines = [f'{token},{user},{user},"{groups.get(user, "")}"' for user, token in tokens.items()]
    write_private(path, "\n".join(lines) + "\n")


def write_account_key(path: Path) -> None:
    key = base64.encodebytes(_KEY_HEAD + secrets.token_bytes(32) + _KEY_TAIL).decode()
    write_private(path, f"-----BEGIN {_KEY_KIND}-----\n{key}-----END {_KEY_KIND}-----\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)
