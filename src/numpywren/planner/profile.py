"""How much of a run can go on at once, and how much it keeps in the store, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.planner.graph import Graph, Schedule

__all__ = ["Profile", "profile", "steps_over_time"]

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


def profile(graph: Graph, schedule: Schedule, itemsize: int, points: int = POINTS) -> Profile:
    """Follow a schedule over time."""
    end = float(schedule.finish.max(initial=0.0))
    edges = np.linspace(0.0, end, points + 1)
    width = end / points if end else 1.0
    busy = _area_before(schedule.start, edges) - _area_before(schedule.finish, edges)
    nbytes: Floats = np.multiply(graph.elements, float(itemsize), dtype=np.float64)
    born: Floats = schedule.finish[graph.writer]
    died: Floats = np.where(graph.temporary, graph.deaths(schedule), np.inf)
    ends = edges[1:]
    alive = steps_over_time(born, nbytes, ends) - steps_over_time(died, nbytes, ends)
    return Profile(ends.astype(np.float64), np.diff(busy) / width, alive)


def _area_before(moments: Floats, edges: NDArray[Any]) -> Floats:
    """Integral up to each edge of the number of moments that have passed."""
    ordered = np.sort(moments)
    passed = np.searchsorted(ordered, edges, side="right")
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    area: Floats = passed * edges - sums[passed]
    return area


def steps_over_time(moments: Floats, amounts: Floats, edges: NDArray[Any]) -> Floats:
    """Sum of the amounts whose moment has come, at each edge."""
    order = np.argsort(moments, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(amounts[order])])
    found: Floats = sums[np.searchsorted(moments[order], edges, side="right")]
    return found
