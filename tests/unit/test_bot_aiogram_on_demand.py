"""aiogram's models are built when they are used, and then they are what they always were."""

from __future__ import annotations

import subprocess
import sys

# In processes of their own: an import happens once.
LOOK = """
import neurocards_bot
from aiogram import types
from aiogram.methods import SendMessage
from aiogram.methods.base import Response
built = [name for name in types.__all__
         if getattr(getattr(types, name), "__pydantic_complete__", False)]
assert len(built) < 20, built
"""
USE = (
    LOOK
    + """
sender = {"id": 1, "is_bot": False, "first_name": "Ann"}
message = {"message_id": 2, "date": 3, "chat": {"id": 1, "type": "private"}, "from": sender}
update = types.Update.model_validate({"update_id": 4, "message": {**message, "text": "hello"}})
assert update.message.from_user.first_name == "Ann"
assert SendMessage(chat_id=1, text="hello").model_dump(exclude_none=True)["text"] == "hello"
answer = Response[types.Message].model_validate({"ok": True, "result": message})
assert answer.result.chat.id == 1
"""
)
ALL = (
    LOOK
    + """
import aiogram.methods as methods
for module in (types, methods):
    for name in module.__all__:
        model = getattr(module, name)
        if hasattr(model, "model_rebuild"):
            model.model_rebuild()
            assert model.__pydantic_complete__, name
"""
)


def run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_import_builds_next_to_nothing():
    """Most of a start of the bot was the building of models that it never uses."""
    run(LOOK)


def test_what_is_used_is_built_with_everything_in_it():
    """An update, a call to Telegram, and Telegram's answer."""
    run(USE)


def test_every_model_can_be_built():
    """No name that aiogram hands over at its import got lost."""
    run(ALL)
