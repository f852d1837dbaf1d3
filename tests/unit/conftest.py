"""What every unit test begins with."""

from __future__ import annotations

import hypothesis
import structlog

import neurocards_bot.aiogram_models  # noqa: F401 - models are built when used, as in the bot

# A test asserts no speed, and a busy machine has its pauses.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")

# By itself structlog draws each traceback with all its local variables, which may take a second.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)
