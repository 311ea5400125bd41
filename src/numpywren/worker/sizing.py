"""How large tiles and tasks are: what a worker promises to a task, and whether a run fits before it starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TypeAlias

from numpywren.config import format_bytes
from numpywren.errors import MemoryBoundError, ProgramError
from numpywren.lambdapack import Dataflow, Task, Tile
from numpywren.lambdapack.ir import Listing
from numpywren.lambdapack.lower import parts
from numpywren.matrix import Binding, Partition
from numpywren.worker.evaluate import footprint
from numpywren.worker.record import RunRecord

__all__ = ["WINDOW", "TaskSizes", "check_fits", "letters"]

Shape: TypeAlias = tuple[int, ...]

#: Tiles that a task has read ahead of their use.
WINDOW = 3
#: Tasks looked at, at most, when a run is checked for size before it starts.
CHECKED_TASKS = 200_000


def letters(dataflow: Dataflow, bindings: Mapping[str, Binding]) -> Mapping[str, Partition]:
    """How the dimension behind each grid letter is cut into tiles."""
    found: dict[str, Partition] = {}
    for matrix in dataflow.program.matrices:
        binding = bindings.get(matrix.name)
        if binding is not None and binding.partitions is not None:
            found.update(zip(matrix.grid, binding.partitions, strict=True))
    return found


class TaskSizes:
    """Sizes of the tiles and tasks of one run.

    Tiles count as full even at the edge: then one number serves every task of a kind with as many operands.

    Parameters
    ----------
    dataflow : Dataflow
    bindings : mapping of str to Binding
        Inputs and outputs.
    record : RunRecord
    known : callable, optional
        Tells the shape of a full tile where the grid does not; else it is looked for in the tasks before.
    """

    def __init__(
        self,
        dataflow: Dataflow,
        bindings: Mapping[str, Binding],
        record: RunRecord,
        known: Callable[[Tile], Shape] | None = None,
    ) -> None:
        self._dataflow, self._bindings, self._record = dataflow, bindings, record
        self._itemsize = record.dtype.itemsize
        self._known = known
        self._letters = letters(dataflow, bindings)
        self._matrices = {matrix.name: matrix for matrix in dataflow.program.matrices}
        self._grids: dict[str, tuple[tuple[int, Partition], ...]] = {}
        self._shapes: dict[Tile | str, Shape] = {}
        self._promises: dict[tuple[int, int], int] = {}

    def full_shape(self, tile: Tile) -> Shape:
        """Shape of a tile, counted as full; that of a temporary without letters follows from its writer."""
        grid = [letter for letter in self._matrices[tile.matrix].grid if letter != "*"][-2:]
        key: Tile | str = tile.matrix if grid else tile
        known = self._shapes.get(key)
        if known is None:
            if not grid:
                if self._known is not None:
                    return self._known(tile)
                self._follow(tile)
                return self._shapes[tile]
            known = tuple(self._letters[x].chunk for x in grid)
            if len(known) == 1 and self.is_column(tile.matrix):
                known = (*known, 1)
            self._shapes[key] = known
        return known

    def grid(self, matrix: str) -> tuple[tuple[int, Partition], ...]:
        """Which indices of a matrix count tiles along a dimension, and how that is cut; empty if it has no letters."""
        known = self._grids.get(matrix)
        if known is None:
            letters_of = self._matrices[matrix].grid
            places = [place for place, letter in enumerate(letters_of) if letter != "*"][-2:]
            known = self._grids[matrix] = tuple((place, self._letters[letters_of[place]]) for place in places)
        return known

    def exact_shape(self, tile: Tile) -> Shape | None:
        """Shape that the grid gives a tile; None where it has no letters."""
        grid = self.grid(tile.matrix)
        if not grid:
            return None
        shape = tuple([part.size(tile.index[place]) for place, part in grid])
        return (*shape, 1) if len(shape) == 1 and self.is_column(tile.matrix) else shape

    def is_column(self, matrix: str) -> bool:
        """Whether the tiles of a matrix, vectors outside, are columns for tasks."""
        binding = self._bindings.get(matrix)
        return binding is not None and binding.column

    def _follow(self, tile: Tile) -> None:
        """Find the shape of a tile from the task that writes it, after those of the tiles that this task reads.

        Without recursion: a worker that comes late begins at the end of a chain that may be thousands of tasks long.
        """
        pending = [tile]
        while pending:
            task = self._dataflow.writer(pending[-1])
            assert task is not None, pending[-1]
            unknown = [
                read for read in self._dataflow.reads(task) if not self._has_letters(read) and read not in self._shapes
            ]
            if unknown:
                pending += unknown
                continue
            pending.pop()
            _, shapes = footprint(self._dataflow.expression(task, self._record.scalars), self.full_shape, None)
            targets = self._dataflow.writes(task)
            self._shapes.update(zip(targets, shapes, strict=True))

    def tile_bytes(self, tile: Tile) -> int:
        """Bytes of a tile, counted as full."""
        count = self._itemsize
        for length in self.full_shape(tile):
            count *= length
        return count

    def promise(self, task: Task, tiles: int | None = None) -> int:
        """Bytes that a task may need at once: operands, accumulator, results, and tiles read ahead.

        Who knows how many tiles it reads may say so.

        Raises
        ------
        ProgramError
            If its operands do not fit together: a program that came as data may ask for anything.
        """
        known = None if tiles is None else self._promises.get((task.kind, tiles))
        if known is not None:
            return known
        try:
            return self._promise(task)
        except (LookupError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            name = self._dataflow.program.name
            raise ProgramError(f"task {task.id} of {name} has operands that do not fit: {error!r}") from error

    def _promise(self, task: Task) -> int:
        reads = self._dataflow.reads(task)
        key = (task.kind, len(reads))
        known = self._promises.get(key)
        if known is None:
            targets = self._dataflow.writes(task)
            node = self._dataflow.expression(task, self._record.scalars)
            fixed = self.full_shape(targets[0]) if self._has_letters(targets[0]) else None
            peak, shapes = footprint(node, self.full_shape, fixed)
            written = sum(_elements(shape) for shape in shapes)
            ahead = min(WINDOW, len(reads)) * max(map(self.tile_bytes, reads), default=0)
            known = max(peak + written, 2 * written) * self._itemsize + ahead
            if all(self._has_letters(tile) for tile in reads):  # else shapes differ from task to task
                self._promises[key] = known
        return known

    def row_offset(self, tile: Tile) -> int:
        """Number of the first row of a tile in its matrix; 0 where the tile has no place in a matrix."""
        grid = self._matrices[tile.matrix].grid
        places = [i for i, letter in enumerate(grid) if letter != "*"]
        if not places:
            return 0
        row = places[-2] if len(places) > 1 else places[-1]
        return int(self._letters[grid[row]].slice(tile.index[row]).start)

    def _has_letters(self, tile: Tile) -> bool:
        return any(letter != "*" for letter in self._matrices[tile.matrix].grid)


def check_fits(dataflow: Dataflow, bindings: Mapping[str, Binding], record: RunRecord, memory: int) -> None:
    """Refuse a run whose largest task does not fit in a worker.

    Raises
    ------
    MemoryBoundError
        Saying what the task needs and what a worker may use.
    """
    sizes = TaskSizes(dataflow, bindings, record)
    listed = [any(isinstance(part, Listing) for part in parts(kind.value)) for kind in dataflow.program.kinds]
    largest: dict[int, tuple[int, Task]] = {}
    for task in itertools.islice(dataflow.tasks(), CHECKED_TASKS):
        seen = largest.get(task.kind)
        # every task of a kind needs the same, but where a kernel takes a list of tiles
        if seen is None or listed[task.kind]:
            reads = len(dataflow.reads(task))
            if seen is None or reads > seen[0]:
                largest[task.kind] = (reads, task)
    for _, task in largest.values():
        needed = sizes.promise(task)
        if needed > memory:
            tile = dataflow.writes(task)[0]
            raise MemoryBoundError(
                f"the task that writes tile {tile} of {dataflow.program.name} needs {format_bytes(needed)}, and a "
                f"worker may use {format_bytes(memory)}: use smaller tiles (chunks=…) or raise worker.memory"
            )


def _elements(shape: Shape) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
