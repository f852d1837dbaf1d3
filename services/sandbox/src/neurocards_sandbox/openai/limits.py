"""Per key: requests and tokens in the last minute, and money spent.

Invariant: a refused request counts for nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from neurocards_sandbox.openai import errors

WINDOW_S = 60.0
USD_PER_INPUT_TOKEN = 0.10 / 1_000_000
USD_PER_OUTPUT_TOKEN = 0.50 / 1_000_000


@dataclass(slots=True)
class KeyUse:
    requests: deque[tuple[float, int]] = field(default_factory=deque)
    """(real monotonic second, tokens) of the last minute."""
    tokens: int = 0
    spent_usd: float = 0.0


class Limits:
    def __init__(
        self, requests_per_minute: int, tokens_per_minute: int, quota_usd: float | None
    ) -> None:
        self._requests_per_minute = requests_per_minute
        self._tokens_per_minute = tokens_per_minute
        self._quota_usd = quota_usd
        self._uses: dict[str, KeyUse] = {}

    def take(self, key: str, tokens: int, now_s: float) -> None:
        """Count a request of `tokens` input tokens; ApiError 429 when there is no room."""
        use = self._current(key, now_s)
        if self._quota_usd is not None and use.spent_usd >= self._quota_usd:
            raise errors.out_of_quota()
        wait_s = WINDOW_S - (now_s - use.requests[0][0]) if use.requests else 0.0
        if self._requests_per_minute and len(use.requests) >= self._requests_per_minute:
            raise errors.rate_limited("requests", self._requests_per_minute, round(wait_s, 2))
        if self._tokens_per_minute and use.tokens + tokens > self._tokens_per_minute:
            raise errors.rate_limited("tokens", self._tokens_per_minute, round(wait_s, 2))
        use.requests.append((now_s, tokens))
        use.tokens += tokens

    def spend(self, key: str, input_tokens: int, output_tokens: int) -> None:
        use = self._uses.setdefault(key, KeyUse())
        use.spent_usd += input_tokens * USD_PER_INPUT_TOKEN + output_tokens * USD_PER_OUTPUT_TOKEN

    def headers(self, key: str, now_s: float) -> dict[str, str]:
        """Give the x-ratelimit headers; nothing where no limit is set."""
        use = self._current(key, now_s)
        reset_s = WINDOW_S - (now_s - use.requests[0][0]) if use.requests else 0.0
        headers: dict[str, str] = {}
        for name, limit, used in (
            ("requests", self._requests_per_minute, len(use.requests)),
            ("tokens", self._tokens_per_minute, use.tokens),
        ):
            if limit:
                headers[f"x-ratelimit-limit-{name}"] = str(limit)
                headers[f"x-ratelimit-remaining-{name}"] = str(max(0, limit - used))
                headers[f"x-ratelimit-reset-{name}"] = f"{round(reset_s)}s"
        return headers

    def _current(self, key: str, now_s: float) -> KeyUse:
        use = self._uses.setdefault(key, KeyUse())
        while use.requests and use.requests[0][0] <= now_s - WINDOW_S:
            use.tokens -= use.requests.popleft()[1]
        return use
