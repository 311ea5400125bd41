"""Tasks of one kind along axes on which loop variables go in equal steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from numpywren.lambdapack.ir import Kind
from numpywren.planner.box import Box
from numpywren.planner.vector import Integers

__all__ = ["Strip", "strips"]

#: Parts that tasks are cut into to lie at equal distances, at most; more only where each is of so many tasks.
PARTS, TASKS = 8, 24


@dataclass(frozen=True, slots=True)
class Strip:
    """Tasks of one kind along some axes.

    Attributes
    ----------
    kind : Kind
    fixed : mapping of str to int
        Sizes, and loop variables that are the same for all.
    axes : tuple of tuple of str, int and int
        Variables that go in equal steps: name, first value, and step; the innermost first.
    lengths : tuple of int
        How many values each of these has.
    """

    kind: Kind
    fixed: Mapping[str, int]
    axes: tuple[tuple[str, int, int], ...]
    lengths: tuple[int, ...]

    def at(self, place: Sequence[int]) -> dict[str, int]:
        """Sizes and loop variables of one of the tasks."""
        moved = {name: first + step * number for (name, first, step), number in zip(self.axes, place, strict=True)}
        return {**self.fixed, **moved}

    def box(self) -> Box:
        """The same tasks."""
        columns: dict[str, int | Integers] = dict(self.fixed)
        for number, ((name, first, step), length) in enumerate(zip(self.axes, self.lengths, strict=True)):
            around = (1,) * (len(self.axes) - 1 - number)
            columns[name] = (first + step * np.arange(length)).reshape(length, *around)
        return Box(columns, self.lengths)


def strips(kind: Kind, box: Box, stubborn: frozenset[str]) -> Iterator[Strip] | None:
    """Cut tasks into strips; None where there would be too many."""
    columns: list[list[tuple[str, Integers]]] = [[] for _ in box.shape]
    fixed = {name: column for name, column in box.columns.items() if isinstance(column, int)}
    for loop in kind.loops:
        column = box.columns[loop.variable]
        if isinstance(column, int):
            continue
        if column.size == 1:
            fixed[loop.variable] = column.item()
            continue
        wide = [axis for axis, length in enumerate(column.shape, len(box.shape) - column.ndim) if length > 1]
        if len(wide) > 1:
            return None
        columns[wide[0]].append((loop.variable, column.reshape(-1)))
    axes, lengths, cut = [], [], []
    for length, found in zip(box.shape, columns, strict=True):
        if length > 1:
            name, values_of = found[0]
            step = int(values_of[1] - values_of[0])
            even = len(found) == 1 and name not in stubborn and (length == 2 or (np.diff(values_of) == step).all())
            if even:
                axes.append((name, int(values_of[0]), step))
                lengths.append(length)
            else:
                cut.append(found)
    parts = math.prod(len(found[0][1]) for found in cut)
    if parts > PARTS and math.prod(lengths) < TASKS:
        return None
    return _cut(kind, fixed, tuple(axes), tuple(lengths), cut)


def _cut(
    kind: Kind,
    fixed: dict[str, int],
    axes: tuple[tuple[str, int, int], ...],
    lengths: tuple[int, ...],
    cut: list[list[tuple[str, Integers]]],
) -> Iterator[Strip]:
    for places in itertools.product(*(range(len(found[0][1])) for found in cut)):
        bound = {
            name: int(values_of[place]) for place, found in zip(places, cut, strict=True) for name, values_of in found
        }
        yield Strip(kind, {**fixed, **bound}, axes, lengths)
