"""The clock of an object store, learned from the times at which it says that objects were written.

A store stamps what is written, most of them in whole seconds. Something that was written between two moments of this
machine's clock, and that the store stamped 12:00:03, says that the store's clock is ahead by between so much and so
much; a few of these say it within a fraction of a second. The time of day of this machine does not matter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["ServerClock"]

#: Seconds by which two clocks may drift apart in a second.
DRIFT = 2e-4
#: Seconds of doubt beyond which the clock is not yet known.
DOUBT_S = 3.0


def _ticks() -> float:
    """Seconds since some moment, those in which the machine slept among them where the system can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class ServerClock:
    """Seconds since the epoch by the clock of a store.

    Parameters
    ----------
    ticks : callable
        A clock of this machine that never goes back, whatever it shows.
    """

    def __init__(self, ticks: Callable[[], float] = _ticks) -> None:
        self.ticks = ticks
        self._low, self._high = -math.inf, math.inf  # how far the store's clock is ahead of `ticks`
        self._when = 0.0  # when that was found
        self._heard = -math.inf  # how far ahead at least they are who also write there

    def observe(self, modified_s: float, after: float, before: float) -> None:
        """Learn that what was written between the ticks `after` and `before` bears the time `modified_s`."""
        coarse = 1.0 if modified_s.is_integer() else 0.001
        low, high = modified_s - before, modified_s + coarse - after
        if low > high:
            return
        drift = DRIFT * max(before - self._when, 0.0)
        self._low, self._high = max(low, self._low - drift), min(high, self._high + drift)
        if self._low > self._high:  # one of the clocks was set, or stood still
            self._low, self._high = low, high
        self._when = before

    def hear(self, now: float, when: float) -> None:
        """Learn that somebody took it to be `now`, at `when` or before; what all see must not go back."""
        self._heard = max(self._heard, now - when)

    @property
    def known(self) -> bool:
        """Whether it can be told."""
        return self._high - self._low + 2 * DRIFT * (self.ticks() - self._when) < DOUBT_S

    def __call__(self) -> float:
        """Read the clock; the latest time that was heard of, while nothing better is known."""
        ahead = self._low if math.isinf(self._high) else (self._low + self._high) / 2
        ahead = max(ahead, self._heard)
        return 0.0 if math.isinf(ahead) else self.ticks() + ahead
