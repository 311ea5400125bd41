"""When a worker without work asks again: soon at first, then rarely, and more rarely where asking is dear."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

__all__ = ["Pace", "longest_pause_s"]

#: Seconds between two claims that gave nothing: the first, and the longest on a plane that answers at once.
POLL_S, POLL_MAX_S = 0.002, 0.1
#: The longest where a call takes long, because it crosses a network or is paid for.
POLL_DEAR_S = 1.0
#: Share of its time that an idle worker may keep the plane busy with claims.
SHARE = 0.05
#: Seconds between two looks at the status of the run, at least and at most; up to half of it is added by chance.
LOOK_S, LOOK_MAX_S = 0.3, 5.0


def longest_pause_s(call_s: float) -> float:
    """Most seconds between two claims that gave nothing, where one takes so long."""
    return max(min(call_s / SHARE, POLL_DEAR_S), POLL_MAX_S)


class Pace:
    """Pauses of one worker.

    Parameters
    ----------
    clock : callable
        Seconds, never going back.
    chance : callable
        A number in [0, 1), so that many workers do not look at the same moment.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock, self._chance = clock, chance
        self._pause, self._most, self._call_s = POLL_S, POLL_MAX_S, 0.0
        self._look_at = 0.0

    def reset(self) -> None:
        """There was work: ask soon when there is none again."""
        self._pause = POLL_S

    def asked(self, seconds: float) -> None:
        """A claim took so long."""
        self._call_s = seconds
        self._most = longest_pause_s(seconds)

    def next_pause(self) -> float:
        """Seconds to wait after a claim that gave nothing; longer each time."""
        self._pause = min(max(self._pause * 2, self._call_s), self._most)
        return self._pause

    @property
    def fresh(self) -> bool:
        """Whether there was work a moment ago, and calls are cheap: then the end of the run is worth seeing at once."""
        return self._pause < self._most == POLL_MAX_S

    def look(self) -> bool:
        """Whether to look at the status of the run now; the next look is then some time away."""
        now = self._clock()
        if now < self._look_at:
            return False
        self.look_in(LOOK_S)
        return True

    def look_in(self, seconds: float) -> None:
        """Put off the next look: before, nothing is expected that would matter."""
        self._look_at = self._clock() + min(max(seconds, LOOK_S), LOOK_MAX_S) * (1.0 + 0.5 * self._chance())
