"""A line to a server of any protocol in which one side asks and the other answers, as Redis: for soaks.

What goes wrong on it is what goes wrong on networks: an answer is lost, so that the question is asked again; a
question is held back and arrives after later ones, when whoever asked it has long given it up.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Self

__all__ = ["FaultyLine"]

#: Bytes taken off the line at once; a question or answer may be longer.
_CHUNK = 1 << 16
#: Seconds for which an answer to a question that was held back is read before its connection is closed.
_AFTERWARDS_S = 1.0


class FaultyLine:
    """A port on the loopback from which everything is carried to another, nearly; a context manager.

    Parameters
    ----------
    host, port : str, int
        The server behind it.
    seed : int
        Of the choice what fails.

    Attributes
    ----------
    port : int
        Where it listens.
    lose : float
        Share of the questions whose answer is not carried back: the connection is broken off instead.
    late : float
        Share of the questions that arrive `late_s` seconds after their connection was broken off.
    late_s : float
        See `late`.
    counts : Counter
        How often either happened.

    Examples
    --------
    >>> from numpywren.testing.faulty_line import FaultyLine
    >>> with FaultyLine("127.0.0.1", 9) as line:
    ...     line.lose = 0.05
    """

    def __init__(self, host: str, port: int, *, seed: int = 0) -> None:
        self._target = (host, port)
        self._random, self._lock = random.Random(seed), threading.Lock()  # noqa: S311 - repeatable, no secret
        self.lose = self.late = 0.0
        self.late_s = 0.5
        self.counts: Counter[str] = Counter()
        self._late = 0
        self._open: set[socket.socket] = set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, name="faulty-line", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            ends = [self._door, *self._open]
        for end in ends:
            _shut(end)
            end.close()

    def settle(self) -> None:
        """Wait until nothing is held back any more."""
        while self._late:
            time.sleep(0.01)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        """Carry one connection."""
        with guest:
            try:
                server = socket.create_connection(self._target)
            except OSError:
                return  # nobody is there: as if nobody were here
            with server, self._registered(guest, server):
                lost = threading.Event()
                back = threading.Thread(target=_carry, args=(server, guest, lost), daemon=True)
                back.start()
                with contextlib.suppress(OSError):
                    self._questions(guest, server, lost)
                _shut(server)
                back.join()

    def _questions(self, guest: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        while question := guest.recv(_CHUNK):
            with self._lock:
                chance = self._random.random()
                kind = "lose" if chance < self.lose else "late" if chance < self.lose + self.late else None
                self.counts["questions"] += 1
                if kind is not None:
                    self.counts[kind] += 1
                    self._late += 1
            if kind is None:
                server.sendall(question)
                continue
            lost.set()
            try:
                if kind == "late":
                    _break(guest)
                    time.sleep(self.late_s)
                server.sendall(question)
                time.sleep(0.0 if kind == "late" else 0.01)
                _break(guest)
                server.shutdown(socket.SHUT_WR)  # it answers what it has read, and closes
                server.settimeout(_AFTERWARDS_S)
                while server.recv(_CHUNK):
                    pass
            finally:
                with self._lock:
                    self._late -= 1
            return

    @contextlib.contextmanager
    def _registered(self, *ends: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.update(ends)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(ends)


def _carry(source: socket.socket, target: socket.socket, lost: threading.Event) -> None:
    """Carry answers, until they are to be lost."""
    with contextlib.suppress(OSError):
        while answer := source.recv(_CHUNK):
            if lost.is_set():
                return
            target.sendall(answer)
    _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _break(end: socket.socket) -> None:
    """Close a connection so that the other side sees it broken off."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _shut(end)
