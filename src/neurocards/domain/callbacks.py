"""Signatures of callbacks: ours in the address that a provider calls, the provider's on the call.

A callback is a hint to look at the task again, never a result: even a valid signature covers
neither the body nor the addresses in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

AGE_S_MAX = 300


def callback_path(secret: bytes, job_id: UUID, attempt: int) -> str:
    """Give the path of the address to be called back, e.g. `/kie/callback/<job>/<n>/<mac>`."""
    return f"/kie/callback/{job_id}/{attempt}/{_address_mac(secret, job_id, attempt)}"


def is_our_address(secret: bytes, job_id: UUID, attempt: int, mac: str) -> bool:
    expected = _address_mac(secret, job_id, attempt)
    return hmac.compare_digest(expected.encode(), mac.encode())


def _address_mac(secret: bytes, job_id: UUID, attempt: int) -> str:
    return hmac.new(secret, f"{job_id}:{attempt}".encode(), hashlib.sha256).hexdigest()[:32]


def is_signed_by_provider(
    key: bytes, *, task_id: str, timestamp: str, signature: str, now_unix_s: float
) -> bool:
    """Check KIE's headers: base64(HMAC-SHA256(key, task id + "." + timestamp)), not too old."""
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(now_unix_s - int(timestamp[:12])) > AGE_S_MAX:
        return False
    digest = hmac.new(key, f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())
