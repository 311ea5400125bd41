"""Many bindings of loop variables at once: a box with an axis for each loop, or a plain list of bindings.

Loops whose bounds are the same for all that is outside them make axes, so that what depends on one of them only is
computed once for each of its values; any other loop, and a condition, turns the box into a list with one axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from numpywren.lambdapack.ir import Clause, Guard, Loop
from numpywren.planner.vector import Integers, holds, values

__all__ = ["Box", "alone", "grown", "inner_axes", "kept", "one_by_one", "places_of"]


class Box(NamedTuple):
    """Bindings of loop variables.

    Attributes
    ----------
    columns : mapping of str to int or ndarray of int64
        Sizes and loop variables, each of a shape that broadcasts to `shape`.
    shape : tuple of int
        A new axis comes before those of the loops around it.
    parents : ndarray of int64 or None
        Where the box became a list: for each place the place in what it grew from, counted through all of its axes.
    """

    columns: Mapping[str, int | Integers]
    shape: tuple[int, ...] = ()
    parents: Integers | None = None

    @property
    def size(self) -> int:
        """How many bindings there are."""
        return math.prod(self.shape)

    def flat(self) -> Box:
        """The same as a list."""
        if len(self.shape) == 1:
            return self
        return Box({name: self.spread(column) for name, column in self.columns.items()}, (self.size,))

    def spread(self, column: int | Integers) -> int | Integers:
        """A column with a value for each binding; a number stays a number."""
        return np.broadcast_to(column, self.shape).reshape(-1) if isinstance(column, np.ndarray) else column

    def take(self, places: Integers) -> Box:
        """Some of the bindings, as a list."""
        flat = self.flat()
        columns = {
            name: np.broadcast_to(column, flat.shape)[places] if isinstance(column, np.ndarray) else column
            for name, column in flat.columns.items()
        }
        return Box(columns, (len(places),))

    def at(self, place: int) -> dict[str, int]:
        """One binding."""
        where = np.unravel_index(place, self.shape) if self.shape else ()
        return {
            name: int(np.broadcast_to(column, self.shape)[where]) if isinstance(column, np.ndarray) else column
            for name, column in self.columns.items()
        }


def grown(clauses: tuple[Clause, ...], box: Box) -> Box:
    """Bind the variables of `clauses` in every way for every binding of a box.

    The axes of the box stay the last ones of the result, unless that is a list with `parents`.
    """
    found = Box(box.columns, box.shape)
    for clause in clauses:
        found = _kept(clause, found, box) if isinstance(clause, Guard) else _looped(clause, found, box)
    return found


def places_of(found: Box, origin: Box) -> Integers:
    """For each place of a box the place that it comes from in the box that it grew from."""
    if found.parents is not None:
        return found.parents
    inner = found.size // max(origin.size, 1)
    return np.tile(np.arange(origin.size), inner)


def kept(guard: Guard, box: Box) -> Box:
    """Those bindings of a box for which a condition holds."""
    return alone(_kept(guard, box, box))


def alone(box: Box) -> Box:
    """The same bindings, whatever they come from."""
    return Box(box.columns, box.shape)


def _kept(guard: Guard, found: Box, origin: Box) -> Box:
    decided = holds(guard.condition, found.columns)
    if decided is True:
        return found
    true = np.asarray(decided)
    if true.all():
        return found
    places = np.flatnonzero(np.broadcast_to(true, found.shape)) if true.any() else np.arange(0)
    return found.take(places)._replace(parents=places_of(found, origin)[places])


def _looped(loop: Loop, found: Box, origin: Box) -> Box:
    bounds = [values(bound, found.columns) for bound in (loop.start, loop.stop, loop.step)]
    if all(np.ndim(bound) == 0 for bound in bounds):
        span = range(*map(int, bounds))
        axis = np.array(span, dtype=np.int64).reshape(len(span), *(1,) * len(found.shape))
        columns = {**found.columns, loop.variable: span.start if len(span) == 1 and not found.shape else axis}
        if found.parents is None:
            grown_shape = () if len(span) == 1 and not found.shape else (len(span), *found.shape)
            return Box(columns, grown_shape)
    places = places_of(found, origin)
    flat = found.flat()
    start, stop, step = (
        np.broadcast_to(np.asarray(bound, dtype=np.int64), found.shape).reshape(-1) for bound in bounds
    )
    length = np.maximum(-((start - stop) // np.where(step == 0, 1, step)), 0)
    source = np.repeat(np.arange(len(length)), length)
    place = np.arange(len(source)) - (np.cumsum(length) - length)[source]
    taken = flat.take(source)
    columns = {**taken.columns, loop.variable: start[source] + step[source] * place}
    return Box(columns, taken.shape, places[source])


def _rounds(bounds: Sequence[Any], box: Box) -> tuple[Integers, Integers, Integers]:
    """Beginning, step and number of rounds of a loop for each binding around it."""
    start, stop, step = (np.broadcast_to(np.asarray(bound, dtype=np.int64), box.shape).reshape(-1) for bound in bounds)
    return start, step, np.maximum(-((start - stop) // np.where(step == 0, 1, step)), 0)


def one_by_one(loop: Loop, box: Box) -> Iterator[Box]:
    """A box for each round of a loop; rounds go on as long as there is one for any binding."""
    bounds = [values(bound, box.columns) for bound in (loop.start, loop.stop, loop.step)]
    if all(np.ndim(bound) == 0 for bound in bounds):
        for value in range(*map(int, bounds)):
            yield Box({**box.columns, loop.variable: value}, box.shape)
        return
    start, step, length = _rounds(bounds, box)
    for number in range(int(length.max(initial=0))):
        places = np.flatnonzero(length > number)
        taken = box.take(places)
        yield Box({**taken.columns, loop.variable: start[places] + number * step[places]}, taken.shape)


def inner_axes(amounts: Any, box: Box) -> tuple[int, ...]:
    """Axes of amounts that come from loops inside a box."""
    return tuple(range(max(np.ndim(amounts) - len(box.shape), 0)))
