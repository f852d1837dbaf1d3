"""How much work a benchmark puts in: in full for figures, quickly to see that it still works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Sizes of everything; a figure's meaning does not depend on them, its spread does."""

    is_quick: bool = False
    """Leases are short then: those of production take a minute to run out."""
    runs: int = 5
    warm_up_orders: int = 200
    accept_s: float = 10.0
    """How long the fixed rate of presses is kept up."""
    probe_s: float = 5.0
    """The same for each rate that the search tries."""
    probe_rate_first: int = 1000
    """Near what is hoped for: each rate that passes on the way there costs its time."""
    probe_rate_max: int = 6000
    bare_orders: int = 4000
    dialogues: int = 20
    start_rate_per_s: float = 100.0
    start_s: float = 8.0
    """Shorter than a request of the worker waits for its turn."""
    throughput_jobs: int = 400
    inflight_jobs: int = 10_000
    inflight_hold_s: float = 75.0
    """Longer than a lease and the broker's patience: whoever keeps no beat is redelivered."""
    outbound_jobs: int = 2_000
    outbound_render_s: float = 300.0
    """Renders end evenly over so long, as when each takes so long and orders come evenly."""
    outbound_s: float = 120.0
    inflight_hold_again_s: float = 30.0
    """In the runs after the first: longer than a beat and two renewals, what memory takes."""
    resume_deaths: int = 30
    """Of each kind."""
    resume_jobs_each: int = 20
    """The default of WORKER_CONCURRENCY: a full worker dies."""
    resume_spread_s: float = 30.0
    """Twice as long as between two renewals of a lease."""
    drain_jobs: int = 2_000
    drain_orders: int = 10
    """Jobs whose order is under way at the provider when the worker is told to end."""
    drain_answer_s: float = 12.0
    """When the provider answers these orders; a worker waits for 20 s at the end."""
    gap_rate_per_s: float = 20.0
    gap_s: float = 6.0
    """How long orders come in around each restart of the broker."""
    keys_s: float = 1.0
    """How long keys are taken in each constellation."""
    idle_s: float = 5.0
    imports: int = 5
    scale_rows: tuple[int, ...] = (10_000, 100_000, 1_200_000)
    scale_repeats: int = 200
    reaction_trials: int = 30
    density_objects: int = 300
    density_s: float = 180.0


QUICK = Effort(
    is_quick=True,
    runs=1,
    warm_up_orders=10,
    accept_s=1.0,
    probe_s=0.5,
    probe_rate_first=100,
    probe_rate_max=130,
    bare_orders=50,
    dialogues=1,
    start_rate_per_s=20.0,
    start_s=1.0,
    throughput_jobs=5,
    inflight_jobs=30,
    inflight_hold_s=2.0,
    outbound_jobs=20,
    outbound_render_s=10.0,
    outbound_s=10.0,
    inflight_hold_again_s=2.0,
    resume_deaths=2,
    resume_jobs_each=3,
    resume_spread_s=1.0,
    drain_jobs=20,
    drain_orders=2,
    drain_answer_s=18.0,
    gap_rate_per_s=10.0,
    gap_s=3.0,
    keys_s=0.1,
    idle_s=0.5,
    imports=1,
    scale_rows=(1_000,),
    scale_repeats=5,
    reaction_trials=1,
    density_objects=5,
    density_s=20.0,
)
