"""Settings of the KIE simulator. They are given by the caller; nothing is read from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KieSandboxSettings:
    """Defaults are those of the real service. "Scaled" durations are divided by `time_factor`."""

    data_dir: Path | None = None
    """Where tasks and files live; None keeps them in a temporary folder for this run."""

    keys: tuple[str, ...] = ("sandbox-kie-key",)
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Account label by key; keys of one account share credits and the window of creates."""

    credits_at_start: float = 10_000_000.0
    """Credits of a new account; one is worth $0.005."""

    public_base_url: str | None = None
    """The address put into downloadUrl and resultUrls; None takes the request's own host."""

    seed: int = 1

    time_factor: float = 1.0
    """How many simulated seconds pass in one real second."""
    render_s: float = 300.0
    """From creation to the result. Scaled."""
    jitter: float = 0.0
    """Share of `render_s` by which a task may be faster or slower, 0.2 = 20 %."""
    visible_after_s: float = 1.0
    """How long recordInfo answers "recordInfo is null" after creation. Scaled."""
    reply_delay_s: float = 30.0
    """How late a slow reply comes. Scaled."""

    dead_models: bool = True
    """The sora-2 family is refused, as it has been since it was shut down."""
    dead_model_code: int = 422
    http_status_from_code: bool = False
    """True gives a business error its HTTP status; the real service answers 200."""
    browser_user_agent_required: bool = False
    credits_error_as_500: bool = False
    """Both ways of saying "no credits" have been seen: code 402, and code 500."""

    rate_limit: bool = True
    limit_factor: float = 1.0
    """Multiplies the 20 creates per 10 s of an account."""
    running_max: int | None = None
    """Tasks of an account that may run at once; None is no limit."""

    webhook_hmac_key: str = field(default="", repr=False)
    """Signs callbacks; empty sends them unsigned."""
    ingress: Mapping[str, str] = field(default_factory=dict)
    """Local HTTP address by public HTTPS base, as a TLS-terminating ingress maps them."""
    callback_loss_rate: float = 0.0
    callback_duplicate_rate: float = 0.0
    callback_delay_rate: float = 0.0
    callback_delay_s: float = 30.0
    """How late a delayed callback is. Scaled."""
    callback_tries: int = 3
    callback_timeout_s: float = 15.0
    callbacks_at_once: int = 64

    upload_ttl_s: float = DAY_S
    result_ttl_s: float = 14 * DAY_S
    upload_bytes_max: int = 100 * 1024 * 1024

    render: bool = True
    """False serves one tiny real mp4 for every task."""
    cached_renders: bool = False
    """Render once per photo, length and ratio; the captions are those of the first prompt."""
    alike_renders_linked: bool = False
    """Drawing is repeatable: an order exactly like an earlier one may get the film of that one."""
    height_max: int = 1280
    """Pixels of the longer side; 640 makes a demo quick."""
    frames_per_s: int = 24
    audio: bool = True
    """A silent AAC track; a messenger may take a video without one for an animation."""
    renders_at_once: int = 1
    render_timeout_s: float = 120.0

    def __post_init__(self) -> None:
        problems = [
            text
            for wrong, text in (
                (self.time_factor <= 0, "time_factor must be above 0"),
                (self.limit_factor <= 0, "limit_factor must be above 0"),
                (not 0 <= self.jitter < 1, "jitter must be from 0 to below 1"),
                (not 240 <= self.height_max <= 1920, "height_max must be 240 to 1920"),
                (not 24 <= self.frames_per_s <= 30, "frames_per_s must be 24 to 30"),
                (not self.keys, "at least one key is needed"),
            )
            if wrong
        ]
        if problems:
            raise ValueError("; ".join(problems))
