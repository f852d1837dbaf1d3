"""A burst of orders: the operator brings the pods for it, and takes them away again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from e2e.conftest import Installed
from support.cluster_shop import ClusterShop
from support.e2e_record import Record
from support.releases import replicas_of, seconds_since

ORDERS = 200
ENDED_WITHIN_S = 900.0
BACK_WITHIN_S = 300.0
TITLE = "2. A burst of 200 orders"


async def test_a_burst_scales_the_workers_up_and_down_again(
    installed: Installed, shop: ClusterShop, tmp_path: Path, record: Record
):
    """All videos arrive, no invariant is broken, and in the end one pod is left, as before."""
    kubectl, began = installed.place.kubectl, time.monotonic()
    seen: list[int] = []
    before = await shop.ended()
    watched = tmp_path / "nscale"
    async with kubectl.watching(watched, "get", "nscale", "--watch", "--output", "wide"):
        counting = asyncio.create_task(_count(installed, seen))
        await shop.order(ORDERS)
        ordered_s = seconds_since(began)
        await shop.until_ended(before + ORDERS, within_s=ENDED_WITHIN_S)
        delivered_s = seconds_since(began)
        async with asyncio.timeout(BACK_WITHIN_S):
            while replicas_of(kubectl) != (1, 1):  # noqa: ASYNC110 - the operator does it
                await asyncio.sleep(1)
        back_s = seconds_since(began)
        counting.cancel()
    jobs, breaches = await shop.verdict()
    assert breaches == []
    assert sum(job.is_delivered for job in jobs) >= ORDERS
    assert max(seen) >= 4
    record.tell(
        TITLE,
        f"Ordered by {ORDERS} people within {ordered_s} s through the bot's own menus, delivered "
        f"after {delivered_s} s, {max(seen)} worker pods ready at most, one again after "
        f"{back_s} s. `kubectl get nscale --watch`, where numbers or the reason change:\n"
        f"```\n{_told(watched)}\n```",
    )


async def _count(installed: Installed, seen: list[int]) -> None:
    while True:
        _, ready = await asyncio.to_thread(replicas_of, installed.place.kubectl)
        seen.append(ready)
        await asyncio.sleep(2)


def _told(path: Path) -> str:
    """Leave out lines in which only queue, waiting time, age and words change."""
    head, *lines = path.read_text().splitlines()
    columns = [slice(head.index(name), head.index(name) + 9) for name in ("DESIRED", "READY")]
    reason = head.index("REASON")
    kept: list[str] = [head.rstrip()]
    before: list[str] = []
    for line in lines:
        told = [line[column].split(" ")[0] for column in columns] + line[reason:].split()[:1]
        if told != before:
            kept.append(line.rstrip())
        before = told
    return "\n".join(kept)
