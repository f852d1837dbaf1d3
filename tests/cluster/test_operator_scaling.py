"""The operator on a real API server: bursts, zero, holds, and what becomes known of a decision."""

from __future__ import annotations

from neurocards.scaling_policies import API_VERSION, KIND
from support.operator_process import OperatorProcess
from support.scaling_fixtures import stage as stage  # noqa: PLC0414 - a fixture of this folder
from support.scaling_objects import Tree
from support.scaling_stage import APPS, DEPLOYMENT, ScalingStage, until
from support.statements import load

SQL = load("scaling")
COST = "controller.kubernetes.io/pod-deletion-cost"


async def test_a_burst_is_answered_by_the_hint_and_not_by_the_interval(stage: ScalingStage):
    """S2-9: forty orders, forty replicas, although the next look by itself is minutes away."""
    await stage.deployment(1)
    await stage.policy(evaluation={"interval": "10m", "staleAfter": "20m"})
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(40)
        await stage.until_replicas(40, within_s=15)


async def test_a_pool_wakes_from_zero_and_goes_back_to_it(stage: ScalingStage):
    """S0-24: nobody waits, nobody works, nothing is paid for."""
    await stage.deployment(0)
    await stage.policy(replicas={"min": 0, "base": 0, "max": 50})
    async with stage.operator():
        await stage.until_condition("Active", "NoJobs")
        await stage.shop.order(3)
        await stage.until_replicas(3)
        await stage.shop.end_all()
        await stage.until_replicas(0)


async def test_a_change_is_told_in_the_status_an_event_and_the_database(stage: ScalingStage):
    """S0-7, S0-47: what was decided, what bound it, and everything that was weighed."""
    await stage.deployment(1)
    # No look between the orders, which come one by one: a hint tells when all of them are there.
    seldom = {"interval": "10m", "staleAfter": "20m"}
    await stage.policy(replicas={"min": 1, "base": 1, "max": 5}, evaluation=seldom)
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(9)
        await stage.until_replicas(5)
        await stage.until_condition("Limited", "ReplicasMax", answer="True")
        status = (await stage.object())["status"]
        assert (status["replicas"], status["desiredReplicas"], status["queue"]) == (5, 5, 9)
        assert status["decision"]["reason"] == "ReplicasMax"
        assert status["decision"]["message"].startswith("5 replicas: the policy allows 5 at most")
        sources = {one["source"] for one in status["decision"]["contributions"]}
        assert sources >= {"Base", "Objective", "ReplicasMax"}

        event = await until(lambda: _event(stage, "ScaledUp"))
        assert event["message"].startswith("1 -> 5 replicas: the policy allows 5 at most")
        assert event["involvedObject"]["uid"] == (await stage.object())["metadata"]["uid"]
        row = await stage.shop.pool.fetchrow(SQL["newest_decision"], stage.namespace, "workers")
        assert row is not None
        assert (row["replicas_before"], row["replicas"], row["reason"]) == (1, 5, "ReplicasMax")
        assert row["details"]["queued"] == 9
        labels = {"namespace": stage.namespace, "name": "workers"}
        assert await operator.metric("neurocards_scaling_desired_replicas", **labels) == 5
        changes = "neurocards_scaling_changes_total"
        assert await operator.metric(changes, **labels, reason="ReplicasMax") == 1


async def _event(stage: ScalingStage, reason: str) -> Tree | None:
    events = await stage.api.list("v1", "Event", namespace=stage.namespace)
    return next((event for event in events if event["reason"] == reason), None)


async def test_while_nothing_happens_nothing_is_written(stage: ScalingStage):
    """Many looks, no write: neither the object nor its target changes its version."""
    await stage.deployment(1)
    await stage.policy(evaluation={"interval": "1s", "staleAfter": "5s"})
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")

        async def is_up() -> bool:
            return bool((await stage.object())["status"].get("readyReplicas") == 1)

        await until(is_up, what="a ready pod in the status")
        before, looks = await _versions(stage), await _looks(operator)

        async def has_looked() -> bool:
            return await _looks(operator) >= looks + 5

        await until(has_looked)
        assert await _versions(stage) == before


async def _versions(stage: ScalingStage) -> tuple[str, str]:
    target = await stage.api.read(APPS, "Deployment", DEPLOYMENT, namespace=stage.namespace)
    policy = await stage.object()
    return policy["metadata"]["resourceVersion"], target["metadata"]["resourceVersion"]


async def _looks(operator: OperatorProcess) -> float:
    return await operator.metric("neurocards_scaling_evaluations_total", outcome="done") or 0


async def test_an_order_by_hand_holds_until_it_ends_by_itself(stage: ScalingStage):
    """S0-6: manual scale is a field of the object, and nobody has to take it back."""
    await stage.deployment(1)
    await stage.policy(override={"replicas": 7, "until": "2099-01-01T00:00:00Z"})
    async with stage.operator():
        await stage.until_replicas(7)
        await stage.change_policy(override=None)
        await stage.until_replicas(1)


async def test_a_change_of_the_object_is_followed_at_once(stage: ScalingStage):
    await stage.deployment(1)
    await stage.policy(evaluation={"interval": "10m", "staleAfter": "20m"})
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        await stage.change_policy(replicas={"min": 4, "base": 4, "max": 50})
        await stage.until_replicas(4)

        async def is_observed() -> bool:
            tree = await stage.object()
            return bool(tree["status"]["observedGeneration"] == tree["metadata"]["generation"])

        await until(is_observed)


async def test_a_restart_in_a_hold_forgets_nothing_of_it(stage: ScalingStage):
    """The hold began before the first operator died, and ends when it would have ended."""
    await stage.deployment(1)
    await stage.policy(behavior={"scaleDown": {"hold": "12s"}})
    async with stage.operator() as first:
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(6)
        await stage.until_replicas(6)
        await stage.shop.end_all()
        await stage.until_condition("Limited", "HoldDown", answer="True")
        await first.kill()
    wished = (await stage.object())["status"]["memory"]
    async with stage.operator():
        await stage.until_replicas(1, within_s=40)
    assert '"wish":1' in wished


async def test_busy_pods_are_marked_before_a_number_falls(stage: ScalingStage):
    """S0-8: the cost of a pod is what it has in hand."""
    await stage.deployment(3)
    await stage.policy(replicas={"min": 3, "base": 3, "max": 50})

    async def three_pods() -> list[Tree] | None:
        pods = await stage.api.list("v1", "Pod", namespace=stage.namespace)
        ready = [pod for pod in pods if pod["status"].get("phase") == "Running"]
        return ready if len(ready) == 3 else None

    names = [pod["metadata"]["name"] for pod in await until(three_pods)]
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        job_ids = await stage.shop.order(5)
        await stage.until_replicas(5)
        await stage.shop.claim(job_ids[:2], worker=names[1])
        await stage.shop.claim(job_ids[2:3], worker=names[2])
        await stage.shop.end(job_ids[3:])
        await stage.until_replicas(3)

        async def costs() -> dict[str, str] | None:
            pods = await stage.api.list("v1", "Pod", namespace=stage.namespace)
            found = {
                pod["metadata"]["name"]: cost
                for pod in pods
                if (cost := pod["metadata"].get("annotations", {}).get(COST))
            }
            return found or None

        assert await until(costs) == {names[1]: "2", names[2]: "1"}


async def test_the_slots_of_a_canary_are_taken_from_the_demand(stage: ScalingStage):
    """Workers with a fixed number take from the same pool, and nobody scales for their jobs."""
    await stage.deployment(1)
    await stage.policy()
    note = {"metadata": {"annotations": {"neurocards.io/fixed-slots": "4"}}}
    await stage.api.patch(API_VERSION, KIND, "workers", note, namespace=stage.namespace)
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(10)
        await stage.until_replicas(6)
