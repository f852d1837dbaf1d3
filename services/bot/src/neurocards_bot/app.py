"""The composition root: what the bot consists of, in the order in which it is opened."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.migrate import migrations_folder, read_migrations
from neurocards.telemetry.probes import ProbeServer
from neurocards.telemetry.redaction import Redactor
from neurocards_bot import assembly
from neurocards_bot.clock import SystemClock
from neurocards_bot.dispatching import ALLOWED_UPDATES
from neurocards_bot.health import Dependencies, Health, TelegramCheck, build_readiness
from neurocards_bot.http.callbacks import callback_routes
from neurocards_bot.http.health import health_routes
from neurocards_bot.http.queue_stats import queue_stats_routes
from neurocards_bot.http.webhook import webhook_routes
from neurocards_bot.lifecycle import run_until
from neurocards_bot.messages import LateEdits
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.overdue_notice import OverdueNotice
from neurocards_bot.processing import UpdateProcessor
from neurocards_bot.registration import Registration
from neurocards_bot.settings import BotSettings
from neurocards_bot.texts import Texts


async def run(settings: BotSettings, stop: asyncio.Event) -> None:
    """Run the bot until `stop` is set."""
    registry = CollectorRegistry()
    metrics, clock = BotMetrics(registry), SystemClock()
    translations = assembly.make_translations()
    texts = Texts(translations, support_handle=settings.offer.support_handle)
    late_edits = LateEdits(metrics.edits_dropped_total.inc)
    async with AsyncExitStack() as stack:
        stores = await assembly.open_stores(stack, settings, metrics)
        queue = NatsConnection(settings.broker, name="neurocards-bot", metrics=metrics)
        await stack.enter_async_context(queue)
        cache = await assembly.open_cache(stack, queue, metrics, clock)
        turns = assembly.make_turns(settings, stores.outbound, metrics, clock)
        bots = assembly.open_bots(stack, settings, metrics, turns)
        notice = OverdueNotice(
            bots, OrderTexts(translations, support_handle=settings.offer.support_handle)
        )
        relay, reaper = assembly.make_outbox_loops(
            settings, stores.outbox, queue, clock, metrics, tell_overdue=notice.tell
        )
        dispatcher = assembly.make_dispatcher(
            settings,
            stores=stores,
            cache=cache,
            clock=clock,
            late_edits=late_edits,
            texts=texts,
            translations=translations,
            metrics=metrics,
            wake_relay=relay.wake,
        )
        processor = UpdateProcessor(dispatcher, stores.orders, texts, metrics)
        readiness, checks = build_readiness(
            Dependencies(
                schema_version=stores.reports.schema_version,
                key_health=stores.reports.key_health,
                queue=queue.check,
                telegram=TelegramCheck(bots, clock),
                relay=relay.check,
                reaper=reaper.check,
            ),
            version_needed=len(read_migrations(migrations_folder())),
        )
        health = Health(checks, clock, redact=Redactor(settings.secrets))
        routes = [
            webhook_routes(bots, processor, secret=assembly.webhook_secret(settings)),
            callback_routes(assembly.make_callbacks(settings, queue, clock, metrics)),
            queue_stats_routes(
                stores.orders, clock, workers_configured=settings.offer.workers_configured
            ),
            health_routes(health, admin_token=assembly.revealed(settings.intake.admin_token)),
        ]
        server = assembly.make_server(settings, routes, metrics)
        await stack.enter_async_context(ProbeServer(settings.telemetry, readiness, registry))
        registrations = [
            Registration(bot, texts, metrics, allowed_updates=ALLOWED_UPDATES)
            for bot in bots.values()
        ]
        await run_until(
            stop,
            sources=[server, *assembly.make_pollers(settings, bots, registrations, processor)],
            helpers=[
                relay.run,
                reaper.run,
                *assembly.make_webhook_keepers(settings, registrations),
            ],
            late_edits=late_edits,
            readiness=readiness,
            drain_s=settings.intake.drain_s,
        )
