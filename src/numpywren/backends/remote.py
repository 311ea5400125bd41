"""What backends have in common whose workers live where we cannot see them: they are known by the run's roll."""

from __future__ import annotations

import logging
import secrets
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpywren.backends.backend import SERVE, Backend, refuse_what_cannot_travel, without_prefixes
from numpywren.config import number_setting, setting
from numpywren.control.roll import Roll
from numpywren.errors import StoreError
from numpywren.matrix import open_store

__all__ = ["RemoteBackend"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at the roll, while running and while everybody is to leave.
LOOK_S, LOOK_LEAVING_S = 0.5, 0.1
#: Seconds that workers get to finish the tasks in hand and hand back their leases, before they are killed.
GRACE_S = 30.0
#: A worker is given up that was silent for so many leases, and for so many seconds.
SILENT_LEASES, SILENT_S = 3.0, 5.0


@dataclass(slots=True)
class _Called:
    """A worker that was asked for."""

    #: What the library behind the backend knows it by.
    handle: Any
    #: Whether it has begun.
    begun: bool = False
    since: float = field(default_factory=time.monotonic)


class RemoteBackend(Backend):
    """Starts workers by `launch`, and believes only the roll: who has begun, who is alive, who has left and why."""

    #: Settings of the backend, which a worker needs to start its successors.
    settings: ClassVar[tuple[str, ...]] = ()
    detaches: ClassVar[bool] = True

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = SERVE) -> None:
        refuse_what_cannot_travel(url, options)
        super().__init__(url, options, entry)
        own = {key: setting(key) for key in self.settings if setting(key) is not None}
        self.options["settings"] = {**(self.options.get("settings") or {}), **own}
        self._patience_s = number_setting("workers.patience", least=1.0)
        self._late = f"a worker has not begun within {self._patience_s:.0f} s (workers.patience) and was given up"
        self._silent_s = max(SILENT_S, SILENT_LEASES * float(self.options.get("lease_s", 0.0)))
        self._called: dict[str, _Called] = {}
        self._others: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._troubles: list[str] = []
        self._looked = -LOOK_S
        inherited = str(self.options.pop("badge", "") or "")  # of a worker that starts its successors
        self._roll = Roll(open_store(url), inherited.partition("/")[0] or secrets.token_hex(4))
        self._open = False

    # -- what a backend says ----------------------------------------------------------------------------------------

    @abstractmethod
    def launch(self, given: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        """Have a worker begin with each of these options, without waiting for it; returns what each is known by."""

    def fate(self, handle: Any) -> str | None:
        """How a worker ended, as far as the library behind knows for sure: in peace (""), in trouble, or None."""
        return None

    def withdraw(self, handle: Any) -> None:
        """Take back a worker that has not begun, or kill one that does not leave, where that can be done."""

    def close(self) -> None:
        """Give back what the library behind holds for this backend; `start` may come again."""

    # -- the protocol -----------------------------------------------------------------------------------------------

    def start(self, count: int) -> None:
        """Start `count` more workers."""
        if count < 1:
            return
        if not self._open:
            self._roll.open()
            self._open = True
        given = self.given(count)
        for options, handle in zip(given, self.launch(given), strict=True):
            self._called[options["badge"].partition("/")[2]] = _Called(handle)

    def succeed(self, count: int) -> int:
        """Start successors, unless the crew has been sent away."""
        if count < 1 or not self._roll.wanted():
            return 0
        self.launch(self.given(count))
        return count

    def alive(self) -> int:
        """How many have not left: those on the roll, and those on their way for whom there is patience."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()
        return len(self._called) + len(self._others)

    def wait(self, timeout_s: float) -> None:
        """Sleep until somebody has left, or for `timeout_s`."""
        before, deadline = self.alive(), time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0 and self.alive() >= before:
            time.sleep(min(0.05, left))

    def stop(self) -> None:
        """Take down the sign and wait; take back or kill whoever has not left after a while."""
        if self._open:
            self._roll.close()
            deadline = time.monotonic() + GRACE_S
            self._look()
            for called in self._called.values():
                if not called.begun:
                    self.withdraw(called.handle)  # if it begins all the same, it finds no sign and leaves
            while self._working() and time.monotonic() < deadline:
                time.sleep(LOOK_LEAVING_S)
                self._look()
            for called in self._called.values():
                if called.begun:
                    self.withdraw(called.handle)
            self._called.clear()
            self._others, self._open = frozenset(), False
            self._roll.clear()
        self.close()

    def trouble(self) -> str | None:
        """What workers wrote on the roll, or what the library behind says of them, since this was last asked."""
        troubles, self._troubles = self._troubles, []
        return "; ".join(dict.fromkeys(map(without_prefixes, troubles))) or None

    # -- inside -----------------------------------------------------------------------------------------------------

    def given(self, count: int) -> list[dict[str, Any]]:
        """Options for each of so many workers, with a badge of its own."""
        return [{**self.options, "badge": self._roll.badge()} for _ in range(count)]

    def _working(self) -> bool:
        """Whether anybody is known to be at work."""
        return bool(self._others) or any(called.begun for called in self._called.values())

    def _look(self) -> None:
        """See who has begun and who has left."""
        try:
            here, left = self._roll.look(self._silent_s)
        except StoreError as error:  # what was known is the best that is known
            logger.warning("could not look at the roll of %s: %s", self.url, error)
            return
        self._looked = time.monotonic()
        for name, called in list(self._called.items()):
            called.begun = called.begun or name in here
            end = left[name] if name in left else self._end_of(called)
            if end is not None:
                del self._called[name]
                left[name] = end
        if late := sum(end == self._late for end in left.values()):
            logger.warning("%s: %s, with %d others", self.url, self._late, late - 1)
        self._others = here - set(self._called)
        self._troubles += [text for name, text in left.items() if text and name not in self._told]
        self._told |= set(left)

    def _end_of(self, called: _Called) -> str | None:
        """What became of a worker that has not signed out."""
        end = self.fate(called.handle)
        if end is None and not called.begun and time.monotonic() - called.since > self._patience_s:
            self.withdraw(called.handle)
            return self._late
        return end
