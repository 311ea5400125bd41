"""How much of a run can go on at once, and how much it keeps in the store, over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "Profile", "profile"]

#: Moments at which a profile is given.
POINTS = 256

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """A run over time, with workers enough for all that can go on at once.

    Attributes
    ----------
    seconds : ndarray of float64
        Ends of equal stretches of time.
    parallelism : ndarray of float64
        Tasks under way, on average over each stretch.
    working_set : ndarray of float64
        Bytes of tiles that exist at the end of each stretch, inputs left out.
    """

    seconds: Floats
    parallelism: Floats
    working_set: Floats

    @property
    def peak_parallelism(self) -> float:
        """Most tasks under way on average over a stretch."""
        return float(self.parallelism.max(initial=0.0))

    @property
    def peak_working_set(self) -> float:
        """Most bytes of tiles at the end of a stretch."""
        return float(self.working_set.max(initial=0.0))


class Moments:
    """When tasks begin and end, and how much they write; neighbours that do so together are noted as one."""

    def __init__(self) -> None:
        self._parts: list[tuple[Floats, Floats, Floats, Floats]] = []
        self._single: list[tuple[float, float, float, float]] = []

    def add(self, start: Any, finish: Any, nbytes: Any, tasks: int) -> None:
        """Note tasks, by arrays that broadcast to one another; each entry stands for as many of the tasks."""
        if not (np.ndim(start) or np.ndim(finish) or np.ndim(nbytes)):
            self._single.append((float(start), float(finish), float(nbytes) * tasks, float(tasks)))
            return
        columns = np.broadcast_arrays(start, finish, nbytes)
        ways = (columns, [each.T for each in columns]) if columns[0].ndim > 1 else (columns,)
        first, (start, finish, nbytes) = min(map(_runs, ways), key=_length)
        count = np.diff(first, append=columns[0].size) * (tasks / columns[0].size)
        self._parts.append((start, finish, nbytes * count, count))

    def all(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Beginnings, ends, bytes written and numbers of tasks."""
        single = np.array(self._single, dtype=np.float64).reshape(-1, 4)
        parts = [*self._parts, (single[:, 0], single[:, 1], single[:, 2], single[:, 3])]
        start, finish, nbytes, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        return start, finish, nbytes, count


def _runs(columns: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Where neighbours begin that are alike in all columns, and the values of these."""
    flat = [each.reshape(-1) for each in columns]
    new = np.ones(len(flat[0]), dtype=bool)
    new[1:] = False
    for each in flat:
        new[1:] |= each[1:] != each[:-1]
    first = np.flatnonzero(new)
    return first, [each[first] for each in flat]


def _length(runs: tuple[Any, list[Any]]) -> int:
    return len(runs[0])


def profile(moments: Moments, deaths: Iterable[tuple[Floats, Floats]], points: int = POINTS) -> Profile:
    """Follow tasks over time.

    Parameters
    ----------
    moments : Moments
        When they run.
    deaths : iterable of tuple of ndarray
        Moments at which tiles are done with, and their bytes.
    points : int
        In how many stretches.
    """
    start, finish, nbytes, count = moments.all()
    end = float(finish.max(initial=0.0))
    edges = np.linspace(0.0, end, points + 1)
    width = end / points if end else 1.0
    busy = _area_before(start, count, edges) - _area_before(finish, count, edges)
    ends = edges[1:]
    alive = steps_over_time(finish, nbytes, ends)
    freed = np.zeros(points + 1)
    for dead, sizes in deaths:
        freed += np.bincount(np.searchsorted(ends, dead), weights=sizes, minlength=points + 1)
    return Profile(ends.astype(np.float64), np.diff(busy) / width, alive - np.cumsum(freed)[:points])


def _area_before(moments: Floats, counts: Floats, edges: NDArray[Any]) -> Floats:
    """Integral up to each edge of the number of moments that have passed."""
    passed = steps_over_time(moments, counts, edges)
    area: Floats = passed * edges - steps_over_time(moments, moments * counts, edges)
    return area


def steps_over_time(moments: Floats, amounts: Floats, edges: NDArray[Any]) -> Floats:
    """Sum of the amounts whose moment has come, at each edge."""
    come = np.bincount(np.searchsorted(edges, moments), weights=amounts, minlength=len(edges) + 1)
    found: Floats = np.cumsum(come, dtype=np.float64)[: len(edges)]
    return found
