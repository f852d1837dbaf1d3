"""aiogram, with each of its models built when it is first used (docs/adr/0019).

aiogram builds all its 400 models when it is imported, each of them with everything it refers to.
A bot needs a few. They could be built on demand, as pydantic means them to be, if their modules had
the names that they import for type checkers only. Importing this module gives them those names, and
keeps aiogram from building what nobody has asked for. It has to come before any import of aiogram;
after one it does nothing, for then all is built.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from pydantic import BaseModel

_NAME = re.compile(r"\w+")


def _import_without_building() -> Iterable[ModuleType]:
    rebuild = BaseModel.__dict__["model_rebuild"]

    def leave_unbuilt(model: type[BaseModel], /, **options: Any) -> bool | None:
        if model.__module__.startswith("aiogram.types."):
            return None
        built: bool | None = rebuild.__get__(None, model)(**options)
        return built

    BaseModel.model_rebuild = classmethod(leave_unbuilt)  # type: ignore[assignment]
    try:
        from aiogram import methods, types  # noqa: PLC0415
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
    return types, methods


def _name_what_fields_refer_to(models: Iterable[object], names: Mapping[str, object]) -> None:
    for model in models:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        module = vars(sys.modules[model.__module__])
        # An inherited field too is looked up where the model stands.
        annotations = [vars(base).get("__annotations__", {}) for base in model.__mro__]
        for name in set(_NAME.findall(str(annotations))) & names.keys():
            module.setdefault(name, names[name])


def build_first_needed() -> None:
    """Build what the first customer would wait for."""
    from aiogram import methods, types  # noqa: PLC0415

    for model in (
        types.Update,
        types.Message,
        methods.SendMessage,
        methods.EditMessageText,
        methods.EditMessageReplyMarkup,
        methods.AnswerCallbackQuery,
    ):
        model.model_rebuild()


if "aiogram.types" not in sys.modules:
    _names = {
        name: value
        for package in _import_without_building()
        for name, value in vars(package).items()
        if name in package.__all__
    }
    _name_what_fields_refer_to(_names.values(), _names)
