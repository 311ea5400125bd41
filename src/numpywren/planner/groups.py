"""Tasks that are alike, found many at once, and what one of them costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpywren.lambdapack import Tile
from numpywren.lambdapack.ir import Access, Kind
from numpywren.planner.box import Box, inner_axes
from numpywren.planner.cost import Shape, varying_options
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
        self._coster = Coster(program.kernels, scalars, self._forms_of, self._shape_of)
        self._full_coster = Coster(program.kernels, scalars, self._forms_of, self._full_shape_of)
        self._options = [varying_options(kind, program.kernels) for kind in program.kinds]
        self._factor = 4.0 if workload.record.dtype.kind == "c" else 1.0
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
                known = self._known[(*fixed, amounts)] = self._group(kind, box.at(place), fixed, amounts)
                self.all.append(known)
            found_groups.append(known)
        return found_groups, numbers

    def _group(self, kind: Kind, example: Mapping[str, int], fixed: Sequence[Any], amounts: Sequence[int]) -> Group:
        first = kind.targets[0].access
        columns, parents = expand(kind.targets[0].clauses, example, 1)
        target = full_target = None
        if self._shapes.lettered(first.matrix) and len(parents):
            forms = np.asarray(self._forms_of(first.matrix, [values(index, columns) for index in first.index]))
            target = self._shape_of(first.matrix, int(forms.reshape(-1)[0]))
            full_target = self._full_shape_of(first.matrix, 0)
        work, made = self._coster.cost(kind.value, example, target)
        full = made
        free = any(not self._shapes.lettered(target.access.matrix) for target in kind.targets)
        read = [(matrix, form) for matrix, form in fixed[1:] if form is not None and form >= 0]
        if free and any(self._shape_of(*each) != self._full_shape_of(*each) for each in read):
            full = self._full_coster.cost(kind.value, example, full_target)[1]
        tiles = elements = 0
        for (matrix, form), amount in zip(fixed[1:], amounts, strict=True):
            if form is None:  # read at several places: tiles, or numbers
                tiles -= amount if matrix == "tiles" else 0
                elements -= amount if matrix == "elements" else 0
            elif form >= 0:
                tiles += amount
                elements += amount * math.prod(self._shape_of(matrix, form))
        itemsize, machine = self._workload.itemsize, self._machine
        flops = {name: self._factor * each for name, each in work.items()}
        written = itemsize * sum(map(math.prod, made))
        moving = machine.get_s * (tiles > 0) + machine.put_s * bool(made)
        return Group(
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

    def _elements(self, matrix: str, forms: Any) -> Any:
        """Numbers in tiles of these shapes."""
        known = _present(forms)
        sizes = np.zeros(known[-1] + 1, dtype=np.int64)
        sizes[known] = [math.prod(self._shape_of(matrix, form)) for form in known]
        return sizes[forms]

    def _forms_of(self, matrix: str, index: Sequence[Any]) -> Any:
        """Numbers of the shapes of tiles: of those of a grid by which of their sides are at its edge."""
        if self._shapes.lettered(matrix):
            return self._shapes.edges(matrix, index)
        times = self._times[matrix]
        assert times.form is not None
        return times.form[times.find(index)]

    def _shape_of(self, matrix: str, form: int) -> Shape:
        return self._shapes.with_edges(matrix, form) if self._shapes.lettered(matrix) else self._shape_list[form][0]

    def _full_shape_of(self, matrix: str, form: int) -> Shape:
        return self._shapes.with_edges(matrix, 0) if self._shapes.lettered(matrix) else self._shape_list[form][1]

    def full_shape(self, tile: Tile) -> Shape:
        """Shape of a tile if those at the edges of matrices were full, as a worker counts them."""
        return self._full_shape_of(tile.matrix, int(self._forms_of(tile.matrix, tile.index)))

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
