"""A walk over all tasks of a run, many at once, each after those that it waits for: costs and times.

Tasks are taken as the text has them, loop by loop. A loop of which no round waits for another is gone through at once,
as an axis of a `Box`, others round by round. Should a task come before what it reads nevertheless, it is put off until
the end. Nothing is kept of tasks but how many are alike and when they run, and of tiles their times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numpywren.lambdapack.ir import Access, Clause, Guard, Kind, Loop
from numpywren.lambdapack.lower import occurrences
from numpywren.planner.box import Box, alone, grown, inner_axes, kept, one_by_one
from numpywren.planner.groups import Group, Groups, Reads
from numpywren.planner.machine import Machine
from numpywren.planner.patches import IrregularError
from numpywren.planner.profile import Moments
from numpywren.planner.reach import carrying, reach, spans
from numpywren.planner.regular import Regular, Seen
from numpywren.planner.strip import strips
from numpywren.planner.times import FAR, TileTimes
from numpywren.planner.vector import Integers, expand, values
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Sweep"]

#: Bindings that are looked at together: some megabytes for each thing that is known of them.
TOGETHER = 300_000


#: Told of tasks that were looked at together: loop variables, and for each its group by its number in the list.
Note = Callable[[Kind, Box, "list[Group]", Integers], None]


class Sweep:
    """One walk over the tasks of a run.

    Parameters
    ----------
    workload : Workload
    shapes : Shapes
    machine : Machine
        The kind of worker, on tiles of this length.
    note : callable, optional
        Is told of all tasks.

    Attributes
    ----------
    groups : Groups
        All tasks, by what they cost.
    times : mapping of str to TileTimes
        Of each matrix that is written.
    moments : Moments
        When tasks run.
    path : int
        Tasks on the longest chain.
    end : float
        When the last task is done.
    """

    def __init__(self, workload: Workload, shapes: Shapes, machine: Machine, note: Note | None = None) -> None:
        self._workload, self._shapes, self._note = workload, shapes, note
        flow = workload.dataflow
        self._kinds = flow.program.kinds
        self._roles = {matrix.name: matrix.role for matrix in flow.program.matrices}
        self.times = _times(workload, shapes)
        self._reads = [tuple(occurrences(kind.value)) for kind in self._kinds]
        self._late: list[tuple[Kind, Box]] = []
        self.groups = Groups(workload, shapes, machine, self.times)
        self._regular = Regular(workload, shapes, self.times, self.groups)
        self.moments = Moments()
        self.path, self.end = 0, 0.0
        self._carrying = carrying(flow)
        self._run()

    # -- which tasks ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._block(self._kinds, 0, Box(dict(self._workload.dataflow.sizes)), [0] * len(self._kinds))
        while self._late:
            late, self._late = self._late, []
            for kind, box in late:
                self._tasks(kind, box)

    def _block(self, kinds: Sequence[Kind], level: int, box: Box, done: Sequence[int]) -> None:
        """Go through the statements at one level of the text, of whose clauses so many are done in each kind."""
        begin = 0
        while begin < len(kinds):
            position = kinds[begin].positions[level]
            end = begin + 1
            while end < len(kinds) and kinds[end].positions[level] == position:
                end += 1
            self._statement(kinds[begin:end], level, box, done[begin:end])
            begin = end

    def _statement(self, kinds: Sequence[Kind], level: int, box: Box, done: Sequence[int]) -> None:
        """Go through one loop, or one assignment, under the conditions before it."""
        path, at = kinds[0].path, done[0]
        while at < len(path) and isinstance(guard := path[at], Guard):
            box = kept(guard, box)
            at += 1
        if not box.size:
            return
        if at == len(path):
            self._together(kinds[0], box)
            return
        loop = path[at]
        assert isinstance(loop, Loop)
        inside = [at + 1] * len(kinds)
        if kinds[0].positions[: level + 1] in self._carrying or _rounds(loop, box) * box.size > TOGETHER:
            for each in one_by_one(loop, box):
                self._block(kinds, level + 1, each, inside)
        else:
            inner = alone(grown((loop,), box))
            if inner.size:
                self._block(kinds, level + 1, inner, inside)

    def _together(self, kind: Kind, box: Box) -> None:
        """Look at tasks: by views of what lies at equal distances, or by a list of tiles."""
        stubborn = self._regular.stubborn[kind.number]
        parts = None if stubborn is None else strips(kind, box, stubborn)
        if parts is None:
            self._listed(kind, box)
            return
        for strip in parts:
            try:
                seen = self._regular.look(strip)
            except IrregularError:
                seen = None
            if seen is None:
                self._listed(kind, strip.box())
            else:
                self._settled(seen)

    def _settled(self, seen: Seen) -> None:
        """Note when the tasks of a strip run."""
        groups, numbers = seen.groups, seen.numbers
        for group, count in zip(groups, seen.tasks, strict=True):
            group.tasks += count
        if len(groups) == 1:
            finish = seen.start + (groups[0].seconds + groups[0].moving)
            nbytes: Any = groups[0].bytes_written
        else:
            finish = seen.start + np.array([group.seconds + group.moving for group in groups])[numbers]
            nbytes = np.array([group.bytes_written for group in groups])[numbers]
        self.path = max(self.path, int(np.max(seen.chain)) + FAR)
        self.end = max(self.end, float(np.max(finish)))
        self.moments.add(seen.start, finish, nbytes, sum(seen.tasks))
        self._regular.settle(seen, finish, seen.chain)
        if self._note is not None:
            self._note(seen.strip.kind, seen.strip.box(), groups, numbers)

    def _listed(self, kind: Kind, box: Box) -> None:
        for part in _parted(box, self._room(kind, box)):
            self._tasks(kind, part)

    def _room(self, kind: Kind, box: Box) -> int:
        """Tasks that may be looked at together, from how much one of them reads."""
        if box.size < 2:
            return 1
        example = box.at(box.size - 1), box.at(0)
        most = max(
            (
                len(expand(clauses, each, 1)[1])
                for _, clauses in self._reads[kind.number]
                if clauses
                for each in example
            ),
            default=1,
        )
        return max(TOGETHER // max(most, 1), 1)

    # -- tasks of one kind --------------------------------------------------------------------------------------------

    def _tasks(self, kind: Kind, box: Box) -> None:
        reads = []
        late: Any = False
        start: Any = np.zeros(())
        chain: Any = np.full((), -FAR)
        for access, clauses in self._reads[kind.number]:
            inner = grown(clauses, box)
            if not inner.size:
                continue
            index = [values(each, inner.columns) for each in access.index]
            read = Reads(access, _trimmed(inner, box, index), index)
            reads.append(read)
            times = self.times.get(access.matrix)
            if times is None:
                continue
            read.where = times.find(read.index)
            ends = times.chain[read.where]
            if not np.all(ends):
                late = late | _gathered(np.asarray(ends) == 0, inner, box, np.logical_or)
            chain = np.maximum(chain, _gathered(ends, inner, box, np.maximum, -FAR))
            start = np.maximum(start, _gathered(times.finish[read.where], inner, box, np.maximum))
        if np.any(late):
            late = np.broadcast_to(late, box.shape).reshape(-1)
            self._late.append((kind, alone(box.take(np.flatnonzero(late)))))
            if not late.all():
                self._tasks(kind, alone(box.take(np.flatnonzero(~late))))
            return
        groups, numbers = self.groups.find(kind, box, reads)
        self._happen(kind, box, reads, groups, numbers, start, chain + 1)

    def _happen(
        self,
        kind: Kind,
        box: Box,
        reads: Sequence[Reads],
        groups: list[Group],
        numbers: Integers,
        start: Any,
        chain: Any,
    ) -> None:
        """Note when tasks run, and what that means for their tiles."""
        counts = np.bincount(numbers.reshape(-1), minlength=len(groups)) * (box.size // max(numbers.size, 1))
        for group, count in zip(groups, counts.tolist(), strict=True):
            group.tasks += count
        seconds = np.array([group.seconds + group.moving for group in groups])[numbers]
        finish = start + seconds
        self.path = max(self.path, int(chain.max()) + FAR)
        self.end = max(self.end, float(finish.max()))
        nbytes = np.array([group.bytes_written for group in groups])[numbers]
        self.moments.add(start, finish, nbytes, box.size)
        for read in reads:
            if read.where is not None:
                times = self.times[read.access.matrix]
                if times.last is None:
                    continue
                if read.box.parents is None:
                    times.used(read.where, finish, read.box.shape)
                else:
                    spread = np.broadcast_to(finish, box.shape).reshape(-1)[read.box.parents]
                    np.maximum.at(times.last, np.broadcast_to(read.where, spread.shape), spread)
        before: Any = 0
        for target in kind.targets:
            before = before + self._write(target.access, target.clauses, box, groups, numbers, before, finish, chain)
        if self._note is not None:
            self._note(kind, box, groups, numbers)

    def _write(
        self,
        access: Access,
        clauses: tuple[Clause, ...],
        box: Box,
        groups: list[Group],
        numbers: Integers,
        before: Any,
        finish: Any,
        chain: Any,
    ) -> Any:
        """Note that the tiles of one target are there; how many each task has."""
        times = self.times[access.matrix]
        if times.form is not None and (clauses or np.ndim(before)):
            return self._write_free(access, clauses, box, groups, numbers, before, finish, chain)
        inner = grown(clauses, box)
        if not inner.size:
            return 0
        where = times.find([values(index, inner.columns) for index in access.index])
        if inner.parents is None:
            where = np.broadcast_to(where, inner.shape) if inner.shape else where
            times.finish[where], times.chain[where] = finish, chain
            if times.form is not None:
                times.form[where] = np.array([group.forms[before] for group in groups], dtype=np.int32)[numbers]
            return inner.size // box.size
        for column, amounts in ((times.finish, finish), (times.chain, chain)):
            column[where] = np.broadcast_to(amounts, box.shape).reshape(-1)[inner.parents]
        return np.bincount(inner.parents, minlength=box.size)

    def _write_free(
        self,
        access: Access,
        clauses: tuple[Clause, ...],
        box: Box,
        groups: list[Group],
        numbers: Integers,
        before: Any,
        finish: Any,
        chain: Any,
    ) -> Any:
        """The same for tiles that have the shapes that their tasks give them: task by task in the order of the text."""
        times = self.times[access.matrix]
        assert times.form is not None
        flat = {
            name: np.broadcast_to(column, box.shape).reshape(-1) if isinstance(column, np.ndarray) else column
            for name, column in box.columns.items()
        }
        columns, parents = expand(clauses, flat, box.size)
        where = np.broadcast_to(times.find([values(index, columns) for index in access.index]), parents.shape)
        counts = np.bincount(parents, minlength=box.size)
        place = np.arange(len(parents)) - (np.cumsum(counts) - counts)[parents]
        place = place + np.broadcast_to(before, box.size)[parents]
        number = np.broadcast_to(numbers, box.shape).reshape(-1)[parents]
        width = max(len(group.forms) for group in groups)
        forms = np.array([(*group.forms, *(0,) * (width - len(group.forms))) for group in groups], dtype=np.int32)
        times.form[where] = forms[number, place]
        for column, amounts in ((times.finish, finish), (times.chain, chain)):
            column[where] = np.broadcast_to(amounts, box.shape).reshape(-1)[parents]
        return counts if (counts != counts[0]).any() else int(counts[0])

    def deaths(self) -> Iterator[tuple[Any, Any]]:
        """Moments at which intermediates are done with, and bytes that they had."""
        elements = self.groups.elements()
        for matrix, times in self.times.items():
            if times.last is not None:
                for moments, numbers in times.deaths(self._shapes.grid(matrix), elements):
                    yield moments, self._workload.itemsize * numbers


def _times(workload: Workload, shapes: Shapes) -> dict[str, TileTimes]:
    """A place for the times of all tiles that are written, by bounds of their indices."""
    flow = workload.dataflow
    sizes = {name: (size, size) for name, size in flow.sizes.items()}
    reached: dict[str, list[tuple[int, int]]] = {}
    for kind in flow.program.kinds:
        for target in kind.targets:
            known = spans((*kind.path, *target.clauses), sizes)
            if known is None:
                continue
            bounds = [reach(index, known) for index in target.access.index]
            before = reached.get(target.access.matrix, bounds)
            reached[target.access.matrix] = [
                (min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(before, bounds, strict=True)
            ]
    found = {}
    for matrix in flow.program.matrices:
        if matrix.role == "input":
            continue
        bounds = reached.get(matrix.name, [(0, 0)] * len(matrix.grid))
        for place, part in shapes.grid(matrix.name):  # a grid's index is never outside of it
            bounds[place] = (max(bounds[place][0], 0), min(bounds[place][1], max(part.tiles - 1, 0)))
        counted = matrix.role == "temporary"
        found[matrix.name] = TileTimes(bounds, counted=counted, free=not shapes.lettered(matrix.name))
    return found


def _rounds(loop: Loop, box: Box) -> int:
    """Rounds of a loop at most."""
    bounds = [values(bound, box.columns) for bound in (loop.start, loop.stop, loop.step)]
    if all(type(bound) is int for bound in bounds):
        return len(range(bounds[0], bounds[1], bounds[2] or 1))
    start, stop, step = map(np.asarray, bounds)
    length = -((start - stop) // np.where(step == 0, 1, step))
    return max(int(length.max(initial=0)), 0)


def _parted(box: Box, most: int) -> Iterator[Box]:
    """The same bindings in boxes of so many at most."""
    if box.size <= most:
        yield box
        return
    for begin in range(0, box.size, most):
        yield alone(box.take(np.arange(begin, min(begin + most, box.size))))


def _trimmed(inner: Box, box: Box, index: Sequence[Any]) -> Box:
    """Without the rounds of inner loops that none of the indices depends on: a tile is read once."""
    if inner.parents is not None:
        return inner
    extra = len(inner.shape) - len(box.shape)
    used = [False] * extra
    for column in index:
        for axis, length in enumerate(np.shape(column)[::-1]):
            place = len(inner.shape) - 1 - axis
            if length > 1 and place < extra:
                used[place] = True
    shape = tuple(length if wanted else 1 for length, wanted in zip(inner.shape, used, strict=False))
    return Box(inner.columns, (*shape, *inner.shape[extra:]))


def _gathered(amounts: Any, inner: Box, box: Box, join: np.ufunc, least: float = 0) -> Any:
    """What is known of the tiles that tasks read, joined for each task; `least` for those that read none."""
    if inner.parents is None:
        axes = inner_axes(amounts, box)
        return join.reduce(amounts, axis=axes) if axes else amounts
    found = np.full(box.size, least, dtype=np.asarray(amounts).dtype)
    join.at(found, inner.parents, np.broadcast_to(amounts, inner.shape))
    return found.reshape(box.shape)
