"""The bot builds the models of aiogram that it uses, and each is what aiogram would build."""

from __future__ import annotations

import json
import subprocess
import sys

MODELS = """
import json
import re
from aiogram import methods, types
from pydantic import BaseModel

models = {
    f"{model.__module__}.{model.__name__}": model
    for package in (types, methods)
    for model in (getattr(package, name) for name in package.__all__)
    if isinstance(model, type) and issubclass(model, BaseModel)
}
"""
COMPLETE = "print(json.dumps([name for name in models if models[name].__pydantic_complete__]))"
FIELDS = """
for model in models.values():
    model.model_rebuild()
fields = {name: repr(model.model_fields) for name, model in models.items()}
print(json.dumps({name: re.sub(" at 0x[0-9a-f]+", "", text) for name, text in fields.items()}))
"""


def answer_of(program: str) -> object:
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(ran.stdout)


def test_a_model_that_is_built_late_has_the_fields_that_it_has_in_aiogram():
    """Were a name missing that a field refers to, building the model would fail."""
    late = answer_of(f"import neurocards_bot.aiogram_models\n{MODELS}{FIELDS}")
    assert late == answer_of(f"{MODELS}{FIELDS}")


def test_the_bot_starts_with_few_models_built():
    """Built all at once, they take two thirds of its memory and most of the time of its start."""
    program = (
        "from neurocards_bot import __main__ as bot\nbot.aiogram_models.build_first_needed()\n"
    )
    complete = answer_of(f"{program}{MODELS}{COMPLETE}")
    assert isinstance(complete, list)
    built = {name for name in complete if name.startswith("aiogram.types.")}
    assert "aiogram.types.update.Update" in built
    assert len(built) < 60
