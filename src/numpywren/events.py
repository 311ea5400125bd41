"""What a worker tells whoever listens: one frozen record for each thing that happened.

Moments end in ``_s`` and are seconds on the clock of ``time.perf_counter`` of the process that made the event;
``seconds`` are durations; sizes are bytes. Fields are plain numbers and text, as they are written down with the run:
see `numpywren.worker.journal`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Event",
    "LeaseLost",
    "Listener",
    "StoreRetried",
    "TaskAgain",
    "TaskDone",
    "TaskFailed",
    "TaskOvertaken",
    "TaskTakenOver",
    "TileRead",
    "TileWritten",
    "TilesCached",
    "TilesFreed",
    "WorkerExit",
    "WorkerStart",
    "listening",
    "publish",
    "subscribe",
    "unsubscribe",
]


@dataclass(frozen=True, slots=True)
class TaskDone:
    """A task was computed (its tiles are not written yet)."""

    #: Id of the task.
    task: str
    #: Number of the slot that computed it.
    slot: int
    #: When the slot took it up, reading included.
    start_s: float
    #: When the last operand that had to be waited for was there.
    waited_s: float
    #: When the result was computed.
    end_s: float
    #: How long the slot did nothing but wait for tiles.
    stalled_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskAgain:
    """A task was claimed that another worker had and lost."""

    task: str
    #: 2 for the second time that somebody tries, and so on.
    attempt: int
    #: When it happened; so in each event that has no other moment.
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TaskTakenOver:
    """A task was claimed that another worker had for too long."""

    task: str
    #: Name of that worker.
    holder: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TaskOvertaken:
    """A task was done here when another worker had done it already."""

    task: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task cannot be done, which ended the run."""

    task: str
    #: Name of the exception.
    error: str
    #: What it said, without secrets.
    message: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """A lease ran out before it was renewed: another worker may do the task, or has done it."""

    task: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TileRead:
    """A tile was wanted: found in the cache, or read."""

    tile: str
    nbytes: int
    cached: bool
    seconds: float
    #: When it was there.
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TilesCached:
    """Tiles were found in the cache: written down in place of so many `TileRead` where these would cost too much."""

    count: int
    #: Of all of them.
    nbytes: int
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TileWritten:
    """A tile was written."""

    tile: str
    nbytes: int
    seconds: float
    #: When the store had it.
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class TilesFreed:
    """Intermediate tiles were deleted, their last reader being done."""

    count: int
    #: Their names, separated by spaces; their sizes are those with which they were written.
    tiles: str = ""
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class StoreRetried:
    """A request to a store failed and will be sent again."""

    #: What was asked: ``read``, ``write``, ``list``, ``delete``, …
    operation: str
    url: str
    #: How often it was tried.
    attempt: int
    #: What the store said, without secrets.
    reason: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A worker began."""

    worker: str
    #: Name of the machine, and number of the process.
    host: str
    process: int
    #: Tasks that it computes at once.
    slots: int
    #: Bytes that its tiles may take.
    memory: int
    #: Version of numpywren.
    version: str
    at_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A worker left."""

    worker: str
    #: ``finished``, ``idle``, ``deadline``, ``told``, ``failed`` or ``lost``.
    reason: str
    at_s: float = field(default_factory=time.perf_counter)


Event: TypeAlias = (
    WorkerStart
    | TaskDone
    | TaskAgain
    | TaskTakenOver
    | TaskOvertaken
    | TaskFailed
    | LeaseLost
    | TileRead
    | TilesCached
    | TileWritten
    | TilesFreed
    | StoreRetried
    | WorkerExit
)
Listener: TypeAlias = Callable[[Event], None]

logger = logging.getLogger(__name__)

_listeners: list[Listener] = []


def publish(event: Event) -> None:
    """Tell every listener of this process; called by workers from several threads."""
    for listener in tuple(_listeners):
        try:
            listener(event)
        except Exception:
            logger.exception("a listener failed at %r", event)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` called with every event of this process while the block lasts; it must be quick."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def subscribe(listener: Listener) -> None:
    """Have `listener` called with every event of this process, until `unsubscribe`."""
    _listeners.append(listener)


def unsubscribe(listener: Listener) -> None:
    """Call `listener` no more; nothing happens if it is not called anyway."""
    with suppress(ValueError):
        _listeners.remove(listener)
