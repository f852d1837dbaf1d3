"""Settings of the Telegram simulator.

A frozen value: what may change while the server runs (limits, time factor) is copied into
`world.Tuning` and changed there by the control API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TelegramSandboxSettings:
    """Everything that can be set when the simulator starts."""

    data_dir: Path | None = None
    """Folder of the database and the files; without it they live in a temporary folder."""

    tokens: tuple[str, ...] = ()
    """Allow-list: only these tokens are bots. Empty = any well-formed token is one."""

    ingress: Mapping[str, str] = field(default_factory=dict)
    """Public https base -> local http base, as a TLS-terminating ingress would route it."""

    local: bool = False
    """Behave as a server started with --local: any webhook URL and port, no 20 MB limit."""

    time_factor: float = 1.0
    """Divides the waits between webhook retries; lifetimes of updates are not touched."""

    limits: bool = True
    """Whether calls are answered with 429 at all."""

    limit_factor: float = 1.0
    """Multiplies the allowed rates and bursts."""

    same_size_limit: bool = False
    """Slow down uploads over 100 kB of equal byte size, as the production server does."""

    update_lifetime_s: float = 24 * 3600
    """How long a message update waits for its bot."""

    callback_lifetime_s: float = 150
    """How long a button press waits for its bot."""

    callback_answer_s: float = 15
    """How long after a button was pressed its press may be answered, however late it came."""

    webhook_timeout_s: float = 60
    """How long a webhook may take to answer."""

    video_thumbnails: bool = True
    """Take the first frame of a video as its thumbnail (needs the ffmpeg of imageio-ffmpeg)."""

    flush_interval_s: float = 0.25
    """How often changes are written to the database; a kill loses at most this much."""

    calls_kept: int = 20_000
    """API calls remembered per bot for assertions."""

    messages_per_chat_max: int = 10_000
    """Older messages of a chat are forgotten, as if their ids were unknown."""
