"""Upgrades and a rollback while orders are under way, with both majors of Helm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Place, install
from support.cluster_shop import E2E, ClusterShop, open_shop
from support.e2e_images import NEXT_TAG, UPGRADED
from support.e2e_record import Record
from support.releases import (
    BOT,
    OPERATOR,
    SMALL,
    WORKER,
    replicas_of,
    seconds_since,
    until_rolled_out,
)

IN_FLIGHT = 100
LATER = 30
ENDED_WITHIN_S = 900.0
ANSWERED_WITHIN_S = 60.0
TALKER = 5_000_001
TITLE = "3. Upgrade, rollback and a second upgrade under load"
SLOW: dict[str, Any] = {"demo": {"timeFactor": 1.5}, "worker": {"concurrency": 20}}
"""Renders of 200 s, and room for all of them: they are under way when the upgrade begins."""
NEXT: dict[str, Any] = {
    "images": {name: {"tag": NEXT_TAG} for name in UPGRADED},
    "worker": {"concurrency": 21},
    "bot": {"podAnnotations": {"example.com/changed": "yes"}},
}
AGAIN: dict[str, Any] = {"worker": {"concurrency": 22}, "log": {"level": "debug"}}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
async def test_nothing_is_lost_over_two_upgrades_and_a_rollback(
    helm: str, new_place: Callable[[str], Place], tmp_path: Path, record: Record
):
    """New images, changed values and a migration; the bot answers throughout, nobody pays twice."""
    place = new_place(helm)
    await asyncio.to_thread(install, place, SLOW)
    told = [f"**{helm[:-1].title()} {helm[-1]}**", ""]
    async with open_shop(place.kubectl, tmp_path) as shop, shop.talking(TALKER) as talk:
        await shop.order(IN_FLIGHT)
        assert await _flying(shop) > IN_FLIGHT / 2
        upgrade = place.helm.release("upgrade", SMALL, SLOW, NEXT)
        told.append(await _changed(shop, "upgrade", upgrade))
        assert await _columns(shop) == 1
        await shop.order(LATER)
        told.append(await _changed(shop, "rollback", place.helm.run("rollback", "1")))
        assert await _columns(shop) == 1
        await shop.order(LATER)
        wanted, _ = replicas_of(place.kubectl)
        second = place.helm.release("upgrade", SMALL, SLOW, NEXT, AGAIN)
        told.append(await _changed(shop, "second upgrade", second))
        assert replicas_of(place.kubectl)[0] >= 1
        await shop.until_ended(len(shop.users), within_s=ENDED_WITHIN_S)
        jobs, breaches = await shop.verdict()
    assert breaches == []
    assert sum(job.is_delivered for job in jobs) == len(shop.users)
    assert talk.longest_s < ANSWERED_WITHIN_S
    told.append(
        f"- {len(jobs)} orders, {len(jobs)} videos, no breach; {wanted} workers wanted before the "
        f"second upgrade; the bot answered {len(talk.waits_s)} times, after {talk.longest_s:.1f} s "
        "at the latest"
    )
    record.tell(TITLE, "\n".join(told))
    await place.helm.run("uninstall")


async def _columns(shop: ClusterShop) -> int:
    """Tell whether the migration of the next version is in the database."""
    return int(await shop.pool.fetchval(E2E["columns_of_next_version"]))


async def _flying(shop: ClusterShop) -> int:
    counts = (await shop.pool.fetch(E2E["job_counts"]))[0]
    return int(counts["jobs"] - counts["ended"])


async def _changed(shop: ClusterShop, what: str, change: Any) -> str:
    """Carry a change of the release out, wait until every pod is new, and tell of it."""
    flying, began = await _flying(shop), time.monotonic()
    await change
    await asyncio.to_thread(until_rolled_out, shop.kubectl, BOT, WORKER, OPERATOR)
    return f"- {what} with {flying} jobs in flight: every pod new after {seconds_since(began)} s"
