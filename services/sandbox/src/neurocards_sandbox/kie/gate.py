"""Lets a request in: the front end's check of the client, then the key.

Invariant: a handler behind the gate runs only with the holder of a valid key, and whatever
refusal it raises leaves in the service's envelope.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response

from neurocards_sandbox.kie.envelopes import (
    NO_PERMISSION,
    UNAUTHENTICATED,
    Envelopes,
    RefusedError,
    cloudflare_refusal,
)
from neurocards_sandbox.kie.simulator import KieSimulator
from neurocards_sandbox.simulation.key_ring import KeyHolder

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request, KeyHolder], Awaitable[Response]]


class Gate:
    def __init__(self, simulator: KieSimulator, envelopes: Envelopes) -> None:
        self._simulator = simulator
        self._envelopes = envelopes

    def guarded(self, handler: Handler) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            if self._is_refused_in_front(request):
                return cloudflare_refusal()
            notes = notes_of(request)
            try:
                holder = self._holder(request)
                notes["key_fingerprint"] = holder.fingerprint
                return await handler(request, holder)
            except RefusedError as refused:
                notes["code"] = refused.code
                self._simulator.counters.refused(refused.code)
                return self._envelopes.refusal(refused)

        return endpoint

    def _is_refused_in_front(self, request: Request) -> bool:
        if not self._simulator.settings.browser_user_agent_required:
            return False
        return not request.headers.get("user-agent", "").startswith("Mozilla/")

    def _holder(self, request: Request) -> KeyHolder:
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("bearer "):
            raise RefusedError(401, UNAUTHENTICATED)
        holder = self._simulator.keys.holder(authorization)
        if holder is None:
            raise RefusedError(401, NO_PERMISSION)
        return holder


def notes_of(request: Request) -> dict[str, Any]:
    notes: dict[str, Any] = request.scope.setdefault("sandbox.notes", {})
    return notes


def base_url_of(request: Request, simulator: KieSimulator) -> str:
    configured = simulator.settings.public_base_url
    return (configured or str(request.base_url)).rstrip("/")
