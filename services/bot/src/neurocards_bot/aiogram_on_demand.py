"""aiogram without the two thirds of its import that most bots never need.

aiogram builds the validators of all its 500 models when it is imported, which is most of what a
start of the bot takes. Pydantic builds a model at its first use as well, if it is let: all it needs
then are the names that aiogram hands over at its import. So this module takes the names, lets
nothing be built, and gives the names back whenever a model is used for the first time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel

_PACKAGE = "aiogram"


def import_aiogram() -> None:
    """Import it so; nothing happens where somebody has imported it already."""
    if _PACKAGE in sys.modules:
        return
    names: dict[str, Any] = {}
    original = BaseModel.__dict__["model_rebuild"]

    def build(cls: type[BaseModel], /, **how: Any) -> bool | None:
        # Two frames more lie between the model and whoever asks for it.
        depth = how.pop("_parent_namespace_depth", 2) + 2
        answer: bool | None = original.__func__(cls, _parent_namespace_depth=depth, **how)
        return answer

    def keep_names(cls: type[BaseModel], /, **how: Any) -> bool | None:
        given: Mapping[str, Any] | None = how.get("_types_namespace")
        if given is None or not cls.__module__.startswith(f"{_PACKAGE}.types"):
            return build(cls, **how)
        names.update(given)
        return None

    def build_with_names(cls: type[BaseModel], /, **how: Any) -> bool | None:
        return build(cls, **{"_types_namespace": names, **how})

    rebuild = "model_rebuild"
    setattr(BaseModel, rebuild, classmethod(keep_names))
    try:
        base = import_module(f"{_PACKAGE}.methods.base")
        types = import_module(f"{_PACKAGE}.types.base")
    finally:
        setattr(BaseModel, rebuild, original)
    for model in (types.TelegramObject, base.TelegramMethod, base.Response):
        setattr(model, rebuild, classmethod(build_with_names))


def build_updates() -> None:
    """Build what every update needs, so that the first user does not wait for it."""
    import_module(f"{_PACKAGE}.types").Update.model_rebuild()
