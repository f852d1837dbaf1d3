"""What can be chosen about a demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurocards.domain.scaling_policy import ScalingPolicy

PAGE_PORT = 8080
REAL_RENDER_S = 300.0
"""How long a render takes at the real provider, about."""
DEMO_RENDER_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    data_dir: Path
    host: str = "127.0.0.1"
    """Where the page listens; everything else stays on 127.0.0.1."""
    port: int = PAGE_PORT
    """Of the page; 0 = any free one."""
    polling: bool = False
    """The bot asks for updates instead of being called."""
    render_s: float = DEMO_RENDER_S
    """From the accepted order to the finished render, about."""
    cached_renders: bool = False
    """One render per photo, length and ratio: for load, not for looking at."""
    height_max: int = 1280
    alike_renders_linked: bool = True
    """An order exactly like an earlier one gets its film instead of the same one drawn again."""
    workers: int = 1
    """Worker processes, where no policy says how many."""
    jobs_per_worker: int = 20
    """The same for the jobs that each carries."""
    policy: ScalingPolicy | None = None
    """Starts and stops workers as the operator would; without one their number is fixed."""
    welcome_credits: int = 20
    limit_factor: float = 1.0
    """Multiplies what the simulated Telegram and KIE allow per second."""

    @property
    def time_factor(self) -> float:
        return REAL_RENDER_S / self.render_s

    @property
    def workers_at_start(self) -> int:
        return self.workers if self.policy is None else self.policy.replicas.min

    @property
    def workers_max(self) -> int:
        if self.policy is None:
            return self.workers
        caps = [window.max or 0 for window in self.policy.schedules]
        return max([self.policy.replicas.max, *caps])

    @property
    def worker_concurrency(self) -> int:
        return self.jobs_per_worker if self.policy is None else self.policy.jobs_per_replica
