"""Download of a finished video from an address that a provider gave.

The address is foreign, so it is a way into our network. Only listed hosts are asked, over https;
their names are resolved here, every address that is not a public one is refused, and the
connection goes to exactly the address that was checked. Redirects go through the same checks.

Not here: what is inside the file beyond its first bytes (`mp4`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from neurocards.adapters.transport import CONNECT_TIMEOUT_S, POOL_TIMEOUT_S
from neurocards.domain.failures import Failure, FailureSource
from neurocards.errors import ProviderError

VIDEO_BYTES_MAX = 50_000_000
"""Telegram takes no larger upload from a bot."""
REDIRECTS_MAX = 3
DAMAGED_CODE = "video_damaged"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_MAGIC = b"ftyp"
_MAGIC_END = 8
_HTTPS_PORT = 443
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Where a video may come from.

    `hosts`: names, or `*.name` for everything below it; https and public addresses only.
    `trusted_origins`: `scheme://host:port` that are taken as they are, for a provider on one's
    own machine.
    """

    hosts: tuple[str, ...]
    trusted_origins: tuple[str, ...] = ()
    bytes_max: int = VIDEO_BYTES_MAX
    total_s: float = 120.0
    silence_s: float = 20.0
    """The longest wait between two pieces."""

    def allows_host(self, host: str) -> bool:
        return any(
            host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
            for pattern in self.hosts
        )


@dataclass(frozen=True, slots=True)
class _Target:
    """A checked address: what is connected to and what is asked for."""

    pinned_url: httpx.URL
    host: str
    host_header: str


class VideoDownload:
    def __init__(
        self,
        policy: FetchPolicy,
        *,
        client: httpx.AsyncClient,
        resolve: Resolve | None = None,
    ) -> None:
        """`client` must take no proxy from the environment: it would choose the address itself."""
        self._policy = policy
        self._client = client
        self._resolve = resolve or _resolve

    async def fetch(self, url: str, target: Path) -> None:
        """Write the video to `target`; ProviderError, and no file, when that cannot be."""
        try:
            async with asyncio.timeout(self._policy.total_s):
                await self._fetch(url, target)
        except TimeoutError:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise _broken(f"not finished within {self._policy.total_s:g} s") from None
        except BaseException:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise

    async def _fetch(self, url: str, target: Path) -> None:
        for _ in range(REDIRECTS_MAX + 1):
            try:
                checked = await self._checked(url)
            except (httpx.InvalidURL, ValueError):
                raise _malformed() from None
            try:
                redirected = await self._attempt(checked, target)
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise _broken(type(error).__name__) from None
            if redirected is None:
                return
            try:
                url = urljoin(url, redirected)
            except ValueError:
                raise _malformed() from None
        raise _broken(f"more than {REDIRECTS_MAX} redirects")

    async def _attempt(self, checked: _Target, target: Path) -> str | None:
        """Download into `target`, or tell where the answer sends us."""
        request = self._client.build_request(
            "GET",
            checked.pinned_url,
            headers={"Host": checked.host_header, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(
                self._policy.silence_s, connect=CONNECT_TIMEOUT_S, pool=POOL_TIMEOUT_S
            ),
            extensions={"sni_hostname": checked.host},
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            if response.status_code in _REDIRECTS:
                return str(response.headers.get("location", ""))
            if response.status_code != _OK:
                raise _broken("the host refuses the file", http_status=response.status_code)
            await self._store(response, target)
        finally:
            await response.aclose()
        return None

    async def _store(self, response: httpx.Response, target: Path) -> None:
        announced = response.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit():
            self._require_size(int(announced))
        size = 0
        head = b""
        with await asyncio.to_thread(target.open, "wb") as file:
            async for piece in response.aiter_raw():
                size += len(piece)
                self._require_size(size)
                if len(head) < _MAGIC_END:
                    head += piece[:_MAGIC_END]
                    _require_magic(head, whole=False)
                await asyncio.to_thread(file.write, piece)
        _require_magic(head, whole=True)

    def _require_size(self, size: int) -> None:
        if size > self._policy.bytes_max:
            raise _refused(f"the video is larger than {self._policy.bytes_max} bytes", "too_large")

    async def _checked(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower().rstrip("."), parts.port
        except ValueError:
            raise _malformed() from None
        if f"{parts.scheme}://{parts.netloc}" in self._policy.trusted_origins:
            return _Target(httpx.URL(url), host, parts.netloc)
        if parts.scheme != "https" or parts.username or port not in {None, _HTTPS_PORT}:
            raise _refused("the video must come over https", "bad_address")
        if not self._policy.allows_host(host):
            raise _refused(f"the host {host[:100]!r} is not listed", "host_not_allowed")
        address = await self._public_address(host)
        return _Target(httpx.URL(url).copy_with(host=address, port=None), host, host)

    async def _public_address(self, host: str) -> str:
        try:
            found = await self._resolve(host, _HTTPS_PORT)
        except OSError:
            raise _broken(f"the name {host[:100]!r} cannot be resolved") from None
        # One bad address spoils all: a name that answers both is made to deceive.
        if not found or not all(is_public(address) for address in found):
            raise _refused(f"the host {host[:100]!r} is not a public one", "address_not_public")
        return found[0]


def is_public(text: str) -> bool:
    """Tell whether an address, also one that is wrapped in another, belongs to the internet."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _unwrapped(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address


async def _resolve(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _require_magic(head: bytes, *, whole: bool) -> None:
    if (whole or len(head) >= _MAGIC_END) and head[4:_MAGIC_END] != _MAGIC:
        raise _broken("the file is not an mp4", code=DAMAGED_CODE)


def _broken(text: str, *, http_status: int | None = None, code: str | None = None) -> ProviderError:
    """What may be better the next time: the host, the network or the file was not well."""
    return ProviderError(Failure(FailureSource.NETWORK, text, http_status, code))


def _malformed() -> ProviderError:
    return _refused("the address of the video is malformed", "bad_address")


def _refused(text: str, code: str) -> ProviderError:
    """What we will not do however often it is asked."""
    return ProviderError(Failure(FailureSource.NEUROCARDS, text=text, code=code))
