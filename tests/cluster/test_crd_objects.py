"""What the API server does with a good object: defaults, status, and the columns it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from tools.cluster.api import KubernetesApi, Refusal

from neurocards.domain.arrivals import LEVELS, PPM, RateBelief
from neurocards.domain.scaling_memory import HELD_MAX, Held, Memory
from neurocards.domain.scaling_policy import REPLICAS_MAX
from neurocards.scaling_policies import API_VERSION, KIND, load_policy, read_policy
from support.scaling_documents import EVERYTHING
from support.scaling_objects import Tree, scaling
from support.scaling_pool import POLICIES

NOON = "2026-03-04T09:00:00Z"
STATUS: Tree = {
    "observedGeneration": 1,
    "replicas": 2,
    "desiredReplicas": 12,
    "readyReplicas": 2,
    "queue": 57,
    "wait": "1m5s",
    "decision": {
        "replicas": 12,
        "reason": "Objective",
        "message": "12 replicas: 230 jobs need 240 slots",
        "at": NOON,
        "contributions": [
            {"kind": "wish", "source": "Base", "replicas": 2, "text": "the base of the policy"},
            {"kind": "limit", "source": "ReplicasMax", "replicas": 50, "text": "50 at most"},
        ],
    },
    "nextScheduledChange": {"at": NOON, "windows": ["evening"], "min": 50},
    "memory": "{}",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Deciding",
            "message": "decides every 15 s",
            "observedGeneration": 1,
            "lastTransitionTime": NOON,
        }
    ],
}


def document(path: Path) -> Tree:
    tree: Tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tree


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_every_ready_made_policy_is_stored_and_means_the_same(
    api: KubernetesApi, namespace: str, path: Path
):
    """What the server adds to it are the reader's own defaults."""
    stored = await api.create(document(path), namespace=namespace)
    assert read_policy(stored) == load_policy(path)


async def test_an_object_that_uses_every_field_is_stored_and_means_the_same(
    api: KubernetesApi, namespace: str
):
    """Nothing of it is pruned."""
    tree = yaml.safe_load(EVERYTHING) | {"metadata": {"name": "workers"}}
    stored = await api.create(tree, namespace=namespace)
    assert stored["spec"] == tree["spec"]


async def test_what_is_left_out_is_stored_with_the_defaults_of_the_reader(
    api: KubernetesApi, namespace: str
):
    """So `kubectl get -o yaml` shows what is decided by."""
    stored = await api.create(scaling(), namespace=namespace)
    assert stored["spec"] == {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "neurocards-worker",
        },
        "pool": "default",
        "mode": "Auto",
        "replicas": {"min": 1, "max": 100},
        "jobsPerReplica": 20,
        "forecast": {"mode": "Observe", "horizon": "15m"},
        "behavior": {"scaleUp": {"hold": "0s"}, "scaleDown": {"hold": "60s", "maxPercent": 100}},
        "evaluation": {"interval": "15s", "staleAfter": "60s"},
    }
    assert read_policy(stored) == read_policy(scaling())


async def test_a_status_is_kept_whole_and_leaves_the_generation_alone(
    api: KubernetesApi, namespace: str
):
    """What the operator writes comes back as it was."""
    await api.create(scaling({}), namespace=namespace)
    patched = await api.patch(
        API_VERSION, KIND, "workers", {"status": STATUS}, namespace=namespace, part="/status"
    )
    assert patched["status"] == STATUS
    assert patched["metadata"]["generation"] == 1


async def test_a_status_cannot_be_smuggled_in_with_the_object(api: KubernetesApi, namespace: str):
    """Only who may write the status writes it."""
    stored = await api.create(scaling({}, status=STATUS), namespace=namespace)
    assert "status" not in stored


async def test_a_memory_as_large_as_it_gets_fits_into_the_status(
    api: KubernetesApi, namespace: str
):
    """A memory that is refused would be forgotten at the next start."""
    await api.create(scaling({}), namespace=namespace)
    held = (Held(REPLICAS_MAX, 10**13),) * (HELD_MAX + 1)
    belief = RateBelief((2 * PPM,) * LEVELS, (2 * PPM,) * LEVELS)
    times = dict.fromkeys(("evaluated_ms", "counted_ms", "lowered_ms", "budget_used_ms"), 10**13)
    memory = Memory(highs=held, lows=held, belief=belief, **times)
    status = {"memory": json.dumps(memory.to_dict())}
    where = {"namespace": namespace, "part": "/status"}
    patched = await api.patch(API_VERSION, KIND, "workers", {"status": status}, **where)
    assert patched["status"] == status
    status = {"memory": "x" * 32_769}
    with pytest.raises(Refusal, match=r"status\.memory: Too long"):
        await api.patch(API_VERSION, KIND, "workers", {"status": status}, **where)


async def test_the_columns_say_what_is_decided_and_why(api: KubernetesApi, namespace: str):
    """`kubectl get nscale` prints these."""
    await api.create(scaling({"replicas": {"min": 1, "max": 50}}), namespace=namespace)
    where = {"namespace": namespace, "part": "/status"}
    await api.patch(API_VERSION, KIND, "workers", {"status": STATUS}, **where)
    table = await api.table(API_VERSION, KIND, namespace=namespace)
    shown = [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0]
    assert shown == [
        *("Name", "Target", "Min", "Max", "Desired", "Ready", "Queue", "Wait", "Reason", "Age")
    ]
    cells = table["rows"][0]["cells"][: len(shown) - 1]
    assert cells == ["workers", "neurocards-worker", 1, 50, 12, 2, 57, "1m5s", "Objective"]


async def test_the_short_name_is_known(api: KubernetesApi):
    """`kubectl get nscale` finds it by the discovery of the API."""
    resources = (await api.resources(API_VERSION))["resources"]
    own = next(r for r in resources if r["name"] == "neurocardsscalings")
    assert (own["shortNames"], own["kind"], own["namespaced"]) == (["nscale"], KIND, True)
    assert {r["name"] for r in resources} == {"neurocardsscalings", "neurocardsscalings/status"}
