"""The life of a worker that has a deadline: what may still be started, and what becomes of what did not end in time.

A function in a cloud is killed when its time is up, in the middle of a kernel. Nothing may depend on what happens
then, so all is settled a moment before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from numpywren.control import Failure
from numpywren.lambdapack import Tile
from numpywren.worker.durations import Durations

__all__ = ["Fate", "Lifetime", "fitting_tile", "too_long"]

#: What becomes of a task that was under way when its worker's time was up.
Fate: TypeAlias = Literal["too long", "again", "hand back"]

#: How much longer than the longest of its kind a task is taken to be.
MARGIN = 1.1
#: Share of its life up to which a worker is young: what it starts then has nearly a whole life to itself,
YOUNG = 0.2
#: which is this share.
NEARLY = 0.75
#: Workers that must have given a task so much before it is called too long: one may have been slow itself.
TRIES = 2
#: Time before the deadline at which what is under way is given up: a share of the life, and seconds at most.
GRACE, GRACE_S = 0.05, 2.0
#: Tile lengths that are proposed are multiples of the first of these that leaves one.
MULTIPLES = (64, 8, 1)


class Lifetime:
    """How much time a worker has left.

    Parameters
    ----------
    life_s : float or None
        Seconds from now that it may live; None: without end.
    durations : Durations
        What tasks have taken so far.
    clock : callable
        Seconds, never going back.
    """

    def __init__(self, life_s: float | None, durations: Durations, clock: Callable[[], float] = time.monotonic) -> None:
        self.life_s, self._durations, self._clock = life_s, durations, clock
        self._born = clock()

    def age_s(self) -> float:
        """Seconds since its birth."""
        return self._clock() - self._born

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.life_s is not None and self.age_s() >= self.life_s

    def settle_in_s(self) -> float | None:
        """Seconds from now until what is under way is to be given up; None: never."""
        if self.life_s is None:
            return None
        return max(self.life_s - min(GRACE * self.life_s, GRACE_S) - self.age_s(), 0.0)

    def fits(self, kind: int, tiles: int, attempt: int) -> bool:
        """Whether a task may be started now.

        What is not known is tried; but a task that lost a worker before, perhaps because it was too long for what was
        left of a life, is left to a young one. A young one tries everything: more time than it has, nobody will give.
        """
        if self.life_s is None:
            return True
        age = self.age_s()
        if age <= YOUNG * self.life_s:
            return age < self.life_s
        if attempt > 1 and self._durations.usual(kind, tiles) is None:
            return False
        return age < self.life_s and age + MARGIN * self._durations.longest(kind, tiles) <= self.life_s

    def fate(self, seconds: float, attempt: int) -> Fate:
        """What to do with a task that has run for so long when the time is up.

        It is tried again, as a second attempt, so that only a worker with its life before it takes it up. One that had
        nearly a whole life then too is too long.
        """
        if attempt < TRIES:
            return "again"
        return "too long" if self.life_s is not None and seconds >= NEARLY * self.life_s else "hand back"


def fitting_tile(length: int, life_s: float, needed_s: float) -> int:
    """Length of tiles with which a task would fit in a life, if it takes time as the cube of that length.

    Parameters
    ----------
    length : int
        Length of tiles with which it needed too long.
    life_s, needed_s : float
        Seconds that it has, and that it needed.
    """
    fitting = int(length * min(life_s / needed_s, 1.0) ** (1 / 3))
    multiple = next(multiple for multiple in MULTIPLES if fitting >= multiple or multiple == 1)
    return max(fitting // multiple * multiple, 1)


def too_long(
    task: str, target: Tile, length: int, seconds: float, life_s: float, needed_s: float, worker: str
) -> Failure:
    """Word the failure of a run in which a task takes longer than a worker lives.

    Parameters
    ----------
    task : str
    target : Tile
        What it writes.
    length : int
        Length of the longest side of its tiles.
    seconds : float
        How long it ran.
    life_s : float
        How long workers live.
    needed_s : float
        How long it would take, as far as can be told.
    worker : str
        Where it ran.
    """
    fitting = fitting_tile(length, life_s, needed_s)
    smaller = f"use smaller tiles, chunks={fitting} instead of {length} if time grows as the cube of their length, or "
    return Failure(
        kind="failed",
        error="TaskTooLongError",
        message=(
            f"task {task}, which computes tile {target}, had run for {seconds:.3g} s when its worker's time was up: "
            f"workers live {life_s:g} s; {smaller if fitting < length else ''}let workers live longer (worker.deadline)"
        ),
        task=task,
        worker=worker,
        details={"seconds": seconds, "life_s": life_s, "chunks": fitting},
    )
