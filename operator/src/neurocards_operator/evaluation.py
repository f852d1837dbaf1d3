"""One evaluation of one object: gather, decide, apply to the target.

Writes replicas and deletion costs, nothing else; what is told of it is the reporter's matter.
Invariant: nothing is written unless this operator may act at that moment, and replicas only over
the version of the target that the decision was made on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from neurocards.domain.scaling import decide
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import Headroom, Mode, ScalingPolicy
from neurocards.errors import StoreUnavailableError
from neurocards.ports.clock import Clock
from neurocards.ports.scaling import Gatherer, SignalSource
from neurocards.scaling_policies import PolicyError, read_policy
from neurocards_operator.cluster import ScalingCluster
from neurocards_operator.conditions import Evaluated, Facts
from neurocards_operator.errors import ClusterError, ClusterRefusedError
from neurocards_operator.rivals import Rivals
from neurocards_operator.roster import Known
from neurocards_operator.target import (
    SLOTS_VARIABLE,
    Target,
    costs_to_set,
    path_of,
    start_s_of,
    supported_kinds,
)
from neurocards_operator.timing import pause_s
from neurocards_operator.verdict import Finding, Obstacles, Verdict, verdict

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 5
"""The target changes while its pods start, and each change refuses a write that was under way."""
COSTS_MAX = 100
START_MEASURED_S = 60.0
FAULTY_PAUSE_S = 60.0


class NotLeadingError(Exception):
    """This operator may no longer act."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of an evaluation; `memory` is the one for the next."""

    facts: Facts
    memory: Memory
    ready: int | None
    now: datetime
    pause_s: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all evaluations share."""

    cluster: ScalingCluster
    source: SignalSource
    rivals: Rivals
    clock: Clock
    may_act: Callable[[], bool]


class Evaluator:
    """Evaluates one object; keeps its gatherer and what it measured of its pods."""

    def __init__(self, around: Surroundings, gatherer: Gatherer) -> None:
        self._around, self._gatherer = around, gatherer
        self._start_s: float | None = None
        self._start_read_at_s: float | None = None
        self._ready_then = -1
        self._unanswered: tuple[int, Turn] | None = None

    async def evaluate(self, known: Known, memory: Memory) -> Turn:
        """Raises ClusterError and NotLeadingError; then nothing is to be remembered."""
        for _ in range(ATTEMPTS_MAX - 1):
            with contextlib.suppress(_TargetChangedError):
                return await self._once(known, memory)
        return await self._once(known, memory)

    async def _once(self, known: Known, memory: Memory) -> Turn:
        try:
            policy = read_policy(known.document)
        except PolicyError as error:
            return self._undecided(Facts(faults=error.faults), memory, FAULTY_PAUSE_S)
        interval_s = float(policy.evaluation.interval_s)
        found = await self._target(known, policy)
        if isinstance(found, Finding):
            facts = Facts(mode=policy.mode, obstacles=Obstacles(blocked=found))
            return self._undecided(facts, memory, interval_s)
        if policy.mode is Mode.PAUSED:
            facts = Facts(mode=policy.mode)
            return self._undecided(facts, memory, interval_s, ready=found.ready)
        unanswered, self._unanswered = self._unanswered, None
        if unanswered is not None and unanswered[0] == found.replicas:
            # It was written after all: a change of which nobody is told would be unexplained.
            return replace(unanswered[1], ready=found.ready, pause_s=0.0)
        return await self._decided(known, policy, memory, found)

    def _undecided(
        self, facts: Facts, memory: Memory, after_s: float, *, ready: int | None = None
    ) -> Turn:
        return Turn(facts, memory, ready, self._around.clock.now(), after_s)

    async def _target(self, known: Known, policy: ScalingPolicy) -> Target | Finding:
        reference = policy.target
        what = f"{reference.kind} {reference.name}"
        if path_of(known.key.namespace, reference) is None:
            text = f"{reference.kind} of {reference.api_version} is none of {supported_kinds()}"
            return Finding("TargetUnsupported", text)
        try:
            return await self._around.cluster.target(known.key.namespace, reference)
        except ClusterRefusedError as error:
            if error.is_missing:
                return Finding("TargetMissing", f"there is no {what} in {known.key.namespace}")
            if error.is_forbidden:
                return Finding("TargetForbidden", f"{what} may not be read: {error}")
            raise

    async def _decided(
        self, known: Known, policy: ScalingPolicy, memory: Memory, target: Target
    ) -> Turn:
        conflict = await self._around.rivals.of(known, policy.target)
        gathered = await self._gatherer.gather(
            policy,
            memory,
            replicas=target.replicas,
            start_s=await self._measured_start_s(known, policy, target),
            fixed_slots=known.fixed_slots,
        )
        decision = decide(gathered.observation, policy, gathered.memory, gathered.now)
        obstacles = Obstacles(
            conflict=conflict, mismatch=_mismatch(policy, target), old_pods=target.old_pods
        )
        outcome = verdict(decision.replicas, target.replicas, policy.mode, obstacles)
        done = Evaluated(policy, gathered.observation, decision, outcome, gathered.troubles)
        turn = Turn(
            facts=Facts(mode=policy.mode, obstacles=obstacles, evaluated=done),
            memory=decision.memory,
            ready=target.ready,
            now=gathered.now,
            pause_s=pause_s(decision, policy, gathered.now),
        )
        if outcome.write is None:
            return turn
        if outcome.write < target.replicas:
            await self._mark_busy_pods(known, policy, target)
        refused = await self._write(known, policy, target, outcome.write, turn)
        if refused is None:
            return turn
        facts = Facts(
            mode=policy.mode,
            obstacles=replace(obstacles, blocked=refused),
            evaluated=replace(done, verdict=Verdict(None, refused)),
        )
        return replace(turn, facts=facts, memory=memory)

    async def _write(
        self, known: Known, policy: ScalingPolicy, target: Target, replicas: int, turn: Turn
    ) -> Finding | None:
        """Write the number; give what was said against it. `turn` tells of it once it is known."""
        if not self._around.may_act():
            raise NotLeadingError
        self._unanswered = replicas, turn
        try:
            await self._around.cluster.scale(
                known.key.namespace,
                policy.target,
                replicas,
                resource_version=target.resource_version,
            )
        except ClusterRefusedError as error:
            self._unanswered = None
            if error.is_conflict:
                raise _TargetChangedError(str(error)) from error
            text = f"{replicas} replicas are wanted, and the API server refuses them: {error}"
            return Finding("ScaleRefused", text)
        self._unanswered = None
        return None

    async def _measured_start_s(
        self, known: Known, policy: ScalingPolicy, target: Target
    ) -> float | None:
        """Look at the pods after some of them came, where the policy asks how fast they start."""
        if policy.slo is None or policy.slo.headroom is not Headroom.AUTO:
            return None
        now_s = self._around.clock.monotonic()
        read_at_s = self._start_read_at_s
        if target.ready == self._ready_then or (
            read_at_s is not None and now_s - read_at_s < START_MEASURED_S
        ):
            return self._start_s
        with contextlib.suppress(ClusterRefusedError):
            pods = await self._around.cluster.pods(known.key.namespace, target.selector)
            self._start_s = start_s_of(pods) or self._start_s
        self._start_read_at_s, self._ready_then = now_s, target.ready
        return self._start_s

    async def _mark_busy_pods(self, known: Known, policy: ScalingPolicy, target: Target) -> None:
        """Let idle pods go first. A nicety: any pod hands its jobs over, so failing is no harm."""
        if not self._around.may_act():
            raise NotLeadingError
        namespace = known.key.namespace
        try:
            jobs = await self._around.source.jobs_by_worker(policy.pool)
            pods = await self._around.cluster.pods(namespace, target.selector)
            costs = costs_to_set(pods, jobs, at_most=COSTS_MAX)
            failed = await self._around.cluster.set_costs(namespace, costs)
        except (ClusterError, StoreUnavailableError) as error:
            log.info("scaling.victims_unmarked", name=known.key.name, reason=str(error))
            return
        if failed:
            reason = f"{failed} of {len(costs)} pods could not be marked"
            log.info("scaling.victims_unmarked", name=known.key.name, reason=reason)


def _mismatch(policy: ScalingPolicy, target: Target) -> Finding | None:
    if target.slots is None or target.slots == policy.jobs_per_replica:
        return None
    text = (
        f"a pod carries {target.slots} jobs at once ({SLOTS_VARIABLE}), and the policy counts on "
        f"{policy.jobs_per_replica} (jobsPerReplica): make them the same"
    )
    return Finding("SlotsMismatch", text)


class _TargetChangedError(ClusterRefusedError):
    """Somebody has changed the target since it was read: look again."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)
