"""The templates, read from the store once in a while: they change with releases, not with users.

It is a TemplateStore over a TemplateStore. A template that is not among the active ones is asked
for each time: it belongs to an old menu.
"""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.domain.orders import Template
from neurocards.ports.clock import Clock
from neurocards.ports.jobs import TemplateStore

FRESH_S = 300.0


class CachedTemplates:
    def __init__(self, store: TemplateStore, clock: Clock, *, fresh_s: float = FRESH_S) -> None:
        self._store = store
        self._clock = clock
        self._fresh_s = fresh_s
        self._stale_at = float("-inf")
        self._templates: Sequence[Template] = ()

    async def templates(self) -> Sequence[Template]:
        if self._clock.monotonic() >= self._stale_at:
            self._templates = await self._store.templates()
            self._stale_at = self._clock.monotonic() + self._fresh_s
        return self._templates

    async def template(self, template_id: str) -> Template | None:
        for template in await self.templates():
            if template.id == template_id:
                return template
        return await self._store.template(template_id)
