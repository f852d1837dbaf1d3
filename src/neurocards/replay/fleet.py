"""Workers and a queue, as they would be on a cluster: pods that start, carry jobs, and end.

It decides nothing. `scale_to` does what a Deployment does: it makes pods, or picks victims in the
order of the ReplicaSet controller. What happens to a busy victim depends on the workers. Ordinary
ones finish what they carry within the grace period, and are killed at its end: the job begins
again from nothing. Ours hand over: the job goes back to the queue, its render goes on at the
provider, and the next free slot resumes it.

Invariants: a job is in the queue, in one slot, or finished; a slot carries one job; a pod that is
going takes no job; the hours of a pod run from its creation to its end.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from neurocards.replay.trace import Trace

HAND_OVER_S = 5.0
SERVICE_SAMPLE = 200
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the policies share: how fast pods start, how patient the kubelet is."""

    slots: int = 1
    pod_start_s: float = 15.0
    kill_grace_s: float = 30.0
    seed: int = 1


class Happening(IntEnum):
    """In the order in which they count where they fall on the same instant."""

    FINISH = 0
    READY = 1
    KILL = 2


@dataclass(eq=False, slots=True)
class Pod:
    created_s: float
    ready_s: float
    uid: float
    """Random; the last word among victims that are alike."""
    jobs: dict[int, float] = field(default_factory=dict)
    """Job -> when this pod took it."""
    ready: bool = False
    going: bool = False
    ended_s: float | None = None


@dataclass(slots=True)
class Tally:
    """What cannot be told from the jobs afterwards."""

    interrupted: int = 0
    wasted_render_s: float = 0.0
    handed_over: int = 0
    pod_s: float = 0.0
    started: int = 0
    late: int = 0


class Fleet:
    def __init__(self, trace: Trace, cluster: Cluster, *, hands_over: bool) -> None:
        self._trace, self._cluster, self._hands_over = trace, cluster, hands_over
        self._random = random.Random(f"pods {cluster.seed}")
        self._happenings: list[tuple[float, Happening, int, Pod, int]] = []
        self._serial = 0
        self._pods: dict[Pod, None] = {}
        self._free: list[dict[Pod, None]] = [{} for _ in range(cluster.slots + 1)]
        self._queue: list[int] = []
        self._queued_since_sum_s = 0.0
        self._render_until_s: dict[int, float] = {}
        self._finished_lately: deque[float] = deque(maxlen=SERVICE_SAMPLE)
        self.first_start_s: list[float] = [math.nan] * len(trace)
        self.finish_s: list[float] = [math.nan] * len(trace)
        self.arrived = self.finished = self.running = 0
        self.late_after_s = math.inf
        self.tally = Tally()

    # What a scaler may see.

    @property
    def spec(self) -> int:
        """The replicas that are wanted; the Deployment has made them, ready or not."""
        return len(self._pods)

    @property
    def ready(self) -> int:
        return sum(pod.ready for pod in self._pods)

    @property
    def queued(self) -> int:
        return len(self._queue)

    def mean_wait_s(self, now_s: float) -> float:
        """How long the queued jobs have waited so far."""
        if not self._queue:
            return 0.0
        return max(0.0, now_s - self._queued_since_sum_s / len(self._queue))

    def oldest_wait_s(self, now_s: float) -> float:
        return now_s - self._trace.arrivals_s[self._queue[0]] if self._queue else 0.0

    @property
    def service_s(self) -> float | None:
        """The mean time in a slot of the jobs that finished lately."""
        lately = self._finished_lately
        return sum(lately) / len(lately) if lately else None

    # What the world does to it.

    def next_happening_s(self) -> float:
        return self._happenings[0][0] if self._happenings else math.inf

    def happen(self) -> bool:
        """Let the next happening happen; tell whether the demand or a slot has changed by it."""
        now_s, kind, _, pod, job = heapq.heappop(self._happenings)
        if kind is Happening.FINISH:
            if job in pod.jobs:
                self._finish(now_s, pod, job)
        elif kind is Happening.READY:
            if not pod.going:
                pod.ready = True
                self._free[0][pod] = None
        elif pod.ended_s is None:
            self._kill(now_s, pod)
        self._dispatch(now_s)
        return kind is not Happening.READY

    def arrive(self, now_s: float) -> None:
        self._enqueue(self.arrived)
        self.arrived += 1
        self._dispatch(now_s)

    def begin_with(self, replicas: int) -> None:
        """Have pods that are ready when the trace begins."""
        for _ in range(replicas):
            pod = Pod(0.0, 0.0, self._random.random(), ready=True)
            self._pods[pod] = None
            self._free[0][pod] = None

    def scale_to(self, now_s: float, replicas: int) -> None:
        surplus = len(self._pods) - replicas
        for _ in range(-surplus):
            pod = Pod(now_s, now_s + self._cluster.pod_start_s, self._random.random())
            self._pods[pod] = None
            self._plan(pod.ready_s, Happening.READY, pod)
        if surplus > 0:
            for pod in self._victims(now_s, surplus):
                self._let_go(now_s, pod)
            self._dispatch(now_s)

    def close(self, now_s: float) -> None:
        """End the account: the hours of pods that still live are counted to now."""
        for happening in self._happenings:
            self._end(now_s, happening[3])
        for pod in list(self._pods):
            self._end(now_s, pod)

    def _victims(self, now_s: float, count: int) -> list[Pod]:
        """Order as the ReplicaSet controller does: not ready, cheap, young by powers of two.

        Workers that hand over say what their removal costs: the jobs they carry.
        """

        def rank(pod: Pod) -> tuple[bool, int, int, float]:
            cost = len(pod.jobs) if self._hands_over else 0
            since_s = pod.ready_s if pod.ready else pod.created_s
            age = (now_s - since_s) * NANOSECONDS
            return pod.ready, cost, int(math.log2(age)) if age > 0 else -1, pod.uid

        return heapq.nsmallest(count, self._pods, key=rank)

    def _let_go(self, now_s: float, pod: Pod) -> None:
        pod.going = True
        del self._pods[pod]
        self._free[len(pod.jobs)].pop(pod, None)
        if not pod.jobs:
            self._end(now_s, pod)
        elif self._hands_over:
            self._hand_over(pod)
            self._end(now_s + HAND_OVER_S, pod)
        else:
            self._plan(now_s + self._cluster.kill_grace_s, Happening.KILL, pod)

    def _hand_over(self, pod: Pod) -> None:
        for job in pod.jobs:
            self._enqueue(job)
        self.tally.handed_over += len(pod.jobs)
        self.running -= len(pod.jobs)
        pod.jobs.clear()

    def _kill(self, now_s: float, pod: Pod) -> None:
        for job, since_s in pod.jobs.items():
            self.tally.interrupted += 1
            self.tally.wasted_render_s += now_s - since_s
            del self._render_until_s[job]
            self._enqueue(job)
        self.running -= len(pod.jobs)
        pod.jobs.clear()
        self._end(now_s, pod)

    def _finish(self, now_s: float, pod: Pod, job: int) -> None:
        self._free[len(pod.jobs)].pop(pod, None)
        del pod.jobs[job]
        del self._render_until_s[job]
        self.running -= 1
        self.finished += 1
        self.finish_s[job] = now_s
        self._finished_lately.append(self._trace.services_s[job])
        if not pod.going:
            self._free[len(pod.jobs)][pod] = None
        elif not pod.jobs:
            self._end(now_s, pod)

    def _end(self, now_s: float, pod: Pod) -> None:
        if pod.ended_s is None:
            pod.ended_s = now_s
            self.tally.pod_s += now_s - pod.created_s

    def _enqueue(self, job: int) -> None:
        """In the order of arrival, also when it comes back."""
        heapq.heappush(self._queue, job)
        self._queued_since_sum_s += self._trace.arrivals_s[job]

    def _dispatch(self, now_s: float) -> None:
        """Give queued jobs to the pods that carry the fewest, of these to the first that asked."""
        load = 0
        while self._queue and load < self._cluster.slots:
            if not self._free[load]:
                load += 1
                continue
            pod = next(iter(self._free[load]))
            del self._free[load][pod]
            job = heapq.heappop(self._queue)
            self._queued_since_sum_s -= self._trace.arrivals_s[job]
            self._take(now_s, pod, job)
            self._free[load + 1][pod] = None

    def _take(self, now_s: float, pod: Pod, job: int) -> None:
        if math.isnan(self.first_start_s[job]):
            self.first_start_s[job] = now_s
            self.tally.started += 1
            self.tally.late += now_s - self._trace.arrivals_s[job] > self.late_after_s
        pod.jobs[job] = now_s
        self.running += 1
        self._render_until_s.setdefault(job, now_s + self._trace.services_s[job])
        self._plan(self._due(job, pod), Happening.FINISH, pod, job)

    def _due(self, job: int, pod: Pod) -> float:
        """When it is done here: a render that ended while nobody looked is fetched at once."""
        return max(self._render_until_s[job], pod.jobs[job])

    def _plan(self, at_s: float, kind: Happening, pod: Pod, job: int = -1) -> None:
        self._serial += 1
        heapq.heappush(self._happenings, (at_s, kind, self._serial, pod, job))
