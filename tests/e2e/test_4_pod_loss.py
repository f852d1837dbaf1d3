"""Pods are deleted in the middle of a run, with a second to say goodbye."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from e2e.conftest import Installed
from support.cluster_shop import ClusterShop
from support.e2e_record import Record
from support.kubectl import Kubectl
from support.releases import pods_of, seconds_since

ORDERS = 60
ENDED_WITHIN_S = 900.0
BACK_WITHIN_S = 240.0
PAUSE_S = 5.0
TITLE = "4. Pods deleted during a run"


async def test_no_invariant_breaks_when_pods_are_deleted(
    installed: Installed, shop: ClusterShop, record: Record
):
    """Workers, bot, operator, NATS (its volume wiped too) and PostgreSQL, one after the other."""
    kubectl = installed.place.kubectl
    before = await shop.ended()
    told: list[str] = []
    ordering = asyncio.create_task(shop.order(ORDERS))
    await asyncio.sleep(PAUSE_S)
    for name, strike in STRIKES.items():
        began = time.monotonic()
        await strike(kubectl)
        await _until_whole(kubectl)
        told.append(f"| {name} | all pods ready again after {seconds_since(began)} s |")
        await asyncio.sleep(PAUSE_S)
    await ordering
    await shop.until_ended(before + ORDERS, within_s=ENDED_WITHIN_S)
    jobs, breaches = await shop.verdict()
    assert breaches == []
    mine = [job for job in jobs if job.user_id in set(shop.users)]
    assert len(mine) == ORDERS
    delivered = sum(job.is_delivered for job in mine)
    refunded = sum(job.status in {"failed", "cancelled"} for job in mine)
    assert delivered + refunded == ORDERS
    record.tell(
        TITLE,
        f"{ORDERS} orders: {delivered} delivered, {refunded} refunded, no invariant broken.\n\n"
        "| deleted with a grace of 1 s | |\n|---|---|\n" + "\n".join(told),
    )


async def _end(kubectl: Kubectl, component: str) -> None:
    for pod in pods_of(kubectl, component):
        # One second, and not by force: a second server on the same volume would be no pod loss.
        arguments = ("delete", "pod", pod, "--grace-period=1", "--wait=false")
        await asyncio.to_thread(kubectl.run, *arguments)


async def _end_workers(kubectl: Kubectl) -> None:
    await _end(kubectl, "worker")


async def _end_bot(kubectl: Kubectl) -> None:
    await _end(kubectl, "bot")


async def _end_operator(kubectl: Kubectl) -> None:
    await _end(kubectl, "operator")


async def _end_nats(kubectl: Kubectl) -> None:
    await _end(kubectl, "nats")


async def _wipe_nats(kubectl: Kubectl) -> None:
    """Take the claim away with the pod: the StatefulSet makes an empty one."""
    claim = "data-neurocards-nats-0"
    await asyncio.to_thread(kubectl.run, "delete", "pvc", claim, "--wait=false")
    await _end(kubectl, "nats")


async def _end_postgres(kubectl: Kubectl) -> None:
    await _end(kubectl, "postgres")


STRIKES: dict[str, Callable[[Kubectl], Awaitable[None]]] = {
    "all workers": _end_workers,
    "the bot": _end_bot,
    "the operator": _end_operator,
    "NATS": _end_nats,
    "NATS and its volume": _wipe_nats,
    "PostgreSQL": _end_postgres,
}


async def _until_whole(kubectl: Kubectl) -> None:
    """Wait until every pod of the release is ready, and none is on its way out."""
    async with asyncio.timeout(BACK_WITHIN_S):
        await asyncio.sleep(1)
        while not await asyncio.to_thread(_is_whole, kubectl):  # noqa: ASYNC110 - the cluster does it
            await asyncio.sleep(1)


def _is_whole(kubectl: Kubectl) -> bool:
    tree = json.loads(kubectl.run("get", "deployments,statefulsets", "--output", "json"))
    return all(
        one["status"].get("readyReplicas", 0) >= one["spec"]["replicas"]
        and one["status"].get("observedGeneration") == one["metadata"]["generation"]
        for one in tree["items"]
    )
