"""The watch of NeurocardsScaling objects: kopf, in a thread and a loop of its own.

kopf does what is hard about watching: bookmarks, streams that fall silent, 410 Gone, duplicates,
several namespaces. It handles raw events only, so it writes nothing: no finalizer, no annotation.
A thread of its own, since kopf takes the signals of the main thread and ends tasks of its loop that
are not its own (docs/adr/0012-operator-without-finalizers.md).
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Mapping
from typing import Any

import kopf
import structlog

from neurocards_operator.access import ClusterAccess
from neurocards_operator.cluster import GROUP, PLURAL, VERSION

log = structlog.get_logger(__name__)

Deliver = Callable[[str, Mapping[str, Any]], None]
"""Gets the type of an event (`DELETED` or another one) and the object; in the caller's loop."""

AGAIN_S = 5.0
JOIN_S = 5.0


class ObjectWatch:
    """Watches from `start` to `stop`; begins anew after whatever happens."""

    def __init__(
        self, access: ClusterAccess, *, namespaces: tuple[str, ...], request_timeout_s: float
    ) -> None:
        self._access = access
        self._namespaces = namespaces
        self._request_timeout_s = request_timeout_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, deliver: Deliver) -> None:
        loop = asyncio.get_running_loop()

        def forward(kind: str, tree: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(deliver, kind, tree)

        self._thread = threading.Thread(
            target=self._run, args=(forward,), name="watch", daemon=True
        )
        self._thread.start()

    async def stop(self) -> None:
        """End the watch; a thread that does not end in time dies with the process."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, JOIN_S)

    def _run(self, forward: Deliver) -> None:
        while not self._stop.is_set():
            try:
                asyncio.run(self._watch(forward))
            except Exception as error:  # noqa: BLE001 - whatever ends a watch, it begins anew
                log.warning("watch.ended", kind=type(error).__name__, reason=str(error)[:300])
            self._stop.wait(AGAIN_S)

    async def _watch(self, forward: Deliver) -> None:
        await self._find_definition()
        registry = self._registry(forward)
        await kopf.operator(
            registry=registry,
            settings=kopf_settings(self._request_timeout_s),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )

    async def _find_definition(self) -> None:
        """Wait for the CustomResourceDefinition: kopf looks for it only once."""
        url = f"{self._access.info.server.rstrip('/')}/apis/{GROUP}/{VERSION}"
        async with self._access.session() as session, session.get(url) as response:
            served = await response.json() if response.ok else {}
        if PLURAL not in {resource.get("name") for resource in served.get("resources", ())}:
            raise LookupError(f"the definition of {PLURAL}.{GROUP} is not installed")

    def _registry(self, forward: Deliver) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        # Not a plain function: kopf would call it in a thread without a loop.
        async def login(**_: Any) -> kopf.AiohttpSession:
            session = self._access.session()
            return kopf.AiohttpSession(server=self._access.info.server, aiohttp_session=session)

        async def happened(event: kopf.RawEvent, **_: Any) -> None:
            forward(str(event["type"]), copy.deepcopy(dict(event["object"])))

        kopf.on.login(registry=registry)(login)
        kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(happened)
        return registry


def kopf_settings(request_timeout_s: float) -> kopf.OperatorSettings:
    """Give kopf's settings where its defaults do not fit, each for the reason beside it."""
    settings = kopf.OperatorSettings()
    # Events are ours; those of kopf would tell of its handlers, not of replicas.
    settings.posting.enabled = False
    # No right to watch definitions and namespaces of the whole cluster is needed.
    settings.scanning.disabled = True
    # One active operator is the matter of our Lease; two peers of kopf would both rest.
    settings.peering.standalone = True
    # kopf would kill the thread that it runs in, and with it the process, minutes after its end.
    settings.process.ultimate_exiting_timeout = None
    # A stream that the server never ends may hang half-open: it is made anew after ten minutes.
    settings.watching.server_timeout = 600
    # Bookmarks come each minute; a stream without a word for longer is dead.
    settings.watching.inactivity_timeout = 70
    settings.watching.connect_timeout = request_timeout_s
    # A broken server is not asked ten times a second.
    settings.watching.reconnect_backoff = 1.0
    # The default of five minutes would hide a hanging request for as long.
    settings.networking.request_timeout = 3 * request_timeout_s
    # Short ones: what fails then ends the watch, and it begins anew.
    settings.networking.error_backoffs = (1, 2, 4)
    # A login that fails is tried again in the time of a watch, not in a minute.
    settings.execution.default_backoff = AGAIN_S
    # An object without events needs no worker of kopf for long.
    settings.queueing.idle_timeout = 1.0
    settings.queueing.worker_limit = 50
    return settings
