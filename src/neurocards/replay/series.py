"""A replay over time, in buckets of equal length: what a picture of it is drawn from."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from neurocards.replay.engine import Run
from neurocards.replay.figures import waits_s
from neurocards.replay.trace import Trace

SLOW = 0.95


class Buckets:
    """A stretch of time cut into `count` parts; each method gives one value per part."""

    def __init__(self, end_s: float, count: int) -> None:
        self.end_s = end_s
        self.count = count
        self._edges_s = [end_s * number / count for number in range(count + 1)]

    def arrivals(self, trace: Trace) -> list[int]:
        return self._counts(trace.arrivals_s)

    def queued(self, trace: Trace, run: Run) -> list[float]:
        """Give the longest queue of each part; a job that is taken at once was never in it."""
        steps = [(at_s, 1) for at_s in trace.arrivals_s]
        steps += [(at_s, -1) for at_s in run.first_start_s if not math.isnan(at_s)]
        longest = [0.0] * self.count
        queued = part = 0
        for at_s, step in sorted(steps):
            while part < self.count - 1 and at_s > self._edges_s[part + 1]:
                part += 1
                longest[part] = queued
            queued += step
            longest[part] = max(longest[part], queued)
        for empty in range(part + 1, self.count):
            longest[empty] = queued
        return longest

    def replicas(self, run: Run) -> list[float]:
        """Give the mean of each part."""
        changes = [*run.replicas, (math.inf, 0)]
        means, index = [], 0
        for begin_s, end_s in pairwise(self._edges_s):
            at_s, area = begin_s, 0.0
            while at_s < end_s:
                while changes[index + 1][0] <= at_s:
                    index += 1
                until_s = min(end_s, changes[index + 1][0])
                area += changes[index][1] * (until_s - at_s)
                at_s = until_s
            means.append(area / (end_s - begin_s))
        return means

    def waits(self, trace: Trace, run: Run) -> list[float]:
        """Give the 95th percentile of the jobs that arrived in each part; none came: 0."""
        waits = waits_s(trace, run)
        slow, first = [], 0
        for count in self.arrivals(trace):
            ordered = sorted(waits[first : first + count])
            slow.append(ordered[math.ceil(SLOW * count) - 1] if ordered else 0.0)
            first += count
        return slow

    def _counts(self, moments_s: Sequence[float]) -> list[int]:
        """Count what falls into each part; `moments_s` in order."""
        until = [0, *(bisect_right(moments_s, edge) for edge in self._edges_s[1:])]
        return [after - before for before, after in pairwise(until)]
