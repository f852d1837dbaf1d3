"""Every address that the two processes answer at, with the secrets that open it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from abuse.attack import SIGNED_TASK_ID, Endpoint, Side
from abuse.stage import BOT_ID, Stage
from support.canaries import canary

WEBHOOK = "/telegram/{bot_id}"
CALLBACK = "/kie/callback/{job_id}/{attempt}/{mac}"
BOT = (WEBHOOK, CALLBACK, "/queue_stats", "/health", "/healthz/detailed")
PROBES = ("/metrics", "/livez", "/readyz", "/healthz")
POSTED = (WEBHOOK, CALLBACK)


def sides(stage: Stage, callback_paths: Sequence[str]) -> list[Side]:
    secrets = {
        WEBHOOK: [("X-Telegram-Bot-Api-Secret-Token", canary("webhook"))],
        CALLBACK: _signature(),
        "/healthz/detailed": [("X-Admin-Token", canary("admin"))],
    }
    known = {WEBHOOK: [f"/telegram/{BOT_ID}"], CALLBACK: callback_paths}
    bot = [
        Endpoint(
            "POST" if path in POSTED else "GET",
            path,
            secrets=secrets.get(path, ()),
            known_paths=known.get(path, ()),
        )
        for path in BOT
    ]
    probes = [Endpoint("GET", path) for path in PROBES]
    return [
        Side("bot", stage.bot_url, bot),
        *(Side(f"{name}'s probes", one.probes_url, probes) for name, one in stage.members.items()),
    ]


def _signature() -> list[tuple[str, str]]:
    """Sign one task id as the provider does."""
    timestamp = str(int(time.time()))
    signed = hmac.new(
        canary("kie-webhook").encode(), f"{SIGNED_TASK_ID}.{timestamp}".encode(), hashlib.sha256
    )
    signature = base64.b64encode(signed.digest()).decode()
    return [("X-Webhook-Timestamp", timestamp), ("X-Webhook-Signature", signature)]
