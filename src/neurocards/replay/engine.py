"""The replay of one policy on one trace: a discrete-event loop, from the first job to the last.

Where several things fall on one instant, the world goes first (a job ends, a pod becomes ready, a
job arrives) and the policy sees the outcome. Hours are counted until the last job is done and the
trace is over, whichever comes later; a policy that never finishes is cut off and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neurocards.replay.fleet import Cluster, Fleet, Tally
from neurocards.replay.scaler import Scaler
from neurocards.replay.trace import Trace

OVERTIME_MAX_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Run:
    """What happened. Times in seconds from the start of the trace; NaN where it never happened."""

    policy: str
    slots: int
    first_start_s: Sequence[float]
    finish_s: Sequence[float]
    replicas: Sequence[tuple[float, int]]
    """The wanted replicas from each moment on."""
    end_s: float
    tally: Tally


def replay(trace: Trace, scaler: Scaler, cluster: Cluster, *, late_after_s: float) -> Run:
    """Let `scaler` run the whole trace. A job is late when it waited longer than `late_after_s`."""
    fleet = Fleet(trace, cluster, hands_over=scaler.hands_over)
    fleet.late_after_s = late_after_s
    fleet.begin_with(scaler.replicas_at_start)
    replicas = [(0.0, scaler.replicas_at_start)]
    deadline_s = trace.span_s + OVERTIME_MAX_S
    end_s = 0.0
    while True:
        arrival_s = trace.arrivals_s[fleet.arrived] if fleet.arrived < len(trace) else math.inf
        world_s = min(arrival_s, fleet.next_happening_s())
        now_s = min(world_s, scaler.next_at_s())
        if _is_over(fleet, trace, now_s) or now_s > deadline_s:
            break
        end_s = now_s
        if world_s <= now_s:
            if _let_happen(fleet, now_s, arrives=arrival_s < fleet.next_happening_s()):
                scaler.woken(now_s)
            continue
        wanted = scaler.decide(now_s, fleet)
        if wanted != fleet.spec:
            fleet.scale_to(now_s, wanted)
            replicas.append((now_s, wanted))
    if fleet.finished == len(trace):
        end_s = max(trace.span_s, max(fleet.finish_s, default=0.0))
    fleet.close(end_s)
    return Run(
        policy=scaler.name,
        slots=cluster.slots,
        first_start_s=fleet.first_start_s,
        finish_s=fleet.finish_s,
        replicas=replicas,
        end_s=end_s,
        tally=fleet.tally,
    )


def _let_happen(fleet: Fleet, now_s: float, *, arrives: bool) -> bool:
    if not arrives:
        return fleet.happen()
    fleet.arrive(now_s)
    return True


def _is_over(fleet: Fleet, trace: Trace, now_s: float) -> bool:
    """All jobs are done, and the trace has no moment left."""
    return fleet.finished == len(trace) and now_s > trace.span_s
