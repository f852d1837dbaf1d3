"""The load generator, a process of its own: `python -m bench.generator PLAN.json`.

Open loop: requests leave at fixed times, however slow the answers are, and a latency counts from
the time at which its request was due. So a server that stalls pays for every request that waited,
and a generator that is late only makes the figures worse, never better. Without a rate it is a
closed loop: every connection sends its next request when it has its answer.

One thread on bare sockets with select(2), whose time-out has microseconds: an event loop would
round to milliseconds and cost more. Not a general HTTP client: answers need a Content-Length.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_IDLE_S_MAX = 2.0
"""A server may close a connection that rests longer; it is opened anew before its next use."""
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send. `bodies` is a file with one request body a line."""

    host: str
    port: int
    path: str
    bodies: str
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_per_s: float | None = None
    connections: int = 100
    timeout_s: float = 30.0
    """After the last request was due."""
    keep_answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it; latencies in the order of the answers, answers in that of the bodies."""

    sent: int
    statuses: Mapping[str, int]
    unanswered: int
    seconds: float
    latencies_ms: Sequence[float]
    lateness_ms: Sequence[float]
    """How late requests left: all connections were busy, or the generator itself was late."""
    cpu_s: float
    answers: Sequence[str]

    @property
    def all_ok(self) -> bool:
        return self.unanswered == 0 and set(self.statuses) == {"200"}


class _Connection:
    __slots__ = ("_address", "due", "index", "received", "rested_at", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.due = 0.0
        self.index = -1
        self.received = b""
        self.rested_at = 0.0
        self.socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(self._address, timeout=5.0)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def send(self, request: bytes, *, index: int, due: float, now: float) -> None:
        if self.rested_at and now - self.rested_at > _IDLE_S_MAX:
            self.socket.close()
            self.socket = self._open()
        self.index, self.due, self.received = index, due, b""
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Read on; give status and body once the answer is whole. Status 0: connection lost."""
        try:
            part = self.socket.recv(65536)
        except OSError:
            part = b""
        if not part:
            self.socket.close()
            self.socket = self._open()
            return 0, b""
        self.received += part
        head, end, body = self.received.partition(_HEAD_END)
        if not end or len(body) < _content_length(head):
            return None
        return int(head[9:12]), body


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


class Generator:
    """One run of a plan."""

    def __init__(self, plan: Plan, bodies: Sequence[bytes]) -> None:
        self._plan = plan
        self._requests = [_request(plan, body) for body in bodies]
        address = (plan.host, plan.port)
        self._idle = [_Connection(address) for _ in range(min(plan.connections, len(bodies)))]
        self._busy: dict[int, _Connection] = {}
        self._statuses: Counter[int] = Counter()
        self._latencies_ms: list[float] = []
        self._lateness_ms: list[float] = []
        self._answers: list[str] = [""] * (len(bodies) if plan.keep_answers else 0)
        self._next = 0

    def run(self) -> Report:
        used_before = _cpu_s()
        start = time.perf_counter()
        self._exchange(start)
        seconds = time.perf_counter() - start
        for connection in (*self._idle, *self._busy.values()):
            connection.socket.close()
        return Report(
            sent=self._next,
            statuses={str(status): count for status, count in self._statuses.items()},
            unanswered=len(self._requests) - self._statuses.total(),
            seconds=seconds,
            latencies_ms=self._latencies_ms,
            lateness_ms=self._lateness_ms,
            cpu_s=_cpu_s() - used_before,
            answers=self._answers,
        )

    def _exchange(self, start: float) -> None:
        total = len(self._requests)
        rate = self._plan.rate_per_s
        deadline = start + (total / rate if rate else 0.0) + self._plan.timeout_s
        while self._next < total or self._busy:
            now = time.perf_counter()
            if now > deadline:
                return
            self._send_due(start, now)
            for descriptor in self._readable(start, deadline):
                self._collect(descriptor)
            if not rate and self._next < total:
                deadline = time.perf_counter() + self._plan.timeout_s

    def _due(self, index: int, start: float, now: float) -> float:
        rate = self._plan.rate_per_s
        return start + index / rate if rate else now

    def _send_due(self, start: float, now: float) -> None:
        while self._idle and self._next < len(self._requests):
            due = self._due(self._next, start, now)
            if due > now:
                return
            connection = self._idle.pop()
            connection.send(self._requests[self._next], index=self._next, due=due, now=now)
            self._busy[connection.socket.fileno()] = connection
            self._lateness_ms.append((now - due) * 1e3)
            self._next += 1

    def _readable(self, start: float, deadline: float) -> Iterator[int]:
        now = time.perf_counter()
        until = deadline
        if self._idle and self._next < len(self._requests):
            until = self._due(self._next, start, now)
        ready, _, _ = select.select(list(self._busy), (), (), max(0.0, until - now))
        yield from ready

    def _collect(self, descriptor: int) -> None:
        connection = self._busy[descriptor]
        answer = connection.answer()
        if answer is None:
            return
        del self._busy[descriptor]
        now = time.perf_counter()
        connection.rested_at = now
        self._idle.append(connection)
        status, body = answer
        self._statuses[status] += 1
        self._latencies_ms.append((now - connection.due) * 1e3)
        if self._answers:
            self._answers[connection.index] = body.decode()


def _request(plan: Plan, body: bytes) -> bytes:
    headers = {
        "Host": f"{plan.host}:{plan.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **plan.headers,
    }
    lines = [f"POST {plan.path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    bodies = Path(plan.bodies).read_bytes().splitlines()
    json.dump(asdict(Generator(plan, bodies).run()), sys.stdout)


if __name__ == "__main__":
    main()
