"""What the bot remembers instead of asking: templates and languages; and when it forgets them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from neurocards.cache import AnnouncingBackend, Cache, MemoryBackend
from neurocards.domain.orders import PriceList
from neurocards.ports.orders import User
from neurocards.testing.queue import MemoryBroker, MemoryHints
from neurocards.testing.world import BOT_ID, TEMPLATES, USER_ID, MemoryWorld
from neurocards_bot.accounts import LANGUAGE_FRESH_S, Accounts, Customer
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.templates import TEMPLATES_FRESH_S, CachedTemplates


class Replica:
    """What one process of the bot remembers, over a world that all of them share."""

    def __init__(self, world: MemoryWorld, broker: MemoryBroker) -> None:
        self.registry = CollectorRegistry()
        hints = MemoryHints(broker)
        self.backend = AnnouncingBackend(MemoryBackend(world.database.clock), hints, hints)
        cache = Cache(self.backend, BotMetrics(self.registry))
        self.templates = CachedTemplates(world.templates, cache)
        self.accounts = Accounts(
            world.orders,
            prices=PriceList(),
            welcome_credits=3,
            wake_relay=lambda: None,
            cache=cache,
        )

    async def known(self, language: str = "ru") -> Customer:
        return await self.accounts.known(USER_ID, bot_id=BOT_ID, language=language)

    def count(self, cache: str, result: str) -> float:
        labels = {"cache": cache, "result": result}
        return self.registry.get_sample_value("neurocards_cache_requests_total", labels) or 0.0


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def replica(world: MemoryWorld, broker: MemoryBroker) -> Replica:
    return Replica(world, broker)


async def test_templates_are_read_once_in_five_minutes(world: MemoryWorld, replica: Replica):
    for _ in range(3):
        assert [each.id for each in await replica.templates.templates()] == ["first", "second"]
    assert (replica.count("templates", "miss"), replica.count("templates", "hit")) == (1, 2)
    del world.database.templates["second"]
    world.database.clock.advance(TEMPLATES_FRESH_S + 1)
    assert [each.id for each in await replica.templates.templates()] == ["first"]


async def test_a_remembered_template_is_what_it_was(replica: Replica):
    for _ in range(2):
        assert await replica.templates.template("first") == TEMPLATES[1]


async def test_a_template_of_an_old_menu_is_looked_up(world: MemoryWorld, replica: Replica):
    await replica.templates.templates()
    world.database.templates["third"] = TEMPLATES[0]
    assert await replica.templates.template("third") == TEMPLATES[0]
    assert await replica.templates.template("fourth") is None


async def test_the_language_of_a_user_is_asked_for_once(world: MemoryWorld, replica: Replica):
    assert await replica.known() == Customer(USER_ID, "ru", is_new=True)
    for _ in range(3):
        assert await replica.known("en") == Customer(USER_ID, "ru")
    assert replica.count("user_language", "hit") == 2
    world.database.clock.advance(LANGUAGE_FRESH_S + 1)
    await replica.known()
    assert replica.count("user_language", "hit") == 2


async def test_every_replica_forgets_a_language_that_was_changed(
    world: MemoryWorld, broker: MemoryBroker, replica: Replica
):
    other = Replica(world, broker)
    async with other.backend.listening():
        for each in (replica, other, other):
            await each.known()
        await replica.accounts.choose_language(USER_ID, "en")
        assert await replica.known() == await other.known() == Customer(USER_ID, "en")


async def test_a_newcomer_who_was_just_a_stranger_is_known_at_once(replica: Replica):
    assert await replica.accounts.language(USER_ID) is None
    assert (await replica.known()).is_new
    assert await replica.accounts.language(USER_ID) == "ru"


async def test_a_balance_is_never_remembered(world: MemoryWorld, replica: Replica):
    await replica.known()
    assert await replica.accounts.balance(USER_ID) == 3
    world.database.users[USER_ID].balance = 1
    assert await replica.accounts.balance(USER_ID) == 1
    assert await world.orders.user(USER_ID) == User(USER_ID, "ru", 1)
