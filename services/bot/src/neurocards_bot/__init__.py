"""The bot: accepts orders, answers, and passes on what the worker has done."""

from neurocards_bot.aiogram_on_demand import import_aiogram

# Before any of our modules imports it.
import_aiogram()
