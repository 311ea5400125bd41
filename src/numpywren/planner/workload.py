"""What is planned: a program with its sizes, and how its matrices are cut into tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpywren.lambdapack import Dataflow, Tile
from numpywren.matrix import Binding, Partition
from numpywren.planner.cost import Shape, cost, varying_options
from numpywren.worker.record import RunRecord
from numpywren.worker.sizing import TaskSizes

__all__ = ["Shapes", "Workload", "refuse_dust"]


@dataclass(frozen=True)
class Workload:
    """A run that has not been started.

    Attributes
    ----------
    record : RunRecord
        As it would be written down.
    bindings : mapping of str to Binding
        Its inputs and outputs.
    dataflow : Dataflow
        Its program with all sizes.
    """

    record: RunRecord
    bindings: Mapping[str, Binding]
    dataflow: Dataflow

    @property
    def itemsize(self) -> int:
        """Bytes of a number of the type in which the run computes."""
        return int(self.record.dtype.itemsize)

    @property
    def tile_length(self) -> int:
        """Length of the longest side of its tiles, which kernels' rates depend on."""
        cuts = [part for binding in self.bindings.values() for part in binding.partitions or ()]
        return max((min(part.chunk, part.length) for part in cuts if part.length), default=1)


def refuse_dust(bindings: Mapping[str, Binding], most: int, done: str) -> None:
    """See that no matrix is cut into more than so many tiles, which cannot be ``planned``, or ``run``.

    Raises
    ------
    ValueError
        If one is.
    """
    for name, binding in bindings.items():
        parts = binding.partitions or ()
        if (tiles := math.prod(part.tiles for part in parts)) > most:
            chunks = " x ".join(str(part.chunk) for part in parts)
            raise ValueError(
                f"{name} would be cut into {tiles:,} tiles of {chunks}, with more tasks than can be {done}: use larger "
                f"tiles (chunks=…), so that there are at most {most:,}"
            )


class Shapes:
    """Exact shapes of the tiles of a workload, edge tiles included.

    Parameters
    ----------
    workload : Workload
    """

    def __init__(self, workload: Workload) -> None:
        self._dataflow, self._record = workload.dataflow, workload.record
        self._sizes = TaskSizes(workload.dataflow, workload.bindings, workload.record)
        self._free: dict[Tile, Shape] = {}
        self._written: dict[tuple[object, ...], tuple[Shape, ...]] = {}
        kernels = workload.dataflow.program.kernels
        self._indices = {matrix.name: len(matrix.grid) for matrix in workload.dataflow.program.matrices}
        self._varying = [bool(varying_options(kind, kernels)) for kind in workload.dataflow.program.kinds]

    def lettered(self, matrix: str) -> bool:
        """Whether the grid of a matrix gives the shapes of its tiles."""
        return bool(self._sizes.grid(matrix))

    def of(self, tile: Tile) -> Shape:
        """Shape of a tile; where the grid does not give it, it follows from the task that writes the tile."""
        shape = self._sizes.exact_shape(tile)
        if shape is not None:
            return shape
        if tile not in self._free:
            self._follow(tile)
        return self._free[tile]

    def _follow(self, tile: Tile) -> None:
        """Find the shape of a tile from the task that writes it, after those of the tiles that this task reads."""
        pending = [tile]
        while pending:
            task = self._dataflow.writer(pending[-1])
            assert task is not None, pending[-1]
            reads = self._dataflow.reads(task)
            unknown = [each for each in reads if not self.lettered(each.matrix) and each not in self._free]
            if unknown:
                pending += unknown
                continue
            pending.pop()
            # tasks of a kind that read tiles of the same shapes write tiles of the same shapes, unless options differ
            targets = self._dataflow.writes(task)
            options = task.values if self._varying[task.kind] else ()
            key = (task.kind, options, len(targets), tuple(map(self.of, reads)))
            shapes = self._written.get(key)
            if shapes is None:
                node = self._dataflow.expression(task, self._record.scalars)
                shapes = self._written[key] = cost(node, self.of, self.target(targets[0]))[1]
            self._free.update(zip(targets, shapes, strict=True))

    def target(self, tile: Tile) -> Shape | None:
        """Shape that the grid gives to what is written; None where it gives none."""
        return self.of(tile) if self.lettered(tile.matrix) else None

    def grid(self, matrix: str) -> Sequence[tuple[int, Partition]]:
        """Which indices of a matrix count tiles along a dimension, and how that is cut."""
        return self._sizes.grid(matrix)

    def indices(self, matrix: str) -> int:
        """How many indices a tile of a matrix has."""
        return self._indices[matrix]

    def edges(self, matrix: str, index: Sequence[Any]) -> Any:
        """A number for each tile, equal for tiles of equal shape: which of its sides are at the edge of the grid."""
        found: Any = 0
        for place, part in self.grid(matrix):
            ragged = part.size(part.tiles - 1) != part.chunk if part.tiles else False
            at_edge = index[place] == part.tiles - 1 if ragged else False
            found = 2 * found + (at_edge if np.any(at_edge) else 0)
        return found

    def with_edges(self, matrix: str, edges: int) -> Shape:
        """The shape of tiles with such a number."""
        shape: Shape = ()
        for _, part in self.grid(matrix)[::-1]:
            shape = (part.size(part.tiles - 1) if edges % 2 else part.chunk, *shape)
            edges //= 2
        return (*shape, 1) if len(shape) == 1 and self._sizes.is_column(matrix) else shape
