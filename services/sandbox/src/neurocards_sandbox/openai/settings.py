"""Settings of the OpenAI simulator. They are given by the caller; nothing is read from outside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAiSandboxSettings:
    keys: tuple[str, ...] = ("sandbox-openai-key",)
    models: tuple[str, ...] = ("gpt-6-luna", "gpt-6-sol", "gpt-4.1-mini", "gpt-4o-mini")

    latency_s: float = 0.0
    """How long an answer takes. Scaled: divided by `time_factor`."""
    slow_s: float = 30.0
    """How long a slow answer takes. Scaled."""
    time_factor: float = 1.0

    requests_per_minute: int = 0
    """0 is no limit; a real minute, whatever `time_factor` is."""
    tokens_per_minute: int = 0
    quota_usd: float | None = None
    """What a key may spend in all; over it every request is refused with insufficient_quota."""

    image_bytes_max: int = 20 * 1024 * 1024
    body_bytes_max: int = 50 * 1024 * 1024
    seed: int = 1

    def __post_init__(self) -> None:
        if self.time_factor <= 0:
            raise ValueError("time_factor must be above 0")
        if not self.keys or not self.models:
            raise ValueError("at least one key and one model are needed")
