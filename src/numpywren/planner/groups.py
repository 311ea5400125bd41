"""Tasks that are alike, found many at once, and what one of them costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpywren.lambdapack import Tile
from numpywren.lambdapack.ir import Access, Kind
from numpywren.planner.box import Box, inner_axes
from numpywren.planner.cost import Shape, Work, varying_options
from numpywren.planner.coster import Coster, keyed
from numpywren.planner.machine import Machine
from numpywren.planner.repeats import repeats
from numpywren.planner.times import TileTimes
from numpywren.planner.vector import Integers, expand, values
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Group", "Groups", "Reads"]


@dataclass(slots=True)
class Group:
    """Tasks of one kind that are alike.

    Attributes
    ----------
    kind : Kind
    example : mapping of str to int
        Sizes, and loop variables of one of them.
    work : mapping of str to float
        By kernel, floating point operations of one, on real numbers.
    seconds, moving : float
        How long one computes in one slot, and how long it waits for the store.
    tiles_read, bytes_read, tiles_written, bytes_written : int
        Of one: distinct tiles.
    forms : tuple of int
        Numbers of the shapes of what it writes.
    tasks : int
        How many they are.
    """

    kind: Kind
    example: Mapping[str, int]
    work: Mapping[str, float]
    seconds: float
    moving: float
    tiles_read: int
    bytes_read: int
    tiles_written: int
    bytes_written: int
    forms: tuple[int, ...]
    tasks: int = 0


@dataclass(slots=True)
class Reads:
    """Tiles of one matrix that tasks of a box read at one place of the text."""

    access: Access
    box: Box
    index: list[Any]
    where: Any = None
    forms: Any = None


class Groups:
    """All groups of a run that were met so far.

    Parameters
    ----------
    workload : Workload
    shapes : Shapes
    machine : Machine
    times : mapping of str to TileTimes
        Of each matrix that is written: shapes that no grid gives are noted there.

    Attributes
    ----------
    all : list of Group
    """

    def __init__(self, workload: Workload, shapes: Shapes, machine: Machine, times: Mapping[str, TileTimes]) -> None:
        self._workload, self._shapes, self._machine, self._times = workload, shapes, machine, times
        #: Shapes of tiles that no grid gives, and what they were if all tiles were full, by their numbers.
        self._shape_list: list[tuple[Shape, Shape]] = []
        self._forms: dict[tuple[Shape, Shape], int] = {}
        program, scalars = workload.dataflow.program, workload.record.scalars
        self._coster = Coster(program.kernels, scalars, self._forms_of, self.shape_of)
        self._full_coster = Coster(program.kernels, scalars, self._forms_of, self.full_shape_of)
        self._options = [varying_options(kind, program.kernels) for kind in program.kinds]
        self._factor = 4.0 if workload.record.dtype.kind == "c" else 1.0
        #: For each kind whether the shapes of what it writes follow from what it reads.
        self._free = [
            any(not shapes.lettered(target.access.matrix) for target in kind.targets) for kind in program.kinds
        ]
        self._shapes_of: dict[tuple[str, int], tuple[Shape, Shape]] = {}
        self._known: dict[Any, Group] = {}
        self.all: list[Group] = []

    def find(self, kind: Kind, box: Box, reads: Sequence[Reads]) -> tuple[list[Group], Integers]:
        """Groups of the tasks of a box, and the number of that of each task."""
        fixed: list[Any] = [kind.number]
        features: list[Any] = []
        for read in reads:
            read.forms = forms = self._forms_of(read.access.matrix, read.index)
            present = _present(forms)
            for form in present:
                count = _counted(forms == form if len(present) > 1 else True, read.box, box)
                fixed.append((read.access.matrix, form))
                features.append(count)
        for index in self._options[kind.number]:
            try:
                features.append(values(index, box.columns))
            except KeyError:  # it depends on a loop inside the expression, which the counts of tiles tell apart
                continue
            fixed.append(("option", -1))
        for what, amount in repeats(reads, box, self._elements):
            fixed.append((what, None))
            features.append(amount)
        key = keyed(features)
        firsts, numbers = _firsts(key)
        places = [_place(first, key.shape, box.shape) for first in firsts]
        found_groups = []
        for place in places:
            amounts = tuple(_value(one, place, box.shape) for one in features)
            known = self._known.get((*fixed, amounts))
            if known is None:
                known = self._known[(*fixed, amounts)] = self._cost(kind, box.at(place), fixed, amounts)
            found_groups.append(known)
        return found_groups, numbers

    def _cost(self, kind: Kind, example: Mapping[str, int], fixed: Sequence[Any], amounts: Sequence[int]) -> Group:
        """A group of tasks that were not met before, by what its first task reads."""
        first = kind.targets[0].access
        columns, parents = expand(kind.targets[0].clauses, example, 1)
        form = None
        if self._shapes.lettered(first.matrix) and len(parents):
            forms = np.asarray(self._forms_of(first.matrix, [values(index, columns) for index in first.index]))
            form = int(forms.reshape(-1)[0])
        read, again = [], {"tiles": 0, "elements": 0}
        for (matrix, number), amount in zip(fixed[1:], amounts, strict=True):
            if number is None:  # read at several places: tiles, or numbers
                again[matrix] += amount
            elif number >= 0:
                read.append((matrix, number, amount))

        def cost(target: Shape | None, full: bool) -> tuple[Work, tuple[Shape, ...]]:
            return (self._full_coster if full else self._coster).cost(kind.value, example, target)

        return self.group(kind, example, read, (again["tiles"], again["elements"]), form, cost)

    def group(
        self,
        kind: Kind,
        example: Mapping[str, int],
        read: Sequence[tuple[str, int, int]],
        again: tuple[int, int],
        form: int | None,
        cost: Callable[[Shape | None, bool], tuple[Work, tuple[Shape, ...]]],
    ) -> Group:
        """Note a new group of tasks.

        Parameters
        ----------
        kind : Kind
        example : mapping of str to int
            Sizes, and loop variables of one of them.
        read : sequence of tuple of str, int and int
            Matrix, number of the shape, and how many tiles of that each reads.
        again : tuple of int
            How many of these tiles, and of the numbers in them, are listed twice.
        form : int, optional
            Number of the shape of the first tile that is written, where the grid gives it.
        cost : callable
            Work, and shapes of results: given the shape of the first, and whether tiles at edges count as full.
        """
        first = kind.targets[0].access.matrix
        target = full_target = None
        if form is not None:
            target, full_target = self.shape_of(first, form), self.full_shape_of(first, 0)
        work, made = cost(target, False)
        full = made
        if self._free[kind.number] and any(self.shape_of(*each[:2]) != self.full_shape_of(*each[:2]) for each in read):
            full = cost(full_target, True)[1]
        tiles = sum(amount for _, _, amount in read) - again[0]
        elements = sum(amount * math.prod(self.shape_of(matrix, number)) for matrix, number, amount in read) - again[1]
        itemsize, machine = self._workload.itemsize, self._machine
        flops = {name: self._factor * each for name, each in work.items()}
        written = itemsize * sum(map(math.prod, made))
        moving = machine.get_s * (tiles > 0) + machine.put_s * bool(made)
        made_group = Group(
            kind=kind,
            example=example,
            work=flops,
            seconds=sum(each / machine.rate(name) for name, each in flops.items()),
            moving=moving + (itemsize * elements + written) / machine.bandwidth,
            tiles_read=tiles,
            bytes_read=itemsize * elements,
            tiles_written=len(made),
            bytes_written=written,
            forms=tuple(map(self._number, made, full)),
        )
        self.all.append(made_group)
        return made_group

    def _elements(self, matrix: str, forms: Any) -> Any:
        """Numbers in tiles of these shapes."""
        known = _present(forms)
        sizes = np.zeros(known[-1] + 1, dtype=np.int64)
        sizes[known] = [math.prod(self.shape_of(matrix, form)) for form in known]
        return sizes[forms]

    def _forms_of(self, matrix: str, index: Sequence[Any]) -> Any:
        """Numbers of the shapes of tiles: of those of a grid by which of their sides are at its edge."""
        if self._shapes.lettered(matrix):
            return self._shapes.edges(matrix, index)
        times = self._times[matrix]
        assert times.form is not None
        return times.form[times.find(index)]

    def shape_of(self, matrix: str, form: int) -> Shape:
        """The shape of tiles of a matrix, by its number."""
        return self._both_shapes(matrix, form)[0]

    def full_shape_of(self, matrix: str, form: int) -> Shape:
        """The same if tiles at the edges of matrices were full."""
        return self._both_shapes(matrix, form)[1]

    def _both_shapes(self, matrix: str, form: int) -> tuple[Shape, Shape]:
        known = self._shapes_of.get((matrix, form))
        if known is None:
            if self._shapes.lettered(matrix):
                known = self._shapes.with_edges(matrix, form), self._shapes.with_edges(matrix, 0)
            else:
                known = self._shape_list[form]
            self._shapes_of[matrix, form] = known
        return known

    def full_shape(self, tile: Tile) -> Shape:
        """Shape of a tile if those at the edges of matrices were full, as a worker counts them."""
        return self.full_shape_of(tile.matrix, int(self._forms_of(tile.matrix, tile.index)))

    def _number(self, shape: Shape, full: Shape) -> int:
        known = self._forms.setdefault((shape, full), len(self._shape_list))
        if known == len(self._shape_list):
            self._shape_list.append((shape, full))
        return known

    def elements(self) -> Integers:
        """Numbers in a tile of each shape that no grid gives."""
        return np.array([math.prod(shape) for shape, _ in self._shape_list], dtype=np.int64)


def _present(forms: Any) -> list[int]:
    """The numbers that occur, ascending."""
    if not np.ndim(forms):
        return [int(forms)]
    found: list[int] = np.flatnonzero(np.bincount(forms.reshape(-1))).tolist()
    return found


def _counted(mask: Any, inner: Box, box: Box) -> Any:
    """In how many places a mask is true for each task."""
    if inner.parents is not None:
        kept_parents = inner.parents if mask is True else inner.parents[np.broadcast_to(mask, inner.shape)]
        return np.bincount(kept_parents, minlength=box.size).reshape(box.shape)
    extra = len(inner.shape) - len(box.shape)
    if mask is True:
        return math.prod(inner.shape[:extra])
    axes = inner_axes(mask, box)
    counts = mask.sum(axis=axes)
    present = (1,) * (extra - len(axes)) + mask.shape[: len(axes)]
    return counts * math.prod(whole // mine for whole, mine in zip(inner.shape[:extra], present, strict=True))


def _firsts(key: Integers) -> tuple[list[int], Integers]:
    """The numbers that occur: where each does first, and for each place which of them it is, counted from 0."""
    if not key.ndim:
        return [0], key
    span = int(key.max()) + 1
    if span > 4 * key.size + 1000:
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        return first.tolist(), inverse.reshape(key.shape)
    seen = np.full(span, -1, dtype=np.int64)
    flat = key.reshape(-1)
    seen[flat[::-1]] = np.arange(len(flat))[::-1]
    present = np.flatnonzero(seen >= 0)
    number = np.zeros(span, dtype=np.int64)
    number[present] = np.arange(len(present))
    return seen[present].tolist(), number[key]


def _place(where: int, inner: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """From a place in an array to one in the shape that it broadcasts to."""
    if not inner:
        return 0
    found = np.unravel_index(where, inner)
    return int(np.ravel_multi_index(((0,) * (len(shape) - len(inner)) + found), shape))


def _value(amounts: Any, place: int, shape: tuple[int, ...]) -> int:
    """The amount at one place of the shape to which amounts broadcast."""
    if not np.ndim(amounts):
        return int(amounts)
    return int(np.broadcast_to(amounts, shape)[np.unravel_index(place, shape)])
