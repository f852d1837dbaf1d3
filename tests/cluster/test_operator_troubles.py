"""What goes wrong around the operator: each a condition with its sentence, none a crash."""

from __future__ import annotations

from typing import Any

import pytest

from neurocards.scaling_policies import API_VERSION, KIND
from support.scaling_fixtures import stage as stage  # noqa: PLC0414 - a fixture of this folder
from support.scaling_stage import APPS, DEPLOYMENT, ScalingStage, until


async def test_a_missing_target_is_said_and_waited_for(stage: ScalingStage):
    await stage.policy(replicas={"min": 2, "base": 2, "max": 5})
    async with stage.operator() as operator:
        condition = await stage.until_condition("Ready", "TargetMissing", answer="False")
        assert condition["message"] == f"there is no Deployment worker in {stage.namespace}"
        await stage.until_condition("Degraded", "TargetMissing", answer="True")
        await stage.deployment(1)
        await stage.until_replicas(2)
        await stage.until_condition("Degraded", "SignalsFresh", answer="False")
        assert operator.child.is_running


async def test_a_policy_that_contradicts_the_calendar_scales_nothing(stage: ScalingStage):
    """30 February: the API server cannot see it, and KEDA would keep the window open for ever."""
    never = {"name": "x", "timeZone": "Europe/Moscow", "start": "0 8 30 2 *", "end": "0 9 30 2 *"}
    await stage.deployment(7)
    await stage.policy(schedules=[never | {"min": 20}])
    async with stage.operator():
        condition = await stage.until_condition("Degraded", "PolicyFault", answer="True")
        assert "spec.schedules[0]" in condition["message"]
        await stage.until_condition("Ready", "PolicyFault", answer="False")
        assert await stage.replicas() == 7


async def test_a_number_that_may_not_be_written_is_told_with_the_reason(stage: ScalingStage):
    """RBAC or an admission policy: the decision is shown, and that it was refused."""
    await stage.deployment(1)
    await stage.policy(replicas={"min": 1, "base": 1, "max": 5})
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding", answer="True")
        await stage.take_right_away("apps", "deployments/scale")
        await stage.change_policy(replicas={"min": 3, "base": 3, "max": 5})
        condition = await stage.until_condition("Ready", "ScaleRefused", answer="False")
        assert "3 replicas are wanted" in condition["message"]
        assert "forbidden" in condition["message"]
        await stage.until_condition("Degraded", "ScaleRefused", answer="True")
        assert (await stage.object())["status"]["desiredReplicas"] == 3
        assert await stage.replicas() == 1


async def test_pods_that_carry_another_number_of_jobs_are_told(stage: ScalingStage):
    """Then every number of pods would be wrong: the policy counts on jobs per replica."""
    container = {
        "name": "worker",
        "image": "neurocards-worker",
        "env": [{"name": "WORKER_CONCURRENCY", "value": "7"}],
    }
    template = {"metadata": {"labels": {"app": DEPLOYMENT}}, "spec": {"containers": [container]}}
    await stage.deployment(1, template=template)
    await stage.policy()
    async with stage.operator():
        condition = await stage.until_condition("Degraded", "SlotsMismatch", answer="True")
        assert "a pod carries 7 jobs at once" in condition["message"]


async def test_of_twenty_policies_a_broken_one_keeps_no_other_from_scaling(stage: ScalingStage):
    """G-6, S3-18: each is decided by itself, and the broken one says why."""
    names = [f"region-{number:02}" for number in range(20)]
    broken, *healthy = names
    never = {"name": "x", "timeZone": "Europe/Moscow", "start": "0 8 30 2 *", "end": "0 9 30 2 *"}
    for name in names:
        await stage.deployment(1, name=name)
        await stage.policy(
            name=name,
            pool=name,
            scaleTargetRef={"kind": "Deployment", "name": name},
            replicas={"min": 2, "base": 2, "max": 5},
            **({"schedules": [never | {"min": 4}]} if name == broken else {}),
        )
    async with stage.operator() as operator:
        condition = await stage.until_condition("Ready", "PolicyFault", name=broken, answer="False")
        assert "spec.schedules[0]" in condition["message"]
        await _until_all_have(stage, healthy, 2)
        for name in names:
            await stage.change_policy(name=name, replicas={"min": 3, "base": 3, "max": 5})
        await _until_all_have(stage, healthy, 3)
        assert await stage.replicas(broken) == 1
        assert operator.child.is_running


async def _until_all_have(stage: ScalingStage, names: list[str], count: int) -> None:
    async def look() -> bool:
        return {await stage.replicas(name) for name in names} == {count}

    await until(look, what=f"{count} replicas of each")


async def test_of_two_policies_the_older_one_scales_and_the_younger_one_says_so(
    stage: ScalingStage,
):
    await stage.deployment(1)
    await stage.policy(name="a-first", replicas={"min": 3, "base": 3, "max": 5})
    async with stage.operator():
        await stage.until_replicas(3)
        await stage.policy(name="z-second", replicas={"min": 9, "base": 9, "max": 9})
        condition = await stage.until_condition(
            "Conflict", "SecondPolicy", name="z-second", answer="True"
        )
        assert condition["message"].endswith("is scaled by the older a-first")
        assert await stage.replicas() == 3
        await stage.api.delete(API_VERSION, KIND, "a-first", namespace=stage.namespace)
        await stage.until_replicas(9)
        await stage.until_condition("Conflict", "NoConflict", name="z-second", answer="False")


async def test_an_autoscaler_on_the_target_is_not_fought(stage: ScalingStage):
    reference = {"apiVersion": APPS, "kind": "Deployment", "name": DEPLOYMENT}
    autoscaler: dict[str, Any] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "other"},
        "spec": {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 4},
    }
    await stage.deployment(2)
    await stage.api.create(autoscaler, namespace=stage.namespace)
    await stage.policy(replicas={"min": 9, "base": 9, "max": 9})
    async with stage.operator():
        condition = await stage.until_condition(
            "Conflict", "HorizontalPodAutoscaler", answer="True"
        )
        assert "HorizontalPodAutoscaler other scales Deployment worker" in condition["message"]
        assert (await stage.object())["status"]["desiredReplicas"] == 9
        assert await stage.replicas() == 2


@pytest.mark.parametrize(
    ("mode", "answer", "reason"), [("Observe", "True", "Observing"), ("Paused", "True", "Paused")]
)
async def test_a_mode_that_writes_nothing_writes_nothing(
    stage: ScalingStage, mode: str, answer: str, reason: str
):
    """S0-33: paused and unpaused in the object; Observe decides and explains."""
    await stage.deployment(2)
    await stage.policy(mode=mode, replicas={"min": 9, "base": 9, "max": 9})
    async with stage.operator():
        await stage.until_condition("Ready", reason, answer=answer)
        assert await stage.replicas() == 2
        shown = (await stage.object())["status"].get("desiredReplicas")
        assert shown == (9 if mode == "Observe" else None)
        await stage.change_policy(mode="Auto")
        await stage.until_replicas(9)


async def test_in_a_rollout_the_number_may_rise_and_not_fall(stage: ScalingStage):
    await stage.deployment(1, strategy={"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
    await stage.policy()
    async with stage.operator():
        await stage.shop.order(4)
        await stage.until_replicas(4)
        # A template whose pods find no node: the rollout stands still.
        nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"no": "where"}}}}}
        await stage.api.patch(APPS, "Deployment", DEPLOYMENT, nowhere, namespace=stage.namespace)

        async def is_rolling() -> bool:
            tree = await stage.api.read(APPS, "Deployment", DEPLOYMENT, namespace=stage.namespace)
            status = tree["status"]
            return bool(status.get("updatedReplicas", 0) < status.get("replicas", 0))

        await until(is_rolling)
        await stage.shop.end_all()
        condition = await stage.until_condition("Limited", "RolloutInProgress", answer="True")
        assert "of a former template are still there" in condition["message"]
        assert await stage.replicas() == 4
        await stage.shop.order(6)
        await stage.until_replicas(6)


async def test_without_postgresql_nothing_is_taken_away(stage: ScalingStage, postgres_server: Any):
    """Signals that cannot be read hold what runs, and say since when."""
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(5)
        await stage.until_replicas(5)
        await postgres_server.kill()
        try:
            await stage.until_condition("Degraded", "PostgresUnavailable", answer="True")
            await stage.until_condition("Limited", "StaleSignals", answer="True")
            assert await stage.replicas() == 5
            report = await operator.readiness()
            assert report["checks"]["postgres"]["ok"] is False
        finally:
            await postgres_server.start()
        await stage.until_condition("Degraded", "SignalsFresh", answer="False")
        assert operator.child.is_running


async def test_without_nats_nothing_is_taken_away(stage: ScalingStage, nats_server: Any):
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(5)
        await stage.until_replicas(5)
        await nats_server.kill()
        try:
            await stage.until_condition("Degraded", "NatsUnavailable", answer="True")
            await stage.shop.forget_jobs()
            await stage.until_condition("Limited", "StaleSignals", answer="True")
            assert await stage.replicas() == 5
        finally:
            await nats_server.start()
        await until(stage.shop.is_connected)
        await stage.shop.end_all()
        await stage.until_replicas(1)
        assert operator.child.is_running


async def test_a_stream_that_contradicts_the_database_takes_nothing_away(stage: ScalingStage):
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        await stage.shop.order(20)
        await stage.until_replicas(20)
        await stage.shop.forget_jobs()
        await stage.until_condition("Degraded", "Contradiction", answer="True")
        assert await stage.replicas() == 20
        await stage.shop.end_all()
        await stage.until_replicas(1)


async def test_an_api_server_that_goes_away_and_comes_back_finds_the_operator_at_work(
    stage: ScalingStage, cluster: Any
):
    if cluster.plane is None:
        pytest.xfail("the API server of a foreign cluster is not ours to stop")
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator() as operator:
        await stage.until_condition("Ready", "Deciding")
        await cluster.plane.stop_api()
        try:
            await stage.shop.order(8)

            async def noticed() -> bool:
                failed = await operator.metric(
                    "neurocards_kubernetes_requests_total", status="away"
                )
                return bool(failed)

            await until(noticed)
        finally:
            await cluster.plane.start_api()
        await stage.until_replicas(8, within_s=60)
        assert operator.child.is_running


async def test_a_target_that_may_not_be_read_is_said(stage: ScalingStage):
    await stage.deployment(1)
    await stage.policy()
    async with stage.operator():
        await stage.until_condition("Ready", "Deciding")
        await stage.take_right_away("apps", "deployments")
        condition = await stage.until_condition("Ready", "TargetForbidden", answer="False")
        assert "may not be read" in condition["message"]
