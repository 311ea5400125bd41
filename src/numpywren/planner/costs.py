"""What a task of a workload needs, asked for one task at a time: seconds, tiles with their sizes, memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping

import numpy as np

from numpywren.control import Arrival, Reader
from numpywren.lambdapack import Task, Tile
from numpywren.matrix.tile_format import CHECKSUM_BYTES
from numpywren.planner.census import KindCost
from numpywren.planner.machine import Machine
from numpywren.planner.workload import Shapes, Workload
from numpywren.worker.sizing import TaskSizes

__all__ = ["TaskCosts", "TaskOf", "TileOf"]

#: Bytes of the header of an intermediate.
HEADER = 128


class TileOf:
    """One tile; the same object for as long as it is of use, so that asking for it by name is rare.

    Attributes
    ----------
    tile : Tile
    name : str
        Its id.
    nbytes : int
        Its exact size in memory.
    stored : int
        Bytes that are written for it.
    counted : bool
        Whether it is deleted after its last reader.
    kept : bool
        Whether who wrote it keeps it in memory.
    """

    __slots__ = ("counted", "kept", "name", "nbytes", "stored", "tile")

    def __init__(self, tile: Tile, nbytes: int, stored: int, *, counted: bool, kept: bool) -> None:
        self.tile, self.name, self.nbytes, self.stored = tile, tile.id, nbytes, stored
        self.counted, self.kept = counted, kept


class TaskOf:
    """One task.

    Attributes
    ----------
    task : Task
    reader : Reader
        As the control plane knows it.
    reads, writes : tuple of TileOf
    seconds : float
        How long it computes in one slot.
    promise : int
        Bytes that a worker sets apart for it.
    """

    __slots__ = ("promise", "reader", "reads", "seconds", "task", "writes")

    def __init__(
        self,
        task: Task,
        reader: Reader,
        reads: tuple[TileOf, ...],
        writes: tuple[TileOf, ...],
        seconds: float,
        promise: int,
    ) -> None:
        self.task, self.reader, self.reads, self.writes = task, reader, reads, writes
        self.seconds, self.promise = seconds, promise


class TaskCosts:
    """The tasks of a workload on one kind of worker.

    Parameters
    ----------
    workload : Workload
    shapes : Shapes
    costs : iterable of KindCost
        The census of the workload.
    machine : Machine
    """

    def __init__(self, workload: Workload, shapes: Shapes, costs: Iterable[KindCost], machine: Machine) -> None:
        self._dataflow, self._shapes, self._itemsize = workload.dataflow, shapes, workload.itemsize
        self._sizes = TaskSizes(workload.dataflow, workload.bindings, workload.record)
        self._seconds: list[Mapping[tuple[int, ...], float]] = [_by_values(cost, machine) for cost in costs]
        self._mapped_from = machine.mapped_from
        roles = {matrix.name: matrix.role for matrix in workload.dataflow.program.matrices}
        self._counted = frozenset(name for name, role in roles.items() if role == "temporary")
        self._inputs = frozenset(name for name, role in roles.items() if role == "input")
        # an output of another type than that in which the run computes is not kept as it was computed
        self._foreign = frozenset(
            name for name, binding in workload.bindings.items() if binding.dtype != workload.record.dtype
        )
        # chunks of an array are all stored whole, those at its edge too
        self._chunk_bytes = {
            name: binding.dtype.itemsize * math.prod(part.chunk for part in binding.partitions or ())
            for name, binding in workload.bindings.items()
        }
        self._tiles: dict[Tile, TileOf] = {}
        self._tasks: dict[str, TaskOf] = {}
        self._shape_bytes = functools.lru_cache(maxsize=4096)(self._bytes_of)

    def tile(self, tile: Tile) -> TileOf:
        """What there is to know of a tile."""
        known = self._tiles.get(tile)
        if known is None:
            nbytes = self._shape_bytes(self._shapes.of(tile))
            mapped = 0 < self._mapped_from <= nbytes
            kept = not mapped and tile.matrix not in self._foreign
            counted = tile.matrix in self._counted
            stored = CHECKSUM_BYTES + self._chunk_bytes.get(tile.matrix, nbytes + HEADER)
            known = self._tiles[tile] = TileOf(tile, nbytes, stored, counted=counted, kept=kept)
        return known

    def task(self, name: str) -> TaskOf:
        """What there is to know of a task, by its id."""
        return self._tasks.get(name) or self._described(Task.parse(name), name)

    def _described(self, task: Task, name: str) -> TaskOf:
        flow = self._dataflow
        reads = flow.reads(task)
        needs = sum([tile.matrix not in self._inputs for tile in reads])
        known = self._tasks[name] = TaskOf(
            task,
            Reader(name, needs, flow.priority(task)),
            tuple(map(self.tile, reads)),
            tuple(map(self.tile, flow.writes(task))),
            self._seconds[task.kind][task.values],
            self._sizes.promise(task, len(reads)),
        )
        return known

    def _reader(self, task: Task) -> Reader:
        name = task.id
        return (self._tasks.get(name) or self._described(task, name)).reader

    def _bytes_of(self, shape: tuple[int, ...]) -> int:
        return self._itemsize * math.prod(shape)

    def arrivals(self, writes: tuple[TileOf, ...]) -> list[Arrival]:
        """What the completion of a task that writes these tiles tells the control plane."""
        readers = self._dataflow.readers
        return [
            Arrival(each.name, tuple(map(self._reader, readers(each.tile))), counted=each.counted) for each in writes
        ]

    def done(self, name: str) -> None:
        """Nobody will ask for a task again."""
        self._tasks.pop(name, None)

    def freed(self, names: Iterable[str]) -> list[TileOf]:
        """Tiles that nobody will ask for again, by their ids."""
        found = (self._tiles.pop(Tile.parse(name), None) for name in names)
        return [each for each in found if each is not None]


def _by_values(cost: KindCost, machine: Machine) -> dict[tuple[int, ...], float]:
    names = [loop.variable for loop in cost.table.kind.loops]
    columns = [np.broadcast_to(np.asarray(cost.table.columns[name]), cost.table.rows).tolist() for name in names]
    seconds = (cost.seconds(machine) + machine.task_s).tolist()
    values = zip(*columns, strict=True) if columns else [()] * cost.table.rows
    return dict(zip(values, seconds, strict=True))
