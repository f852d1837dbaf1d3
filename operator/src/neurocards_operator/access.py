"""The way to the API server: address, authority and token, and sessions made of them.

Inside a cluster the token of the service account is changed by the kubelet about once an hour, so
it is read anew; outside a kubeconfig says everything.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import aiohttp
import kopf

from neurocards.errors import ConfigurationError
from neurocards_operator.settings import Cluster

TOKEN_READ_S = 60.0
CONNECTIONS_MAX = 50
_Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


class ClusterAccess:
    """`info` raises ConfigurationError when there is no way to a cluster."""

    def __init__(self, settings: Cluster) -> None:
        self._settings = settings
        self._info: kopf.ConnectionInfo | None = None
        self._read_at_s = 0.0

    @property
    def info(self) -> kopf.ConnectionInfo:
        """What is known of the server now."""
        if self._info is None or time.monotonic() - self._read_at_s > TOKEN_READ_S:
            self._info = self._read()
            self._read_at_s = time.monotonic()
        return self._info

    def session(self) -> aiohttp.ClientSession:
        """Open a session whose every request carries the token of the moment."""
        connector = aiohttp.TCPConnector(ssl=self.info.as_ssl_context(), limit=CONNECTIONS_MAX)
        return aiohttp.ClientSession(connector=connector, middlewares=(self._authorized,))

    async def _authorized(
        self, request: aiohttp.ClientRequest, handler: _Handler
    ) -> aiohttp.ClientResponse:
        request.headers.update(self.info.as_http_headers())
        return await handler(request)

    def _read(self) -> kopf.ConnectionInfo:
        kopf_settings = kopf.OperatorSettings()
        if self._settings.kubeconfig is not None:
            found = _from_kubeconfig(kopf_settings)
        else:
            found = kopf.login_with_service_account(settings=kopf_settings)
        if isinstance(found, kopf.ConnectionInfo):
            return found
        raise ConfigurationError(
            "KUBECONFIG: there is neither a kubeconfig with a current context nor a service account"
        )


def _from_kubeconfig(settings: kopf.OperatorSettings) -> object:
    try:
        return kopf.login_with_kubeconfig(settings=settings)
    except (OSError, LookupError, ValueError, kopf.LoginError) as error:
        raise ConfigurationError(f"KUBECONFIG: {type(error).__name__}: {error}") from error
