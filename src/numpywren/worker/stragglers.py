"""Which running tasks are so late that an idle worker should do them too: pure functions of what it sees and knows.

A worker may be slow for reasons that nobody can see from outside: a noisy neighbour, a failing disk, a processor that
was throttled. Its leases are renewed, so they never run out. Who is idle therefore looks, now and then, at the leases
that have been held longest, and takes over one that has been held several times longer than tasks of its kind take
*here*. The slow worker is not told and goes on; the first to finish is right, and so is the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

from numpywren.control import Held
from numpywren.worker.durations import Usual

__all__ = ["Watch", "due_in_s", "is_late", "patience_s", "to_take_over"]

#: How many times longer than usual a task may be held before it is taken over,
FACTOR = 3.0
#: when this worker has done as many of its kind,
ENOUGH = 3
#: or fewer,
CAUTIOUS_FACTOR = 6.0
#: or none: how many times longer than the longest of all that it has done.
OTHER_KINDS_FACTOR = 10.0
#: Seconds, where it has done nothing yet.
UNKNOWN_S = 60.0
#: Seconds below which nothing is late, however short the tasks: a run is not decided by less.
LEAST_S = 0.5
#: Share of the patience beyond which a task is late, though not yet to be taken over.
LATE = 0.5


def patience_s(usual: Usual | None, longest_of_any: float) -> float:
    """Seconds for which a task may be held by one worker before another does it too.

    Parameters
    ----------
    usual : Usual or None
        What tasks of its kind take in the worker that asks; None if it has done none.
    longest_of_any : float
        What the longest of its tasks took, in seconds; 0 if it has done none.
    """
    if usual is not None:
        factor = FACTOR if usual.measured >= ENOUGH else CAUTIOUS_FACTOR
        return max(LEAST_S, factor * usual.seconds)
    if longest_of_any > 0:
        return max(LEAST_S, OTHER_KINDS_FACTOR * longest_of_any)
    return UNKNOWN_S


def is_late(longest: Iterable[Held], mine: Collection[str], patience: Callable[[str], float]) -> bool:
    """Whether another worker holds a task that may have to be taken over soon."""
    return any(held.task not in mine and held.seconds > LATE * patience(held.task) for held in longest)


def due_in_s(longest: Iterable[Held], mine: Collection[str], patience: Callable[[str], float]) -> float:
    """Seconds until the first of these leases will have been held too long; infinity if there is none."""
    return min((patience(held.task) - held.seconds for held in longest if held.task not in mine), default=math.inf)


def to_take_over(
    longest: Sequence[Held], mine: Collection[str], patience: Callable[[str], float], chance: float
) -> dict[str, str]:
    """One task that is to be done by the asker too, and who holds it; empty if there is none.

    Parameters
    ----------
    longest : sequence of Held
        Leases of the run that are held longest.
    mine : collection of str
        Tasks that the asker has in hand, under a lease or no longer.
    patience : callable
        Seconds for which a task may be held.
    chance : float
        In [0, 1); chooses among several, so that workers that look at the same time do not all choose the same.
    """
    slow = [held for held in longest if held.task not in mine and held.seconds > patience(held.task)]
    if not slow:
        return {}
    chosen = slow[int(chance * len(slow))]
    return {chosen.task: chosen.worker}


class Watch:
    """What one worker remembers about tasks that were taken over: with each holder patience doubles.

    A task that is long by nature is held long by whoever takes it over; without this, idle workers would hand it round.
    """

    def __init__(self) -> None:
        self._holders: dict[str, set[str]] = {}

    def see(self, longest: Iterable[Held]) -> None:
        """Remember who holds what; forget the tasks that are held no longer."""
        self._holders = {held.task: self._holders.get(held.task, set()) | {held.worker} for held in longest}

    def doubled(self, task: str) -> float:
        """By what to multiply the patience with a task."""
        return 2.0 ** (max(len(self._holders.get(task, ())), 1) - 1)
