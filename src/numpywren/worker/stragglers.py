"""Which running tasks are so late that an idle worker should do them too: pure functions of what it sees and knows.

A worker may be slow for reasons that nobody can see from outside: a noisy neighbour, a failing disk, a processor that
was throttled. Its leases are renewed, so they never run out. Who is idle therefore looks, now and then, at the leases
that have been held longest, and takes over one that has been held several times longer than tasks of its kind take:
*here*, or as it saw elsewhere. The slow worker is not told and goes on; the first to finish is right, and so is the
second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

from numpywren.control import Held
from numpywren.lambdapack import Dataflow
from numpywren.worker.durations import Durations, Usual
from numpywren.worker.names import task_named

__all__ = ["Lookout", "better_known", "due_in_s", "is_late", "patience_s", "to_take_over"]

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
#: Share of the age of a task of an unknown kind after which to look whether it has ended.
LEARNING = 0.25
#: Seconds between two looks, beyond the age of a task, that tell nothing about when it ended.
NEARBY_S = 1.0


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


def better_known(own: Usual | None, seen: Usual | None) -> Usual | None:
    """What to go by: what the asker has done, if that is enough; else what it saw others do, if that is."""
    if own is not None and own.measured >= ENOUGH:
        return own
    return seen if seen is not None and seen.measured >= ENOUGH else own or seen


class Lookout:
    """What one worker remembers of the leases that it sees, from one look at the run to the next.

    A lease that is gone at the next look has ended in between; so who has done nothing yet learns from others how
    long tasks take, too long a time rather than too short a one. And with each holder of a task patience doubles: one
    that is long by nature is held long by whoever takes it over, and idle workers would hand it round.

    Parameters
    ----------
    dataflow : Dataflow
        Says how many tiles a task reads.
    durations : Durations
        What the worker's own tasks took.
    """

    def __init__(self, dataflow: Dataflow, durations: Durations) -> None:
        self._dataflow, self._own, self._seen = dataflow, durations, Durations()
        self._holders: dict[str, set[str]] = {}
        self._last: dict[str, Held] = {}
        self._looked_s = 0.0

    def see(self, longest: Iterable[Held], now: float) -> None:
        """Remember who holds what, `now` in seconds; forget what is held no longer, but for how long it was."""
        passed, self._looked_s = now - self._looked_s, now
        current = {held.task: held for held in longest}
        for name, held in self._last.items():
            if name not in current and passed <= held.seconds + NEARBY_S:
                task = task_named(name, self._dataflow)
                self._seen.add(task.kind, len(self._dataflow.reads(task)), held.seconds + passed)
        self._last = current
        self._holders = {name: self._holders.get(name, set()) | {held.worker} for name, held in current.items()}

    def usual(self, name: str) -> Usual | None:
        """What a task takes, as far as is known."""
        task = task_named(name, self._dataflow)
        tiles = len(self._dataflow.reads(task))
        return better_known(self._own.usual(task.kind, tiles), self._seen.usual(task.kind, tiles))

    def patience_s(self, name: str) -> float:
        """Seconds for which another may hold a task before this worker does it too."""
        holders = len(self._holders.get(name, ())) or 1
        return 2.0 ** (holders - 1) * patience_s(self.usual(name), self._own.longest_of_any())

    def next_look_s(self, mine: Collection[str]) -> float:
        """Seconds until there is something to see: a task that is late or, of a kind not known, one that has ended."""
        unknown = [held.seconds for held in self._last.values() if held.task not in mine and not self._known(held.task)]
        return min(due_in_s(self._last.values(), mine, self.patience_s), *(LEARNING * age for age in unknown), math.inf)

    def _known(self, name: str) -> bool:
        usual = self.usual(name)
        return usual is not None and usual.measured >= ENOUGH
