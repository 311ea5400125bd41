"""The log of a run in an object store: what its one mutable object says, and how transitions are written in it.

The object ``head`` is compressed text. Its first line names the run, and the snapshot of its state at some point of the
log; each further line is one *batch*: transitions that one process made at one moment, in order. The state of the run
is what comes of performing the batches on the snapshot. Whoever adds a batch replaces the head, on the condition that
it is still what he has read; so all see the same batches in the same order, and an answer follows from what was before
it.

Everything is JSON, checked when it is read; nothing of it is executed.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from numpywren.control.memory import MemoryPlane
from numpywren.control.plane import JSON, Arrival, Failure, Reader

__all__ = [
    "FORMAT",
    "OWN_KEYS",
    "Batch",
    "Blob",
    "Head",
    "Transition",
    "claiming",
    "completing",
    "perform",
    "stopping",
]

#: Version of what is written, and of what transitions do: those who share a run must agree on both.
FORMAT = 1

#: Keys that a plane makes, beside those of other planes' runs that were replaced.
OWN_KEYS = re.compile(r"head|clock|[0-9a-f]{16}/(state|done)-[0-9]{1,15}-[0-9a-f]{8}")
#: Bytes that a head may have when it is decompressed.
LARGEST_HEAD = 1 << 26
_RUN = re.compile(r"[0-9a-f]{16}")

#: A transition as JSON: its name and its arguments.
Transition = list[Any]


class Blob(NamedTuple):
    """An immutable object beside the head.

    Attributes
    ----------
    key : str
        Its name.
    amount : int
        What it is about: for a snapshot the batches before it, for finished tasks how many.
    nbytes : int
        Its size, decompressed.
    """

    key: str
    amount: int
    nbytes: int

    @staticmethod
    def of(data: Any) -> Blob:
        """Decode, and check."""
        key, amount, nbytes = data
        if not (isinstance(key, str) and OWN_KEYS.fullmatch(key) and type(amount) is type(nbytes) is int):
            raise ValueError("it names something else than a snapshot")
        if amount < 0 or nbytes < 0:
            raise ValueError("it has a snapshot of less than nothing")
        return Blob(key, amount, nbytes)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says.

    Parameters
    ----------
    run : str
        A name that no other run has, and no other restore of this one.
    first : int
        The number of its first batch; earlier ones are in the snapshot.
    snapshot : Blob
        The state after `snapshot.amount` batches.
    done : tuple of Blob
        The tasks that were done by then, oldest first.
    batches : tuple of bytes
        The batches from `first` on, one line each.
    """

    run: str
    first: int
    snapshot: Blob
    done: tuple[Blob, ...]
    batches: tuple[bytes, ...] = ()

    @property
    def end(self) -> int:
        """How many batches there are in all."""
        return self.first + len(self.batches)

    def encode(self) -> bytes:
        """Write down."""
        top = {"format": FORMAT, "run": self.run, "first": self.first, "snapshot": self.snapshot, "done": self.done}
        return deflate(b"\n".join((json.dumps(top, separators=(",", ":")).encode(), *self.batches)))

    @staticmethod
    def decode(data: bytes) -> Head:
        """Read, and check all but the batches.

        Raises
        ------
        ValueError, TypeError, KeyError, RecursionError
            If it is no head, or another version's.
        """
        line, *batches = inflate(data, LARGEST_HEAD).split(b"\n")
        top = json.loads(line)
        if top["format"] != FORMAT:
            raise ValueError(f"it has format {top['format']!r}, this version of numpywren reads {FORMAT}")
        run, first, snapshot = top["run"], top["first"], Blob.of(top["snapshot"])
        if not (isinstance(run, str) and _RUN.fullmatch(run) and type(first) is int):
            raise ValueError(f"{run!r} is no run")
        if not 0 <= first <= snapshot.amount <= first + len(batches):
            raise ValueError("its snapshot is of another part of the log")
        return Head(run, first, snapshot, tuple(map(Blob.of, top["done"])), tuple(batches))


@dataclass(frozen=True, slots=True)
class Batch:
    """Transitions made together.

    Parameters
    ----------
    writer : str
        Who made them: one handle in one process.
    number : int
        Counts the batches of that writer, those that came to nothing among them.
    now : float
        When they were made, on the clock of the plane.
    transitions : tuple of Transition
        In order.
    """

    writer: str
    number: int
    now: float
    transitions: tuple[Transition, ...]

    def encode(self) -> bytes:
        """Write down, as one line without its end."""
        batch = [self.writer, self.number, self.now, self.transitions]
        return json.dumps(batch, separators=(",", ":"), allow_nan=False).encode()

    @staticmethod
    def decode(line: bytes) -> Batch:
        """Read; `perform` checks the transitions."""
        match json.loads(line, parse_constant=_refuse):
            case [str(writer), int(number), float(now), list(transitions)]:
                return Batch(writer, number, now, tuple(transitions))
        raise ValueError("a line of the log is no batch")


def claiming(worker: str, limit: int, lease_s: float, prefer: Collection[str], over: Mapping[str, str]) -> Transition:
    """Write down `ControlPlane.claim`."""
    return ["claim", worker, limit, float(lease_s), list(prefer), dict(over)]


def completing(worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Transition:
    """Write down `ControlPlane.complete`."""
    news: JSON = [
        [arrival.tile, arrival.counted, [[reader.task, reader.needs, reader.priority] for reader in arrival.readers]]
        for arrival in arrivals
    ]
    return ["complete", worker, task, news, list(reads)]


def perform(plane: MemoryPlane, transition: Transition) -> Any:
    """Do what a transition says.

    Raises
    ------
    ValueError, TypeError
        If it is none.
    """
    match transition:
        case ["claim", str(worker), int(limit), float(lease_s), list(prefer), dict(over)]:
            return plane.claim(worker, limit, lease_s, _names(prefer), over)
        case ["complete", str(worker), str(task), list(news), list(reads)]:
            return plane.complete(worker, task, [_arrival(one) for one in news], _names(reads))
        case ["renew", str(worker), list(tasks), float(lease_s)]:
            return plane.renew(worker, _names(tasks), lease_s)
        case ["release", str(worker), list(tasks)]:
            return plane.release(worker, _names(tasks))
        case ["stop", dict(failure)]:
            return plane.stop(Failure(**failure))
    raise ValueError("a batch of the log has a transition that is none")


def stopping(failure: Failure) -> Transition:
    """Write down `ControlPlane.stop`."""
    return ["stop", asdict(failure)]


def _names(found: list[Any]) -> list[str]:
    if not all(isinstance(name, str) for name in found):
        raise TypeError("a transition has something else where names should be")
    return found


def _arrival(found: Any) -> Arrival:
    tile, counted, readers = found
    if not (isinstance(tile, str) and isinstance(counted, bool)):
        raise TypeError("a transition has an arrival that is none")
    return Arrival(tile, tuple(_reader(*reader) for reader in readers), counted)


def _reader(task: Any, needs: Any, priority: Any) -> Reader:
    if not (isinstance(task, str) and type(needs) is int and type(priority) is int):
        raise TypeError("a transition has a reader that is none")
    return Reader(task, needs, priority)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of a log")


def deflate(data: bytes) -> bytes:
    """Compress, with a checksum."""
    return zlib.compress(data, 3)


def inflate(data: bytes, at_most: int) -> bytes:
    """Decompress; no more than `at_most` bytes are ever made.

    Raises
    ------
    ValueError
        If it is damaged, or there are more.
    """
    engine = zlib.decompressobj()
    try:
        found = engine.decompress(data, at_most + 1)
    except zlib.error as error:
        raise ValueError(f"it cannot be decompressed: {error}") from None
    if len(found) > at_most or not engine.eof or engine.unused_data:
        raise ValueError(f"it is cut off, or has more than {at_most} bytes")
    return found
