"""When a worker that has work is one too many.

Work that becomes less is spread thinly over the slots of all workers, so that none is ever idle as a whole; then some
are to leave, and the others do what they leave. Nobody tells them who: each throws dice.
"""

from __future__ import annotations

import math
import random

from numpywren.control import Status

__all__ = ["HEADROOM", "Surplus", "surplus"]

#: Share of the slots of those who stay that may be busy, so that none is missed a moment later.
HEADROOM = 0.75
#: Share of those who are too many that leaves at a time, on average: dice may fall badly, and a start costs more.
SHARE = 0.7


def surplus(status: Status, slots: int, factor: float = 1.0) -> int:
    """How many of the workers that hold tasks the run could do without.

    Parameters
    ----------
    status : Status
    slots : int
        Tasks that one worker computes at once.
    factor : float
        Slots to have for each task that can be computed, as the autoscaler has it.
    """
    needed = math.ceil(factor * (status.ready + status.running) / (HEADROOM * slots))
    return max(status.workers - max(needed, 1), 0)


class Surplus:
    """Whether one worker is to leave.

    Parameters
    ----------
    slots : int
        Tasks that it, and so the others, compute at once.
    factor : float
        As for `surplus`.
    patience_s : float
        Seconds for which there must have been too many.
    dice : random.Random
        Who leaves.
    """

    def __init__(self, slots: int, factor: float, patience_s: float, dice: random.Random) -> None:
        self._slots, self._factor, self._patience_s, self._dice = slots, factor, patience_s, dice
        self._since: float | None = None

    def leaves(self, status: Status, now: float) -> bool:
        """Whether to leave, from a look at the run `now` (seconds); after each time it would have been patient anew."""
        many = surplus(status, self._slots, self._factor)
        if not many:
            self._since = None
            return False
        if self._since is None:
            # not all at the same time
            self._since = now + self._patience_s * self._dice.uniform(-0.5, 0.5)
        if now - self._since < self._patience_s:
            return False
        self._since = None
        return self._dice.random() < SHARE * many / status.workers


class Spare:
    """When an idle worker may leave though no client is there to replace who is killed.

    A worker that was killed looks as if it were at work until its leases run out, and if it was the last nobody
    carries on. So who is idle leaves only if two others are known to live: they claimed something since it became
    idle, or hold leases that were renewed since. While one task is all that there is, those who are idle stay.

    Parameters
    ----------
    lease_s : float or None
        Seconds for which tasks are claimed; None: a client is there, and that somebody holds a lease is enough.
    """

    def __init__(self, lease_s: float | None) -> None:
        self._lease_s = lease_s
        self._since: float | None = None

    def busy(self) -> None:
        """There is something to do."""
        self._since = None

    def may_leave(self, status: Status, now: float) -> bool:
        """Whether others will go on; asked by a worker that is idle, `now` in seconds."""
        if self._lease_s is None:
            return status.workers > 0
        self._since = now if self._since is None else self._since
        waited = now - self._since
        live = len({held.worker for held in status.longest if held.seconds < waited})
        return live > 1 or (status.workers > 1 and waited > self._lease_s)
