"""What only the bot counts; `CommonMetrics` has the rest. Labels are bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from neurocards.telemetry.metrics import REQUEST_SECONDS_BUCKETS, CommonMetrics


class BotMetrics(CommonMetrics):
    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.updates_total = Counter(
            "neurocards_updates_total",
            "Updates of Telegram by what became of them",
            ["type", "outcome"],
            registry=registry,
        )
        self.message_processing_seconds = Histogram(
            "message_processing_seconds",
            "From an update's arrival to its commit",
            ["type"],
            buckets=REQUEST_SECONDS_BUCKETS,
            registry=registry,
        )
        self.orders_total = Counter(
            "neurocards_orders_total",
            "Presses of the confirm button by their outcome",
            ["outcome"],
            registry=registry,
        )
        self.photo_faults_total = Counter(
            "neurocards_photo_faults_total",
            "Photos that were refused",
            ["fault"],
            registry=registry,
        )
        self.callbacks_total = Counter(
            "neurocards_provider_callbacks_total",
            "Callbacks of the video provider by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.edits_dropped_total = Counter(
            "neurocards_edits_dropped_total",
            "Edits of a message that were left to the next one, under load",
            registry=registry,
        )
        self.telegram_calls_total = Counter(
            "neurocards_telegram_calls_total",
            "Calls of the Bot API",
            ["method", "outcome"],
            registry=registry,
        )
        self.webhook_pending = Gauge(
            "neurocards_webhook_pending_updates",
            "Updates that Telegram holds for a bot",
            ["bot_id"],
            registry=registry,
        )
        self.dialogues_active = Gauge(
            "neurocards_dialogues_active", "Updates that are being handled now", registry=registry
        )
