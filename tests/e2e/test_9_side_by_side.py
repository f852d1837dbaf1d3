"""Two versions side by side: a canary among the workers, blue and green bots."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tools.images.builder import TAG

from e2e.conftest import Installed
from support import history
from support.cluster_shop import ClusterShop
from support.e2e_record import Record
from support.kubectl import Kubectl
from support.releases import SMALL, pods_of

ORDERS = 30
ENDED_WITHIN_S = 900.0
ANSWERED_WITHIN_S = 60.0
TURNED_WITHIN_S = 60.0
TALKER = 5_000_002
TITLE = "9. Canary, blue and green"
CANARY: dict[str, Any] = {"worker": {"canary": {"enabled": True, "tag": TAG, "replicas": 1}}}


async def test_a_canary_carries_its_part_and_its_slots_are_not_scaled_for(
    installed: Installed, shop: ClusterShop, record: Record
):
    """It takes from the same queue, and the operator knows of it."""
    place = installed.place
    await place.helm.release("upgrade", SMALL, CANARY, flags=("--wait",), timeout_s=400)
    (canary,) = await asyncio.to_thread(pods_of, place.kubectl, "worker-canary")
    policy = json.loads(place.kubectl.run("get", "nscale", "workers", "--output", "json"))
    slots = int(policy["metadata"]["annotations"]["neurocards.io/fixed-slots"])
    assert slots == SMALL["worker"]["concurrency"]
    await _ordered(shop)
    carried = {one.job_id for one in await history.operations(shop.pool) if one.leased_by == canary}
    assert carried
    record.tell(
        TITLE,
        f"A canary with {slots} slots beside the scaled workers: it carried {len(carried)} of "
        f"{ORDERS} jobs, no invariant was broken.",
    )


async def test_the_bot_answers_while_its_service_turns_from_blue_to_green(
    installed: Installed, shop: ClusterShop, record: Record
):
    """Both run; the Service turns; orders go through the green one, and the blue one is ended."""
    place = installed.place
    await place.helm.release("upgrade", SMALL, _colours("blue"), flags=("--wait",), timeout_s=400)
    await _until_answering(place.kubectl, "blue")
    async with shop.talking(TALKER) as talk:
        await place.helm.release("upgrade", SMALL, _colours("green"), flags=("--wait",))
        await _until_answering(place.kubectl, "green")
        await _ordered(shop)
        ended = _colours("green", blue=0)
        await place.helm.release("upgrade", SMALL, ended, flags=("--wait",), timeout_s=400)
    assert talk.longest_s < ANSWERED_WITHIN_S
    record.tell(
        TITLE,
        f"Blue and green bots: the Service turned, {ORDERS} orders came through the green one, the "
        f"blue one was ended; meanwhile the bot answered {len(talk.waits_s)} times, after "
        f"{talk.longest_s:.1f} s at the latest.",
    )


def _colours(active: str, *, blue: int = 1) -> dict[str, Any]:
    colours = {"blue": {"tag": TAG, "replicas": blue}, "green": {"tag": TAG, "replicas": 1}}
    # Two colours, and one pod more of each while they change: with small pools they fit the server.
    pools = {"database": {"poolSize": 4, "maxOverflow": 0}}
    return {"bot": {**pools, "blueGreen": {"enabled": True, "active": active, **colours}}}


async def _ordered(shop: ClusterShop) -> None:
    """Let people order and get their videos, and no invariant be broken."""
    before = await shop.ended()
    await shop.order(ORDERS)
    await shop.until_ended(before + ORDERS, within_s=ENDED_WITHIN_S)
    jobs, breaches = await shop.verdict()
    assert breaches == []
    delivered = {job.user_id for job in jobs if job.is_delivered}
    assert set(shop.users) <= delivered


async def _until_answering(kubectl: Kubectl, colour: str) -> None:
    """Wait until pods of one colour alone stand behind the Service that Telegram calls."""
    async with asyncio.timeout(TURNED_WITHIN_S):
        while await asyncio.to_thread(_answering, kubectl) != {colour}:  # noqa: ASYNC110 - the cluster does it
            await asyncio.sleep(1)


def _answering(kubectl: Kubectl) -> set[str]:
    """Name the colours of the Service and of the pods behind it, of which there may be none."""
    selected = "jsonpath={.spec.selector.neurocards\\.io/colour}"
    colour = kubectl.run("get", "service", "neurocards-bot", "--output", selected)
    addresses = "jsonpath={.subsets[*].addresses[*].targetRef.name}"
    names = kubectl.run("get", "endpoints", "neurocards-bot", "--output", addresses).split()
    return {colour if names else "none"} | {name.split("-bot-")[1].split("-")[0] for name in names}
