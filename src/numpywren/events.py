"""What a worker tells whoever listens: one frozen record for each thing that happened.

Times are seconds on the clock of ``time.perf_counter`` of the process that made the event; sizes are bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Event",
    "Listener",
    "StoreRetried",
    "TaskDone",
    "TileRead",
    "TileWritten",
    "TilesFreed",
    "WorkerExit",
    "listening",
    "publish",
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


@dataclass(frozen=True, slots=True)
class TileRead:
    """A tile was wanted: found in the cache, or read."""

    tile: str
    nbytes: int
    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class TileWritten:
    """A tile was written."""

    tile: str
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TilesFreed:
    """Intermediate tiles were deleted, their last reader being done."""

    count: int


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


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A worker left."""

    worker: str
    #: ``finished``, ``idle``, ``deadline``, ``told`` or ``lost``.
    reason: str


Event: TypeAlias = TaskDone | TileRead | TileWritten | TilesFreed | StoreRetried | WorkerExit
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
