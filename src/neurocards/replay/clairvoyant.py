"""The policy that knows the future: what no policy can beat, as a measure for those that guess.

No job waits (unless the largest number of replicas is in use), and no hour is spent that this does
not take: a pod is started so early that it is ready on the second, and is kept through a gap only
if starting another one would cost more. With several slots in a replica it packs perfectly, as
jobs that are handed over can.

It is computed, not simulated: level by level, from the number of jobs that are carried at a time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from neurocards.replay.engine import Run
from neurocards.replay.fleet import Cluster, Tally
from neurocards.replay.trace import Trace

NAME = "clairvoyant"


def foresee(trace: Trace, cluster: Cluster, *, replicas_max: int) -> Run:
    """Give the cheapest run in which no job waits longer than `replicas_max` forces it to."""
    starts_s, finishes_s = _served(trace, replicas_max * cluster.slots)
    tally = Tally()
    changes: list[tuple[float, int]] = []
    for begin_s, end_s in _lives(starts_s, finishes_s, cluster):
        tally.pod_s += end_s - begin_s
        changes += [(begin_s, 1), (end_s, -1)]
    return Run(
        policy=NAME,
        slots=cluster.slots,
        first_start_s=starts_s,
        finish_s=finishes_s,
        replicas=_summed(changes),
        end_s=max(finishes_s),
        tally=tally,
    )


def _served(trace: Trace, slots: int) -> tuple[list[float], list[float]]:
    """Serve in the order of arrival with all slots there are."""
    free_s = [0.0] * min(slots, len(trace))
    starts_s, finishes_s = [], []
    for arrival_s, service_s in zip(trace.arrivals_s, trace.services_s, strict=True):
        start_s = max(arrival_s, free_s[0])
        heapq.heapreplace(free_s, start_s + service_s)
        starts_s.append(start_s)
        finishes_s.append(start_s + service_s)
    return starts_s, finishes_s


def _lives(
    starts_s: list[float], finishes_s: list[float], cluster: Cluster
) -> Iterator[tuple[float, float]]:
    """Give birth and end of every pod. Level n is alive while at least n replicas are needed."""
    births: list[float | None] = []
    ends: list[float | None] = []
    for moment_s, needed in _needed(starts_s, finishes_s, cluster.slots):
        while needed > len(births):
            births.append(None)
            ends.append(None)
        for level, birth_s in enumerate(births):
            end_s = ends[level]
            if level < needed and (birth_s is None or end_s is not None):
                if birth_s is not None and end_s is not None:
                    if moment_s - end_s <= cluster.pod_start_s:
                        ends[level] = None
                        continue
                    yield birth_s, end_s
                births[level] = max(0.0, moment_s - cluster.pod_start_s)
                ends[level] = None
            elif level >= needed and birth_s is not None and end_s is None:
                ends[level] = moment_s
    for birth_s, end_s in zip(births, ends, strict=True):
        if birth_s is not None and end_s is not None:
            yield birth_s, end_s


def _needed(
    starts_s: list[float], finishes_s: list[float], slots: int
) -> Iterator[tuple[float, int]]:
    """Give the replicas that are needed from each moment on; an end frees for a start."""
    steps = sorted([(at_s, 1) for at_s in starts_s] + [(at_s, -1) for at_s in finishes_s])
    carried = 0
    for index, (at_s, step) in enumerate(steps):
        carried += step
        if index + 1 == len(steps) or steps[index + 1][0] > at_s:
            yield at_s, -(-carried // slots)


def _summed(changes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    replicas, total = [(0.0, 0)], 0
    for at_s, step in sorted(changes):
        total += step
        if at_s == replicas[-1][0]:
            replicas[-1] = (at_s, total)
        elif total != replicas[-1][1]:
            replicas.append((at_s, total))
    return replicas
