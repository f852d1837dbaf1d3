"""How each part of the bot is built from its settings; `app` says which, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from aiogram import Bot, Dispatcher
from fastapi import APIRouter
from pydantic import SecretStr

from neurocards.adapters.media.photos import SubprocessPhotoInspector
from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import (
    Database,
    JobReports,
    PostgresDialogueStore,
    PostgresOrderStore,
    PostgresOutboundBuckets,
    PostgresOutbox,
    PostgresTemplateStore,
    open_database,
)
from neurocards.adapters.postgres.dialogues import LOCK_TIMEOUT_S
from neurocards.adapters.waking_publisher import WakingPublisher
from neurocards.cache import AnnouncingBackend, Cache, MemoryBackend
from neurocards.outbound import Turns
from neurocards.ports.jobs import TemplateStore
from neurocards.ports.outbound import OutboundBuckets
from neurocards.translations import Translations
from neurocards_bot.accounts import Accounts
from neurocards_bot.clock import SystemClock
from neurocards_bot.dispatching import ALLOWED_UPDATES, build_dispatcher
from neurocards_bot.housekeeping import Housekeeping
from neurocards_bot.http.callbacks import CallbackReceiver
from neurocards_bot.http.server import HttpServer, build_app
from neurocards_bot.lifecycle import Helper, Source
from neurocards_bot.messages import LateEdits
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.outbound import make_bot, make_session
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.photos import PhotoIntake
from neurocards_bot.polling import Poller
from neurocards_bot.processing import UpdateProcessor
from neurocards_bot.reaper import Reaper, TellOverdue
from neurocards_bot.registration import Registration
from neurocards_bot.relay import Relay
from neurocards_bot.settings import BotSettings, Mode
from neurocards_bot.templates import CachedTemplates
from neurocards_bot.texts import Texts


@dataclass(frozen=True, slots=True)
class Stores:
    orders: PostgresOrderStore
    dialogues: PostgresDialogueStore
    templates: TemplateStore
    outbox: PostgresOutbox
    outbound: OutboundBuckets
    reports: JobReports


async def open_cache(
    stack: AsyncExitStack, queue: NatsConnection, metrics: BotMetrics, clock: SystemClock
) -> Cache:
    """Remember in this process, and forget what another replica has changed."""
    hints = NatsHints(queue)
    backend = AnnouncingBackend(MemoryBackend(clock), hints, hints)
    queue.on_connected(backend.clear)
    await stack.enter_async_context(backend.listening())
    return Cache(backend, metrics)


async def open_stores(stack: AsyncExitStack, settings: BotSettings, metrics: BotMetrics) -> Stores:
    def observe(query_name: str, seconds: float) -> None:
        metrics.database_query_seconds.labels(query_name).observe(seconds)

    database = await stack.enter_async_context(
        open_database(settings.database, application_name="neurocards-bot", observe=observe)
    )
    locks = await stack.enter_async_context(
        open_database(
            settings.database,
            application_name="neurocards-bot-locks",
            observe=observe,
            size=settings.intake.dialogues_at_once,
            lock_timeout_s=LOCK_TIMEOUT_S,
        )
    )
    turns = await stack.enter_async_context(
        open_database(
            settings.database, application_name="neurocards-bot-turns", observe=observe, size=1
        )
    )
    for name, pool in {"main": database, "locks": locks, "turns": turns}.items():
        _watch_connections(name, pool, metrics)
    return Stores(
        orders=PostgresOrderStore(database),
        dialogues=PostgresDialogueStore(database, locks=locks),
        templates=PostgresTemplateStore(database),
        outbox=PostgresOutbox(database),
        outbound=PostgresOutboundBuckets(turns),
        reports=JobReports(database),
    )


def _watch_connections(name: str, pool: Database, metrics: BotMetrics) -> None:
    gauge = metrics.database_connections
    gauge.labels(name, "used").set_function(lambda: pool.connections()[0])
    gauge.labels(name, "idle").set_function(lambda: pool.connections()[1])


def make_turns(
    settings: BotSettings, buckets: OutboundBuckets, metrics: BotMetrics, clock: SystemClock
) -> Turns:
    return Turns(
        buckets,
        settings.pace.limits(settings.timings.profile),
        alone_share=settings.pace.telegram_alone_share,
        metrics=metrics,
        moments=clock,
    )


def open_bots(
    stack: AsyncExitStack, settings: BotSettings, metrics: BotMetrics, turns: Turns
) -> dict[int, Bot]:
    session = make_session(
        settings.telegram.telegram_api_url,
        connections_max=settings.intake.connection_pool_size,
        metrics=metrics,
        turns=turns,
    )
    stack.push_async_callback(session.close)
    tokens = settings.telegram.tokens_by_bot_id
    return {bot_id: make_bot(token, session) for bot_id, token in tokens.items()}


def make_translations() -> Translations:
    return Translations.load("neurocards_bot", "neurocards_bot")


def make_dispatcher(
    settings: BotSettings,
    *,
    stores: Stores,
    cache: Cache,
    clock: SystemClock,
    late_edits: LateEdits,
    texts: Texts,
    translations: Translations,
    metrics: BotMetrics,
    wake_relay: Callable[[], None],
) -> Dispatcher:
    offer = settings.offer
    templates = CachedTemplates(stores.templates, cache)
    ordering = Ordering(
        stores.orders,
        templates,
        clock=clock,
        prices=offer.prices,
        pool=settings.broker.pool,
        job_deadline_s=settings.timings.job_deadline_s,
        wake_relay=wake_relay,
        mark_told=stores.outbox.mark_told,
    )
    accounts = Accounts(
        stores.orders,
        prices=offer.prices,
        welcome_credits=offer.welcome_credits,
        wake_relay=wake_relay,
        cache=cache,
    )
    return build_dispatcher(
        orders=stores.orders,
        dialogues=stores.dialogues,
        templates=templates,
        ordering=ordering,
        accounts=accounts,
        intake=PhotoIntake(SubprocessPhotoInspector()),
        late_edits=late_edits,
        texts=texts,
        order_texts=OrderTexts(translations, support_handle=offer.support_handle),
        photo_texts=PhotoTexts(translations),
        metrics=metrics,
        inbound_limit=settings.intake.inbound_limit,
    )


def make_outbox_loops(
    settings: BotSettings,
    outbox: PostgresOutbox,
    queue: NatsConnection,
    clock: SystemClock,
    metrics: BotMetrics,
    *,
    tell_overdue: TellOverdue,
) -> tuple[Relay, Reaper]:
    timings = settings.timings
    stream = JobStream(queue, settings.broker, ack_wait_s=timings.ack_wait_s, metrics=metrics)
    counters = OutboxMetrics(metrics.registry)
    publisher = WakingPublisher(NatsPublisher(queue, stream, metrics), NatsHints(queue))
    relay = Relay(outbox, publisher, counters, poll_s=timings.outbox_poll_s)
    reaper = Reaper(
        outbox,
        stream_created=stream.ensure,
        wake_relay=relay.wake,
        clock=clock,
        metrics=counters,
        every_s=timings.reaper_s,
        unseen_s=timings.unseen_s,
        tell_overdue=tell_overdue,
        housekeeping=Housekeeping(outbox, counters, settings.keeping.kept),
    )
    stream.on_made(reaper.wake)
    queue.on_connected(reaper.wake)
    queue.on_connected(relay.broker_is_back)
    return relay, reaper


def make_callbacks(
    settings: BotSettings, queue: NatsConnection, clock: SystemClock, metrics: BotMetrics
) -> CallbackReceiver:
    return CallbackReceiver(
        NatsHints(queue),
        clock,
        metrics,
        secret=revealed(settings.address.callback_secret),
        provider_key=revealed(settings.intake.kie_webhook_key),
    )


def make_server(
    settings: BotSettings, routes: Sequence[APIRouter], metrics: BotMetrics
) -> HttpServer:
    intake = settings.intake
    return HttpServer(
        build_app(routes, metrics),
        host=intake.http_host,
        port=intake.http_port,
        drain_s=intake.drain_s,
    )


def make_pollers(
    settings: BotSettings,
    bots: Mapping[int, Bot],
    registrations: Sequence[Registration],
    processor: UpdateProcessor,
) -> list[Source]:
    if settings.mode is not Mode.POLLING:
        return []
    return [
        Poller(
            bot,
            processor,
            allowed_updates=ALLOWED_UPDATES,
            concurrency=settings.intake.polling_concurrency,
            prepare=registration.remove_webhook,
        )
        for bot, registration in zip(bots.values(), registrations, strict=True)
    ]


def make_webhook_keepers(
    settings: BotSettings, registrations: Sequence[Registration]
) -> list[Helper]:
    secret, base_url = webhook_secret(settings), settings.address.public_base_url
    if secret is None or base_url is None:
        return []
    connections_max = settings.intake.webhook_connections_max
    return [
        partial(registration.keep_webhook, base_url, secret=secret, connections_max=connections_max)
        for registration in registrations
    ]


def webhook_secret(settings: BotSettings) -> str | None:
    """Give the secret in webhook mode only: while we poll, every webhook call is refused."""
    if settings.mode is not Mode.WEBHOOK:
        return None
    return revealed(settings.intake.webhook_secret)


def revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
