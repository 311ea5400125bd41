"""How long tasks take in this worker: what it has learnt of each kind, to judge its own time and other workers."""

from __future__ import annotations

import statistics
from collections import deque
from typing import NamedTuple

__all__ = ["Durations", "Usual"]

#: Tasks of a kind that are remembered.
REMEMBERED = 32


class Usual(NamedTuple):
    """How long a task of some kind takes.

    Attributes
    ----------
    seconds : float
        Median.
    measured : int
        Of how many.
    """

    seconds: float
    measured: int


class Durations:
    """Seconds from the beginning of a task until its completion was told, by kind.

    Tasks of a kind may differ in how many tiles they read: the sum of a left-looking factorization grows as it goes. A
    task that reads more tiles than one that was measured is taken to be longer in proportion; one that reads fewer is
    not taken to be shorter, for what is learnt here is used with caution.
    """

    def __init__(self) -> None:
        self._measured: dict[int, deque[tuple[int, float]]] = {}

    def add(self, kind: int, tiles: int, seconds: float) -> None:
        """Remember a task that read so many tiles."""
        self._measured.setdefault(kind, deque(maxlen=REMEMBERED)).append((max(tiles, 1), seconds))

    def usual(self, kind: int, tiles: int) -> Usual | None:
        """What a task takes; None if none of its kind was done here."""
        known = self._scaled(kind, tiles)
        return Usual(statistics.median(known), len(known)) if known else None

    def longest(self, kind: int, tiles: int) -> float:
        """What a task may take: the longest of its kind here; if there was none, the longest of any kind; else 0."""
        return max(self._scaled(kind, tiles), default=self.longest_of_any())

    def longest_of_any(self) -> float:
        """What the longest of all remembered tasks took; 0 if there was none."""
        return max((seconds for kind in tuple(self._measured) for seconds in self._scaled(kind, 1)), default=0.0)

    def _scaled(self, kind: int, tiles: int) -> list[float]:
        # a copy, as other threads add
        return [seconds * max(1.0, tiles / then) for then, seconds in tuple(self._measured.get(kind, ()))]
