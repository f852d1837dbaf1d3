"""Requests that no client would make, at every endpoint, byte by byte.

Hypothesis makes them up and makes a bad one small. They go over a plain socket: an HTTP client
would refuse to send half of them.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

ANSWER_S_MAX = 30.0
READ_BYTES = 65_536
BODY_BYTES_MAX = 4_096
SHOWN_BYTES = 2_000
SERVER_ERROR = 500
SIGNED_TASK_ID = "signed"
"""The task for which the provider's signature is among the secrets."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` has its parameters in braces; `secrets` are headers that open it."""

    method: str
    path: str
    secrets: Sequence[tuple[str, str]] = ()
    known_paths: Sequence[str] = ()
    """Real ones, signed by us."""


@dataclass(frozen=True, slots=True)
class Side:
    """A port of a process and what stands behind it."""

    name: str
    url: str
    endpoints: Sequence[Endpoint]


@dataclass(slots=True)
class Attack:
    """Sends to all sides in turn; `answers` counts by side and status (0: closed without one)."""

    sides: Sequence[Side]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def sweep(self) -> None:
        """Send every odd parameter to every address once: chance would leave some of them out."""
        for side in self.sides:
            for endpoint in side.endpoints:
                for request in _plain_requests(endpoint):
                    self._send(side, request)

    def run(self, *, examples: int, number: int) -> None:
        """Make up so many requests; AssertionError with the smallest one that brings 5xx."""
        for side in self.sides:
            self._side(side, examples=examples // len(self.sides), number=number)

    def _side(self, side: Side, *, examples: int, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=max(1, examples),
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(request=requests(side.endpoints))
        def holds(request: bytes) -> None:
            self._send(side, request)

        holds()

    def _send(self, side: Side, request: bytes) -> None:
        status = answered(side.url, request)
        self.answers[side.name, status] += 1
        shown = repr(request[:SHOWN_BYTES])
        assert status < SERVER_ERROR, f"{side.name} answers {status} to {shown}"


def answered(url: str, request: bytes) -> int:
    """Send the bytes and give the status; 0 when the connection is closed without an answer."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_S_MAX) as connection:
        reply = b""
        with contextlib.suppress(OSError):
            connection.sendall(request)
            # What was announced and does not come: the server must not wait for it for ever.
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in reply and (chunk := connection.recv(READ_BYTES)):
                reply += chunk
    words = reply.split(b" ", 2)
    return int(words[1]) if reply.startswith(b"HTTP/") and len(words) > 1 else 0


METHODS = (
    *("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"),
    *("PROPFIND", "X" * 200, "\x00", "G E T"),
)
ODD_PARAMETERS = (
    *("", "0", "1", "-1", "4244", "9" * 40, "9" * 5_000, "1.5", "null", "%00", "%ff", "..%2f.."),
    *("0192f0c4-7c2e-7000-8000-000000000001", "a" * 64, "%F0%9F%98%80", "٣", "%D9%A3", "+1"),
    *("{job_id}", "..", "//", ";", "%2e%2e/%2e%2e", "x" * 9_000, "1_0"),
)
PARAMETERS = st.one_of(
    st.sampled_from(ODD_PARAMETERS),
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#"), max_size=40
    ),
)
HEADER_NAMES = (
    *("Accept", "Accept-Encoding", "Authorization", "Content-Type", "Content-Length", "Cookie"),
    *(
        "Transfer-Encoding",
        "Expect",
        "Range",
        "If-None-Match",
        "Host",
        "Origin",
        "Upgrade",
        "Connection",
    ),
    *(
        "X-Admin-Token",
        "X-Telegram-Bot-Api-Secret-Token",
        "X-Webhook-Timestamp",
        "X-Webhook-Signature",
    ),
    *(
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-HTTP-Method-Override",
        "Sec-WebSocket-Key",
        "X-" + "n" * 300,
    ),
)
HEADER_VALUES = st.one_of(
    st.sampled_from(
        (
            *(
                b"",
                b"0",
                b"-1",
                b"5",
                b"99999999999999999999",
                b"1048577",
                b"chunked",
                b"gzip, chunked",
            ),
            *(b"identity", b"100-continue", b"websocket", b"upgrade", b"close", b"bytes=0-", b"*"),
            *(
                b"application/json",
                b"multipart/form-data",
                b"text/plain; charset=utf-7",
                b"a/b; q=x",
            ),
            *(
                b"application/openmetrics-text; version=1.0.0",
                b"application/openmetrics-text; version=x",
            ),
            *(
                b"text/plain; version=1.0.0; escaping=nothing",
                b"*/*;q=0",
                b"\xff\xfe",
                b"\xd0\xb6",
                b"'\"\\",
            ),
            *(b"nan", b"1e999", b"inf", b"%s%n{}", b"Basic Og==", b"x" * 9_000, b"y" * 70_000),
        )
    ),
    st.binary(max_size=30).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"")),
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from(("taskId", "\ud800", "\0", "x" * 500)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(("data", "taskId", "task_id", "update_id", "message", "code", "")),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.just(b""),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.just(json.dumps({"data": {"taskId": SIGNED_TASK_ID}}).encode()),
    st.builds(
        lambda task_id: json.dumps({"data": {"taskId": task_id}}).encode(),
        st.one_of(st.text(max_size=250), st.none(), st.integers()),
    ),
    st.binary(max_size=BODY_BYTES_MAX),
    st.sampled_from(
        (b"[" * 50_000, b"5\r\nabc", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"{" * 300)
    ),
)


def _plain_requests(endpoint: Endpoint) -> Iterator[bytes]:
    """Give well-formed requests, with and without the secrets, for each odd parameter."""
    for odd in ODD_PARAMETERS:
        path = "/".join(odd if part.startswith("{") else part for part in endpoint.path.split("/"))
        for secrets in ((), endpoint.secrets):
            lines = [f"{endpoint.method} {path}?{odd} HTTP/1.1", "Host: bot", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in secrets]
            lines += ["Content-Length: 2", "", "{}"]
            yield "\r\n".join(lines).encode()


@st.composite
def requests(draw: st.DrawFn, endpoints: Sequence[Endpoint]) -> bytes:
    """Make up one request, or what only begins like one."""
    if draw(st.integers(0, 30)) == 0:
        return draw(st.binary(max_size=400))
    endpoint = draw(st.sampled_from(list(endpoints)))
    method = draw(st.one_of(st.just(endpoint.method), st.sampled_from(METHODS)))
    body: bytes = draw(BODIES)
    headers: list[tuple[str, bytes]] = [("Host", b"bot"), ("Connection", b"close")]
    if draw(st.integers(0, 5)):
        headers.append(("Content-Length", str(len(body)).encode()))
    opened = draw(st.booleans())
    if endpoint.secrets and opened:
        headers += [(name, value.encode()) for name, value in endpoint.secrets]
    odd = st.tuples(st.sampled_from(HEADER_NAMES), HEADER_VALUES)
    headers += draw(st.lists(odd, max_size=4))
    target = draw(_targets(endpoint))
    version = draw(st.sampled_from(("HTTP/1.1",) * 8 + ("HTTP/1.0", "HTTP/2.0", "HTTP/9", "")))
    lines = [f"{method} {target} {version}".encode("latin-1", "replace")]
    lines += [name.encode() + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@st.composite
def _targets(draw: st.DrawFn, endpoint: Endpoint) -> str:
    is_known = draw(st.booleans())
    if endpoint.known_paths and is_known:
        path = draw(st.sampled_from(list(endpoint.known_paths)))
    else:
        parts = [
            draw(PARAMETERS) if part.startswith("{") else part for part in endpoint.path.split("/")
        ]
        path = "/".join(parts)
    query = draw(st.one_of(st.just(""), PARAMETERS.map(lambda text: "?" + text)))
    return path + draw(st.sampled_from(("", "", "", "/", "//", "%00", "/..", "."))) + query
