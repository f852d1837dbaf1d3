"""Who may: a secret in a header, compared in constant time."""

from __future__ import annotations

import hmac

from starlette.requests import Request


def is_proven(request: Request, header: str, expected: bytes | None) -> bool:
    """Compare on bytes: text with foreign letters would raise. Without a secret nobody may."""
    given = request.headers.get(header, "").encode("latin-1")
    return expected is not None and hmac.compare_digest(given, expected)
