"""Tasks whose tiles lie at equal distances, looked at many at once by views of arrays, without listing any tile."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack.ir import Kind
from numpywren.planner.cost import Shape, Work, varying_options
from numpywren.planner.formula import Inside, Task, formula
from numpywren.planner.groups import Group, Groups
from numpywren.planner.patches import IrregularError, Range, differ, in_common, largest, view
from numpywren.planner.pattern import FORM_BYTES, Patch, Pattern, Place, pattern, stubborn
from numpywren.planner.spreads import tables
from numpywren.planner.strip import Strip
from numpywren.planner.times import FAR, TileTimes
from numpywren.planner.vector import Integers, values
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Regular", "Seen"]


@dataclass(slots=True)
class Seen:
    """Tasks of a strip, when they can begin, and their groups.

    Attributes
    ----------
    strip : Strip
    start, chain : float or ndarray
        When all that they read is there; the longest chain before them, less `FAR`.
    groups : list of Group
    numbers : ndarray of int64
        For each task its group, by its number in the list.
    tasks : list of int
        How many are in each.
    cells : list of tuple of slice
        Where those of each group are, along axes.
    reads : list of tuple of TileTimes and Patch
    writes : list of tuple of Place and Patch
    """

    strip: Strip
    start: Any
    chain: Any
    groups: list[Group]
    numbers: Integers
    tasks: list[int]
    cells: list[tuple[slice, ...]]
    reads: list[tuple[TileTimes, Patch]]
    writes: list[tuple[Place, Patch]]


class Regular:
    """Looks at strips of tasks.

    Parameters
    ----------
    workload : Workload
    shapes : Shapes
    times : mapping of str to TileTimes
        Of each matrix that is written.
    groups : Groups
        All tasks, by what they cost.
    """

    def __init__(self, workload: Workload, shapes: Shapes, times: Mapping[str, TileTimes], groups: Groups) -> None:
        flow = workload.dataflow
        self._sizes, self._times, self._groups, self._shapes = flow.sizes, times, groups, shapes
        kernels, scalars = flow.program.kernels, workload.record.scalars
        self._formulas = [formula(kind, kernels, scalars) for kind in flow.program.kinds]
        #: For each kind the loop variables that must be the same for all of a strip.
        self.stubborn = [
            None if made is None else stubborn(kind, kernels)
            for kind, made in zip(flow.program.kinds, self._formulas, strict=True)
        ]
        self._options = [varying_options(kind, kernels) for kind in flow.program.kinds]
        found = tables(workload, shapes, times)
        self._spreads = {name: spreads for name, (spreads, _) in found.items()}
        self._forms = {name: (spreads.forms, forms) for name, (spreads, forms) in found.items()}
        self._patterns: dict[tuple[int, tuple[str, ...]], Pattern] = {}
        self._known: dict[Any, Group] = {}

    def look(self, strip: Strip) -> Seen | None:
        """Find out when the tasks of a strip can begin, and their groups; None where tiles are missing.

        Raises
        ------
        IrregularError
            If their tiles do not lie at equal distances.
        """
        kind, lengths = strip.kind, strip.lengths
        found = self._pattern(kind, tuple(axis[0] for axis in strip.axes))
        firsts, steps = [axis[1] for axis in strip.axes], [axis[2] for axis in strip.axes]
        reads, writes, choices = found.find(*[strip.fixed[name] for name in found.fixed], *firsts, *steps)
        start, chain = 0.0, -FAR
        patches: list[Patch | None] = []
        forms: list[Any] = []
        counts: list[tuple[int, ...]] = []
        timed = []
        for place, fields in zip(found.reads, reads, strict=True):
            patch = Patch(*fields)
            if not patch.there or 0 in patch.counts:
                patches.append(None)
                forms.append(None)
                counts.append(())
                continue
            forms.append(self._forms_at(place.matrix, patch, lengths))
            counts.append(patch.counts)
            if not all(place.moving):
                patch = _trimmed(patch, place.moving)
            patches.append(patch)
            if not _apart(patch, lengths):
                raise IrregularError
            times = self._times.get(place.matrix)
            if times is None:
                continue
            where = (patch.at, patch.counts, patch.inner, lengths, patch.across)
            before = largest(times.chain, *where)
            if (before if type(before) is int else before.max()) == 0:
                return None
            chain = _later(chain, before)
            start = _later(start, largest(times.finish, *where))
            timed.append((times, patch))
        targets = [(place, Patch(*fields)) for place, fields in zip(found.writes, writes, strict=True)]
        return self._grouped(strip, found, patches, forms, counts, choices, (start, chain + 1), timed, targets)

    def _pattern(self, kind: Kind, axes: tuple[str, ...]) -> Pattern:
        key = kind.number, axes
        known = self._patterns.get(key)
        if known is None:
            known = self._patterns[key] = pattern(kind, self._sizes, axes, self._spreads)
        return known

    def _forms_at(self, matrix: str, patch: Patch, lengths: tuple[int, ...]) -> Any:
        """Numbers of the shapes of tiles; a number if they are the same."""
        table = self._forms[matrix][1]
        if table is None:
            return 0
        if not patch.counts and not any(patch.form_across):
            return table.item(patch.form_at // FORM_BYTES)
        return view(table, patch.form_at, patch.counts, patch.form_inner, lengths, patch.form_across)

    # -- groups ------------------------------------------------------------------------------------------------------

    def _grouped(
        self,
        strip: Strip,
        found: Pattern,
        patches: list[Patch | None],
        forms: list[Any],
        counts: list[tuple[int, ...]],
        choices: Sequence[bool],
        begins: tuple[Any, Any],
        timed: list[tuple[TileTimes, Patch]],
        targets: list[tuple[Place, Patch]],
    ) -> Seen:
        lengths = strip.lengths
        first_target = targets[0][1]
        written = None
        if self._shapes.lettered(targets[0][0].matrix) and first_target.there and 0 not in first_target.counts:
            written = self._forms_at(targets[0][0].matrix, first_target._replace(counts=(), form_inner=()), lengths)
        cuts = [_cuts(axis, len(lengths), [*forms, written]) for axis in range(len(lengths))]
        again = self._again(found, patches, lengths)
        groups, tasks, cells = [], [], []
        for ends in itertools.product(
            *([*itertools.pairwise((*cut, length))] for cut, length in zip(cuts, lengths, strict=True))
        ):
            where = tuple(begin for begin, _ in ends)
            inside = [_inside(each, rounds, where) for each, rounds in zip(forms, counts, strict=True)]
            group = self._group(strip, found, where, inside, patches, choices, again, _one(written, where))
            groups.append(group)
            cells.append(tuple(slice(begin, end) for begin, end in ends))
            count = 1
            for begin, end in ends:
                count *= end - begin
            tasks.append(count)
        numbers: Any = np.zeros((1,) * len(lengths), dtype=np.int64)
        if len(groups) > 1:
            numbers = np.arange(len(groups)).reshape([len(cut) for cut in cuts])
            for axis, (cut, length) in enumerate(zip(cuts, lengths, strict=True)):
                if len(cut) > 1:
                    numbers = np.repeat(numbers, np.diff((*cut, length)), axis=axis)
        return Seen(strip, *begins, groups, numbers, tasks, cells, timed, targets)

    def _again(
        self, found: Pattern, patches: list[Patch | None], lengths: tuple[int, ...]
    ) -> list[tuple[str, int, list[Range]]]:
        """Tiles that a task reads at several places: of which matrix, how often they count, and which."""
        by_matrix: dict[str, list[Patch]] = {}
        for place, patch in zip(found.reads, patches, strict=True):
            if patch is not None and place.shared:
                by_matrix.setdefault(place.matrix, []).append(patch)
        return [(matrix, sign, box) for matrix, some in by_matrix.items() for sign, box in in_common(some, lengths)]

    def _group(
        self,
        strip: Strip,
        found: Pattern,
        where: tuple[int, ...],
        inside: list[Inside | None],
        patches: list[Patch | None],
        choices: Sequence[bool],
        again: list[tuple[str, int, list[Range]]],
        written: int | None,
    ) -> Group:
        kind = strip.kind
        read = []
        for place, each, patch in zip(found.reads, inside, patches, strict=True):
            if each is None or patch is None:
                continue
            block, often = each
            rounds = len(block) * often
            tiles = 1
            for count in patch.counts:
                tiles *= count
            if block.count(block[0]) == len(block):
                read.append((place.matrix, block[0], tiles))
            else:
                read += [
                    (place.matrix, form, count * often * tiles // rounds) for form, count in Counter(block).items()
                ]
        twice = elements = 0
        for matrix, sign, box in again:
            tiles, numbers = self._within(matrix, box, where)
            twice, elements = twice + sign * tiles, elements + sign * numbers
        around: dict[str, int] = strip.at(where)
        options = tuple([int(values(index, around)) for index in self._options[kind.number]])
        key = (kind.number, tuple(choices), tuple(read), twice, elements, options, written)
        known = self._known.get(key)
        if known is None:
            made = self._formulas[kind.number]
            assert made is not None

            def cost(target: Shape | None, full: bool) -> tuple[Work, tuple[Shape, ...]]:
                shape_of = self._groups.full_shape_of if full else self._groups.shape_of
                return made.cost(Task(inside, choices, around, target, shape_of, counted=not full))

            known = self._known[key] = self._groups.group(kind, around, read, (twice, elements), written, cost)
        return known

    def _within(self, matrix: str, box: Sequence[Range], where: tuple[int, ...]) -> tuple[int, int]:
        """Tiles in a box of one task, and the numbers that they have."""
        spread, table = self._forms[matrix]
        tiles, at = 1, 0
        counts, strides = [], []
        low = spread.low if spread else (0,) * len(box)
        stride = spread.strides if spread else (0,) * len(box)
        for (least, most, across), least_index, distance in zip(box, low, stride, strict=True):
            tiles *= most - least + 1
            if distance:
                moved = sum(step * number for step, number in zip(across, where, strict=True))
                at += (least + moved - least_index) * distance
                counts.append(most - least + 1)
                strides.append(distance * FORM_BYTES)
        if table is None:
            return tiles, tiles * self._elements(matrix, 0)
        if tiles == 1:
            return 1, self._elements(matrix, table.item(at))
        block = view(table, at * FORM_BYTES, tuple(counts), tuple(strides), (), ()).reshape(-1).tolist()
        each = sum(count * self._elements(matrix, form) for form, count in Counter(block).items())
        return tiles, each * tiles // len(block)

    def _elements(self, matrix: str, form: int) -> int:
        return math.prod(self._groups.shape_of(matrix, form))

    # -- what becomes of them ------------------------------------------------------------------------------------------

    def settle(self, seen: Seen, finish: Any, chain: Any) -> None:
        """Note when what tasks read is done with, and when what they write is there."""
        lengths = seen.strip.lengths
        for times, patch in seen.reads:
            if times.last is not None:
                _raise(times.last, patch, lengths, finish)
        before = 0
        for place, patch in seen.writes:
            if not patch.there or 0 in patch.counts:
                continue
            times = self._times[place.matrix]
            where = (patch.at, patch.counts, patch.inner, lengths, patch.across)
            if not patch.counts and not any(patch.across):
                number = patch.at // times.finish.itemsize
                times.finish[number], times.chain[number] = finish, chain
            else:
                view(times.finish, *where)[...] = finish
                view(times.chain, *where)[...] = chain
            tiles = 1
            for count in patch.counts:
                tiles *= count
            if times.form is not None:
                made = view(times.form, patch.form_at, patch.counts, patch.form_inner, lengths, patch.form_across)
                for group, cell in zip(seen.groups, seen.cells, strict=True):
                    some = group.forms[before : before + tiles]
                    place_of: Any = (..., *cell)
                    part = made[place_of]
                    if some.count(some[0]) == tiles:
                        part[...] = some[0]
                    else:
                        part[...] = np.array(some).reshape(patch.counts + (1,) * len(lengths))
            before += tiles


def _raise(last: NDArray[Any], patch: Patch, lengths: tuple[int, ...], finish: Any) -> None:
    """Tasks that read tiles are done."""
    if not patch.counts and not any(patch.across):
        number = patch.at // last.itemsize
        last[number] = max(last.item(number), finish if type(finish) is float else finish.max())
        return
    entries = view(last, patch.at, patch.counts, patch.inner, lengths, patch.across)
    if type(finish) is not float:
        axes = tuple(
            axis for axis, stride in enumerate(patch.across) if not stride and finish.ndim and finish.shape[axis] > 1
        )
        if axes:
            finish = finish.max(axis=axes, keepdims=True)
    np.maximum(entries, finish, out=entries)


def _apart(patch: Patch, lengths: tuple[int, ...]) -> bool:
    """Whether no task reads a tile twice at a place, and tasks read the same tiles or all of them others."""
    if not patch.counts and len(lengths) < 2:
        return True
    along = [(length, stride) for length, stride in zip(lengths, patch.across, strict=True) if stride]
    return differ([*patch.counts, *(length for length, _ in along)], [*patch.inner, *(stride for _, stride in along)])


def _later(one: Any, other: Any) -> Any:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return max(one, other)
    return np.maximum(one, other)


def _trimmed(patch: Patch, moving: Sequence[bool]) -> Patch:
    """Without the loops that do not matter: a tile is read once."""
    kept = [number for number, wanted in enumerate(moving) if wanted]
    sides = tuple(
        (first, step, kept.index(number) if number >= 0 else number, across)
        for first, step, number, across in patch.sides
    )
    return patch._replace(
        counts=tuple([patch.counts[number] for number in kept]),
        inner=tuple([patch.inner[number] for number in kept]),
        sides=sides,
    )


def _cuts(axis: int, axes: int, forms: Sequence[Any]) -> list[int]:
    """Where along an axis other shapes begin."""
    found = {0}
    for each in forms:
        if isinstance(each, np.ndarray):
            place = each.ndim - axes + axis
            if each.shape[place] > 1:
                moved = np.moveaxis(each, place, -1) if place < each.ndim - 1 else each
                changed = moved[..., 1:] != moved[..., :-1]
                if changed.ndim > 1:
                    changed = changed.any(axis=tuple(range(changed.ndim - 1)))
                found.update([number + 1 for number in changed.nonzero()[0].tolist()])
    return sorted(found)


def _one(forms: Any, where: tuple[int, ...]) -> int | None:
    """That of one task."""
    if isinstance(forms, np.ndarray):
        place = tuple([number if length > 1 else 0 for number, length in zip(where, forms.shape, strict=True)])
        return int(forms[place])
    return None if forms is None else int(forms)


def _inside(forms: Any, counts: tuple[int, ...], where: tuple[int, ...]) -> Inside | None:
    """Numbers of the shapes that one task reads at a place."""
    if forms is None:
        return None
    if not isinstance(forms, np.ndarray):
        return (forms,), math.prod(counts)
    axes = forms.shape[len(counts) :]
    place: Any = (..., *[number if length > 1 else 0 for number, length in zip(where, axes, strict=True)])
    part = forms[place]
    if part.ndim == 0:
        return (part.item(),), 1
    if part.ndim == 2 and (part == part[0]).all():
        return part[0].tolist(), len(part)
    return part.reshape(-1).tolist(), 1
