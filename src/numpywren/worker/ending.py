"""Whether a worker is to leave, and why: any of its threads may say so."""

from __future__ import annotations

import threading
from typing import Literal, TypeAlias

__all__ = ["Ending", "Reason"]

#: Why a worker leaves; "lost" is for an error that is not a task's.
Reason: TypeAlias = Literal["finished", "idle", "deadline", "told", "failed", "lost"]


class Ending:
    """The end of one worker: the first reason given is the one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Why the worker leaves; None while it stays.
        self.reason: Reason | None = None
        #: What it was lost by.
        self.error: BaseException | None = None
        #: Set when there may be something to see for who waits: an end, or a task that changed hands.
        self.wake = threading.Event()

    def end(self, reason: Reason) -> None:
        """Leave; tasks under way are done first, unless what they would give is `unwanted`."""
        with self._lock:
            self.reason = self.reason or reason
        self.wake.set()

    def lose(self, error: BaseException) -> None:
        """Leave because of an error that is not the task's."""
        self.error = self.error or error
        self.end("lost")

    def unwanted(self) -> bool:
        """Whether nobody waits for what is under way: it is given up."""
        return self.reason in ("told", "failed", "lost")
