"""The templates, read from the store once in a while: they change with releases, not with users.

It is a TemplateStore over a TemplateStore. A template that is not among the active ones is asked
for each time: it belongs to an old menu.
"""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.cache import Cache
from neurocards.domain.orders import Template
from neurocards.ports.jobs import TemplateStore

TEMPLATES_FRESH_S = 300.0


class CachedTemplates:
    def __init__(self, store: TemplateStore, cache: Cache) -> None:
        self._store = store
        self._active = cache.cached("templates", tuple[Template, ...], ttl_s=TEMPLATES_FRESH_S)(
            self._stored
        )

    async def templates(self) -> Sequence[Template]:
        return await self._active()

    async def template(self, template_id: str) -> Template | None:
        for template in await self.templates():
            if template.id == template_id:
                return template
        return await self._store.template(template_id)

    async def _stored(self) -> tuple[Template, ...]:
        return tuple(await self._store.templates())
