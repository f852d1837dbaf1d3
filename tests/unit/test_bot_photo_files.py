"""A photo whose file Telegram does not give out: its sender is told what to do."""

from __future__ import annotations

import pytest
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import GetFile

from support.bot_desk import Desk, photo


@pytest.mark.parametrize(
    "reason",
    [
        "Bad Request: invalid file_id",
        "Bad Request: wrong file_id or the file is temporarily unavailable",
    ],
)
async def test_a_file_that_telegram_does_not_give_out_has_to_be_sent_again(reason: str):
    """Its update came back as 503 before, and ended with an apology for a bug."""
    desk = Desk()
    desk.telegram.faults["getFile"] = [
        TelegramBadRequest(method=GetFile(file_id="photo"), message=reason)
    ]
    (told,) = await desk.message(**photo())
    assert "ришлите" in told
    assert "сломалось" not in told
