"""Several operators: exactly one acts, the next one takes over, and a dead one blocks nothing."""

from __future__ import annotations

import asyncio
import time

from tools.cluster.api import Tree

from neurocards.scaling_policies import API_VERSION, KIND
from support.operator_process import OperatorProcess
from support.scaling_fixtures import stage as stage  # noqa: PLC0414 - a fixture of this folder
from support.scaling_stage import ScalingStage, until

LEADER = "neurocards_operator_is_leader"
PRODUCTION = {"NEUROCARDS_LEASE_DURATION_S": "15", "NEUROCARDS_API_TIMEOUT_S": "5"}


async def leaders(*operators: OperatorProcess) -> list[OperatorProcess]:
    states = [await operator.metric(LEADER) for operator in operators]
    return [operator for operator, state in zip(operators, states, strict=True) if state]


async def leader_of(*operators: OperatorProcess) -> OperatorProcess:
    async def one() -> OperatorProcess | None:
        found = await leaders(*operators)
        assert len(found) <= 1, "two operators act"
        return found[0] if found else None

    return await until(one, what="a leader")


async def test_of_two_operators_one_acts_and_the_other_takes_over_from_its_death(
    stage: ScalingStage,
):
    """G-11, S3-29: within thirty seconds of a death without a word, at the production settings."""
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator(**PRODUCTION) as first, stage.operator(**PRODUCTION) as second:
        acting = await leader_of(first, second)
        waiting = second if acting is first else first
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(4)
        await stage.until_replicas(4)
        assert not await waiting.metric("neurocards_scaling_evaluations_total")
        died_at = time.monotonic()
        await acting.kill()
        await until(lambda: leaders(waiting), what="a takeover")
        assert time.monotonic() - died_at < 30
        await stage.shop.order(3)
        await stage.until_replicas(7)
        assert await leaders(waiting) == [waiting]


async def test_an_operator_that_ends_in_order_gives_the_lease_back(stage: ScalingStage):
    """S3-6: the next one begins at once, without waiting for the lease to run out."""
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator(**PRODUCTION) as first:
        await leader_of(first)
        async with stage.operator(**PRODUCTION) as second:
            assert await first.stop() == 0
            await leader_of(second)
            await stage.shop.order(3)
            await stage.until_replicas(3, within_s=10)


async def test_an_operator_that_stood_still_writes_nothing_after_it_was_replaced(
    stage: ScalingStage,
):
    """The fence: it wakes up in the belief that it acts, and finds that its time is over."""
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator() as first, stage.operator() as second:
        frozen = await leader_of(first, second)
        other = second if frozen is first else first
        await stage.until_condition("Ready", "Deciding")
        frozen.freeze()
        await until(lambda: leaders(other), what="a takeover")
        await stage.shop.order(5)
        await stage.until_replicas(5)
        frozen.thaw()
        lease = await _lease(stage)
        await asyncio.sleep(3)
        assert (await _lease(stage))["spec"]["holderIdentity"] == lease["spec"]["holderIdentity"]

        async def is_settled() -> bool:
            return await leaders(first, second) == [other]

        await until(is_settled, what="a former leader that knows it")
        assert await stage.replicas() == 5


async def _lease(stage: ScalingStage) -> Tree:
    return await stage.api.read(
        "coordination.k8s.io/v1", "Lease", "neurocards-operator", namespace=stage.namespace
    )


async def test_an_object_carries_no_mark_of_the_operator(stage: ScalingStage):
    """No finalizer and no annotation: what it knows stands in the status."""
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        metadata = (await stage.object())["metadata"]
        assert "finalizers" not in metadata
        assert "annotations" not in metadata


async def test_with_the_operator_dead_an_object_and_its_namespace_go_at_once(
    stage: ScalingStage,
):
    await stage.deployment(1)
    await stage.policy()
    await stage.policy(name="z-other")
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")
        await stage.until_condition("Conflict", "SecondPolicy", name="z-other")
        await operator.kill()
    await stage.api.delete(API_VERSION, KIND, "workers", namespace=stage.namespace)

    async def is_gone() -> bool:
        found = await stage.api.find(API_VERSION, KIND, "workers", namespace=stage.namespace)
        return found is None

    await until(is_gone, what="an object that goes")
    await stage.api.delete("v1", "Namespace", stage.namespace)

    async def namespace_is_gone() -> bool:
        return await stage.api.find("v1", "Namespace", stage.namespace) is None

    await until(namespace_is_gone, within_s=60, what="a namespace that goes")
    # The fixture deletes it once more.
    metadata = {"name": stage.namespace}
    await stage.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


async def test_an_object_that_is_deleted_and_made_again_begins_anew(stage: ScalingStage):
    await stage.deployment(1)
    await stage.policy(replicas={"min": 3, "base": 3, "max": 9})
    async with stage.operator() as operator:
        await stage.until_replicas(3)
        await stage.api.delete(API_VERSION, KIND, "workers", namespace=stage.namespace)

        async def is_forgotten() -> bool:
            return await operator.metric("neurocards_scaling_objects") == 0

        await until(is_forgotten)
        await stage.policy(replicas={"min": 6, "base": 6, "max": 9})
        await stage.until_replicas(6)
