"""A proxy between a client and an HTTP server that fails as networks and stores do: for soaks, and tests of retries."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

__all__ = ["Fault", "FaultyProxy"]

#: Headers that are about one connection, and so are not handed on.
_HOP = {"connection", "keep-alive", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
#: Seconds that the server behind may take.
_PATIENCE_S = 300.0

Kind = Literal["error", "reset", "lose", "late", "truncate", "corrupt", "delay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail, and how often.

    Attributes
    ----------
    kind : str
        ``error``: answer with `status` and hand nothing on. ``reset``: close the connection and hand nothing on.
        ``lose``: hand the request on, then close the connection instead of answering, so that nobody knows whether
        it was done. ``truncate``: send half of an answer's body, then close. ``corrupt``: change a byte of an
        answer's body. ``delay``: wait `seconds` before the request is handed on; other faults may come after it.
    share : float
        Share of the requests that it befalls, from 0 to 1.
    status : int
        For ``error``.
    seconds : float
        For ``delay`` and ``late``.
    methods : sequence of str
        Requests that it befalls; default: all. Answers without a body are neither truncated nor corrupted.
    path : str
        Regular expression that is looked for in path and query.
    at_most : int, optional
        How often it happens in all.
    """

    kind: Kind
    share: float = 1.0
    status: int = 503
    seconds: float = 0.0
    methods: Sequence[str] = ()
    path: str = ""
    at_most: int | None = None


class FaultyProxy:
    """A server on the loopback that hands requests on to another, failing some; a context manager.

    Parameters
    ----------
    target_url : str
        The server behind it, as ``http://host:port``.
    rules : sequence of Fault
        May be replaced at any time by setting `rules`, from when they are counted anew; the first that befalls a
        request counts.
    seed : int
        Of the choice which requests fail.

    Attributes
    ----------
    url : str
        Where it listens.
    counts : Counter
        ``requests``, and how often each kind of fault happened.
    held_back : int
        Requests that are on their way although their connection was closed.

    Examples
    --------
    >>> from numpywren.testing.faults import Fault, FaultyProxy
    >>> with FaultyProxy("http://127.0.0.1:9", [Fault(kind="error", status=503)]) as proxy:
    ...     proxy.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, target_url: str, rules: Sequence[Fault] = (), *, seed: int = 0) -> None:
        target = urlsplit(target_url)
        if target.scheme != "http" or target.hostname is None:
            raise ValueError(f"the server behind must be named as http://host:port, not {target_url!r}")
        self._target = (target.hostname, target.port or 80)
        self._random, self.lock = random.Random(seed), threading.Lock()  # noqa: S311 - repeatable, no secret
        self.counts: Counter[str] = Counter()
        self.held_back = 0
        self.rules = rules
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def rules(self) -> Sequence[Fault]:
        """What befalls requests from now on."""
        return self._rules

    @rules.setter
    def rules(self, rules: Sequence[Fault]) -> None:
        with self.lock:
            self._rules, self._happened = tuple(rules), [0] * len(rules)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="faulty-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def draw(self, method: str, path: str) -> list[Fault]:
        """Faults that befall a request: any number of delays, and at most one other."""
        found: list[Fault] = []
        with self.lock:
            self.counts["requests"] += 1
            for number, rule in enumerate(self._rules):
                if rule.methods and method not in rule.methods:
                    continue
                if not re.search(rule.path, path) or self._random.random() >= rule.share:
                    continue
                if rule.at_most is not None and self._happened[number] >= rule.at_most:
                    continue
                self._happened[number] += 1
                found.append(rule)
                if rule.kind != "delay":
                    break
        return found

    def settle(self) -> None:
        """Wait until no request is held back any more."""
        while self.held_back:
            time.sleep(0.01)

    def happened(self, kind: str) -> None:
        """Count a fault."""
        with self.lock:
            self.counts[kind] += 1

    def place(self, length: int) -> int:
        """Which of so many bytes to change."""
        with self.lock:
            return self._random.randrange(length)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> http.client.HTTPResponse:
        """Hand a request on."""
        connection = http.client.HTTPConnection(*self._target, timeout=_PATIENCE_S)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        connection.endheaders(body or None)
        return connection.getresponse()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: FaultyProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        last: Fault | None = None
        for fault in self.server.proxy.draw(self.command, self.path):
            if fault.kind == "delay":
                self.server.proxy.happened("delay")
                time.sleep(fault.seconds)
            else:
                last = fault
        kind = None if last is None else last.kind
        if last is not None and kind in ("error", "reset"):
            self.server.proxy.happened(last.kind)
            if kind == "reset":
                self._close()
            else:
                self._refuse(last.status)
            return
        if last is not None and kind == "late":
            self.server.proxy.happened("late")
            self._late(last.seconds, body)
            return
        try:
            answer = self.server.proxy.ask(self.command, self.path, dict(self.headers.items()), body)
            found = answer.read()
        except (OSError, http.client.HTTPException):  # the server behind is gone: as if this one were
            self._close()
            return
        if kind == "lose":
            self.server.proxy.happened("lose")
            self._close()
        else:
            self._answer(answer, found, kind)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815 - names that the base class looks for

    def _late(self, seconds: float, body: bytes) -> None:
        """Close the connection, and hand the request on when it was given up."""
        proxy = self.server.proxy
        with proxy.lock:
            proxy.held_back += 1
        try:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            time.sleep(seconds)
            with contextlib.suppress(OSError, http.client.HTTPException):
                proxy.ask(self.command, self.path, dict(self.headers.items()), body).read()
        finally:
            with proxy.lock:
                proxy.held_back -= 1

    def _answer(self, answer: http.client.HTTPResponse, body: bytes, kind: str | None) -> None:
        """Hand an answer on, whole or not."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP and name.lower() != "content-length":
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if kind == "truncate" and body:
            self.server.proxy.happened("truncate")
            self.wfile.write(body[: len(body) // 2])
            self._close()
            return
        if kind == "corrupt" and body:
            self.server.proxy.happened("corrupt")
            place = self.server.proxy.place(len(body))
            body = body[:place] + bytes([body[place] ^ 0x10]) + body[place + 1 :]
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int) -> None:
        text = b"" if self.command == "HEAD" else b"<Error><Code>Injected</Code><Message>a fault</Message></Error>"
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _close(self) -> None:
        """Break the connection off, so that the other side sees a reset and not an end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
