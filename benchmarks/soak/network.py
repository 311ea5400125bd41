"""Machines and the lines between them, as network namespaces of Linux and pairs of virtual devices.

The process that makes them is a machine itself, in namespaces of its own (see `enclosed`); the others are those of
`Machine`. They need ``unshare`` and ``ip``, and either root or namespaces that users may make.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Self

__all__ = ["Line", "Machine", "enclosed", "why_not"]

_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _words() -> list[str]:
    """The command that gives another namespaces of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--"]


def why_not() -> str | None:
    """Why no networks can be made here; None if they can."""
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            return f"there is no `{tool}` here"
    script = "ip link set lo up && ip link add soak0 type veth peer name soak1"
    tried = subprocess.run([*_words(), "sh", "-c", script], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"namespaces are not allowed here: {tried.stderr.strip()}"


def enclosed(words: list[str]) -> list[str]:
    """The command that runs a command of this interpreter as the first machine of a network of its own."""
    return [*_words(), sys.executable, *words]


class Machine:
    """A network namespace; a context manager.

    Parameters
    ----------
    address : str, optional
        Address of its own, under which the others reach it by whatever line.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        # it holds the namespace, and ends when this process does
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(b"ready\n")
        self._holder.stdin.flush()
        self._holder.stdout.readline()
        self.ip("link", "set", "lo", "up")
        if address is not None:
            self.ip("addr", "add", f"{address}/32", "dev", "lo")

    @property
    def pid(self) -> int:
        """A process in it."""
        return self._holder.pid

    @property
    def within(self) -> list[str]:
        """Words before a command that is to run there."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def ip(self, *words: str) -> None:
        """Do something to its network."""
        subprocess.run([*self.within, "ip", *words], check=True)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread starts, and connects to, is there while the block lasts."""
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self.pid}/ns/net") as there:  # noqa: PTH123
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate()


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Line:
    """A line from one machine to a server's, by which its address is reached.

    Parameters
    ----------
    near : Machine or None
        None: the process that makes it.
    far : Machine
        One with an address.
    """

    def __init__(self, near: Machine | None, far: Machine) -> None:
        number = next(_numbers)
        self._far, self._end = far, f"far{number}"
        start, end = f"10.78.{number}.1", f"10.78.{number}.2"
        here = [] if near is None else near.within
        made = ["link", "add", f"near{number}", "type", "veth", "peer", "name", self._end, "netns", str(far.pid)]
        for words in (
            made,
            ["addr", "add", f"{start}/30", "dev", f"near{number}"],
            ["link", "set", f"near{number}", "up"],
        ):
            subprocess.run([*here, "ip", *words], check=True)
        far.ip("addr", "add", f"{end}/30", "dev", self._end)
        self.mend()
        subprocess.run([*here, "ip", "route", "add", f"{far.address}/32", "via", end], check=True)

    def cut(self) -> None:
        """Lose all that is sent by it, from either side; nobody is told."""
        self._far.ip("link", "set", self._end, "down")

    def mend(self) -> None:
        """Carry again what is sent."""
        self._far.ip("link", "set", self._end, "up")
