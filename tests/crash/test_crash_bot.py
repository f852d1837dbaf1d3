"""The bot dies at every point where it touches the outside, by webhook and by polling.

Whatever dies, the user orders once, is charged once and gets his video; what he did beside is done
when he has done it again. All points: NEUROCARDS_TEST_CRASH=all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import pytest

from support.crash_bot_world import CrashBotWorld
from support.crash_doors import BOT_POINTS
from support.customer import Customer

Deed = Callable[[CrashBotWorld, Customer], Awaitable[None]]
SLOW = "A mug [sim:openai-slow]"
REFUSED = "A mug [sim:violation]"


async def _cancels_by_command(crash: CrashBotWorld, customer: Customer) -> None:
    await crash.until_death(partial(customer.says, "/cancel"))


async def _cancels_by_button(crash: CrashBotWorld, customer: Customer) -> None:
    await crash.until_death(partial(customer.press_offered, "cj|"))


async def _with_another_draft(crash: CrashBotWorld, *prefixes: str) -> None:
    """Somebody else sends a photo and goes on with its menu by these buttons."""
    another = await crash.customer()
    await crash.insist(
        another, partial(another.visitor.send_file, crash.photo, kind="photo"), "style"
    )
    for prefix in prefixes:
        await crash.until_death(partial(another.press_offered, prefix), for_s=2.0)
    await crash.until_death(partial(another.press_offered, prefixes[-1]))


async def _discards_another_draft(crash: CrashBotWorld, customer: Customer) -> None:
    await _with_another_draft(crash, "no|")


async def _chooses_an_option(crash: CrashBotWorld, customer: Customer) -> None:
    await _with_another_draft(crash, "tc|", "oc|")


async def _describes_another_draft(crash: CrashBotWorld, customer: Customer) -> None:
    another = await crash.customer()
    await crash.insist(
        another, partial(another.visitor.send_file, crash.photo, kind="photo"), "style"
    )
    await crash.until_death(partial(another.says, "Blue, 350 ml"))


async def _asks_for_his_videos(crash: CrashBotWorld, customer: Customer) -> None:
    job_id = await crash.job_of(customer)
    assert job_id is not None
    await crash.until_status(job_id, "done")
    crash.shown_again.add(customer.id)
    await crash.until_death(partial(customer.says, "/history"))


async def _changes_the_language(crash: CrashBotWorld, customer: Customer) -> None:
    await customer.says("/language")
    await crash.until_death(partial(customer.press_offered, "lg|"))


async def _orders_again(crash: CrashBotWorld, customer: Customer) -> None:
    job_id = await crash.job_of(customer)
    assert job_id is not None
    await crash.until_status(job_id, "failed")
    await crash.until_death(partial(customer.press_offered, "ag|"))


async def _leaves_and_returns(crash: CrashBotWorld, customer: Customer) -> None:
    await customer.visitor.block(is_blocked=True)
    await customer.visitor.block(is_blocked=False)


async def _is_asked_for_its_health(crash: CrashBotWorld, customer: Customer) -> None:
    for path in ("/health", "/queue_stats"):
        await crash.get(path)


async def _is_silenced(crash: CrashBotWorld, customer: Customer) -> None:
    """Telegram asks for silence when the bot answers him."""
    fault = {"method": "sendMessage", "times": 1, "retry_after": 1}
    await crash.world.telegram.control("/faults", fault)
    await crash.until_death(partial(customer.says, "/help"))


async def _is_started(crash: CrashBotWorld, customer: Customer) -> None:
    await crash.restart_bot()


async def _nothing_else(crash: CrashBotWorld, customer: Customer) -> None:
    pass


DEEDS: Mapping[str, Deed] = {
    "dialogues.data": _describes_another_draft,
    "hints.announce": _changes_the_language,
    "orders.cancel": _cancels_by_button,
    "orders.cancel_newest": _cancels_by_command,
    "orders.discard": _discards_another_draft,
    "orders.draft": _chooses_an_option,
    "orders.history": _asks_for_his_videos,
    "orders.past_order": _orders_again,
    "orders.queue_stats": _is_asked_for_its_health,
    "orders.requeue_undelivered": _leaves_and_returns,
    "orders.set_blocked": _leaves_and_returns,
    "orders.set_language": _changes_the_language,
    "orders.was_applied": _leaves_and_returns,
    "outbound.pause": _is_silenced,
    "outbox.end_overdue": _is_started,
    "outbox.enqueue_all": _is_started,
    "outbox.ensure_partitions": _is_started,
    "outbox.forget_dialogues": _is_started,
    "outbox.forget_drafts": _is_started,
    "outbox.forget_inbound_buckets": _is_started,
    "outbox.forget_outbound_buckets": _is_started,
    "outbox.forget_updates": _is_started,
    "outbox.recent_jobs": _is_started,
    "outbox.stray_jobs": _is_started,
    "telegram.deleteWebhook": _is_started,
    "telegram.getMe": _is_asked_for_its_health,
    "telegram.getWebhookInfo": _is_started,
    "telegram.sendVideo": _asks_for_his_videos,
    "telegram.setMyCommands": _is_started,
    "telegram.setWebhook": _is_started,
}
"""What is done beside an order, where the plain way of one does not lead to the point."""
NOT_VISITED = {
    "dialogues.set_data": "aiogram's storage has it; our handlers merge instead",
    "dialogues.set_state": "aiogram's storage has it; our dialogues have no states",
    "outbox.mark_told": "it follows words without a status message, or an order nobody began",
    "hints.announce_surely": "the provider calls again, and the net of looks is below",
    "orders.past_order": "a press that reads and comes again; what it makes is a draft",
    "inspector.cleaned": "a worker cleans photos, the bot looks at them",
    "templates.template": "the bot looks one up in the menu that it remembers",
    "telegram.copyMessage": "it stands in the place of sendVideo where no file id is known",
    "telegram.editMessageReplyMarkup": "it takes the buttons from a page of old videos",
}
ONLY_BY = {
    "telegram.answerCallbackQuery": "polling",
    "telegram.deleteWebhook": "polling",
    "telegram.getUpdates": "polling",
    "telegram.getWebhookInfo": "webhook",
    "telegram.setWebhook": "webhook",
}
ASKED_ONCE = {"templates.templates"}
"""What a bot asks for once and remembers: only one that has just begun comes to the point."""
CAPTIONS: Mapping[Deed, str] = {
    _cancels_by_command: SLOW,
    _cancels_by_button: SLOW,
    _orders_again: REFUSED,
}
ENDS: Mapping[Deed, set[str]] = {
    _cancels_by_command: {"cancelled", "done"},
    _cancels_by_button: {"cancelled", "done"},
    _orders_again: {"failed"},
}
"""How the order may end that something is done beside; all others are delivered."""


def _call(point: str) -> str:
    return point.partition(":")[0]


POINTS = [
    (mode, point)
    for mode in ("webhook", "polling")
    for point in BOT_POINTS
    if _call(point) not in NOT_VISITED and ONLY_BY.get(_call(point), mode) == mode
]
SAMPLE = [
    ("webhook", "orders.accept:after"),
    ("webhook", "orders.mark_applied:before"),
    ("webhook", "publisher.publish:after"),
    ("polling", "orders.accept:after"),
    ("polling", "telegram.sendMessage:after"),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_user_gets_what_he_ordered_once_although_the_bot_dies_at(
    point: tuple[str, str], crash_bots: Callable[[str], Awaitable[CrashBotWorld]]
) -> None:
    """SIGKILL at the point, the bot is started again, and every invariant holds (S0-9, S0-16)."""
    mode, name = point
    crash = await crash_bots(mode)
    deed = DEEDS.get(_call(name), _nothing_else)
    customer = await crash.customer(CAPTIONS.get(deed, "A mug"))
    if _call(name) in ASKED_ONCE:
        await crash.restart_bot()
    crash.order.give(name)
    job_id = await crash.ordered(customer)
    await deed(crash, customer)
    await crash.death(name)
    status = await crash.until_status(job_id, "done", "failed", "cancelled")
    assert await crash.breaches() == []
    assert status in ENDS.get(deed, {"done"})


def test_no_point_of_the_bot_is_left_out_without_a_reason() -> None:
    """Whoever adds a call must say how one comes to it."""
    known = {_call(point) for point in BOT_POINTS}
    assert set(DEEDS) | set(NOT_VISITED) | set(ONLY_BY) <= known
    assert set(SAMPLE) <= set(POINTS)
