"""Unit tests build the models of aiogram that they use, as the bot does."""

from __future__ import annotations

import neurocards_bot.aiogram_models  # noqa: F401
