"""The models that answers of Telegram are read with."""

from __future__ import annotations

import gc
import weakref

from aiogram.methods import EditMessageText
from prometheus_client import CollectorRegistry

from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbound import make_bot, make_session
from support.turns import free_turns


async def test_the_model_of_an_answer_is_built_once():
    """Built for each edit, it took a fifth of the bot's processor time under load."""
    metrics = BotMetrics(CollectorRegistry())
    turns = free_turns(metrics)
    session = make_session(
        "https://telegram.example", connections_max=1, metrics=metrics, turns=turns
    )
    bot = make_bot("4242:TOKEN", session)
    edit = EditMessageText(chat_id=1, message_id=2, text="x")
    answer = session.check_response(bot, edit, 200, '{"ok": true, "result": true}')
    assert answer.result is True
    model = weakref.ref(type(answer))
    del answer
    gc.collect()
    assert model() is not None
