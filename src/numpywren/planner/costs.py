"""What a task of a workload needs, asked for one task at a time: seconds, tiles with their sizes, memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping

import numpy as np

from numpywren.control import Arrival, Reader
from numpywren.lambdapack import Task, Tile
from numpywren.planner.census import KindCost
from numpywren.planner.machine import Machine
from numpywren.planner.workload import Shapes, Workload
from numpywren.worker.sizing import TaskSizes

__all__ = ["TaskCosts"]


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
        # each is described once for every tile that it waits for
        self._reader = functools.lru_cache(maxsize=1 << 17)(self._described)
        self.counted = frozenset(m.name for m in workload.dataflow.program.matrices if m.role == "temporary")
        self._nbytes: dict[Tile, int] = {}

    def _described(self, task: Task) -> Reader:
        return Reader(task.id, self._dataflow.needs(task), self._dataflow.priority(task))

    def seconds(self, task: Task) -> float:
        """How long it computes in one slot."""
        return self._seconds[task.kind][task.values]

    def nbytes(self, tile: Tile) -> int:
        """Exact size of a tile."""
        known = self._nbytes.get(tile)
        if known is None:
            known = self._nbytes[tile] = self._itemsize * math.prod(self._shapes.of(tile))
        return known

    def promise(self, task: Task) -> int:
        """Bytes that a worker sets apart for it."""
        return self._sizes.promise(task)

    def arrivals(self, writes: tuple[Tile, ...]) -> list[Arrival]:
        """What the completion of a task that writes these tiles tells the control plane."""
        flow = self._dataflow
        return [
            Arrival(
                tile.id,
                tuple(map(self._reader, flow.readers(tile))),
                counted=tile.matrix in self.counted,
            )
            for tile in writes
        ]


def _by_values(cost: KindCost, machine: Machine) -> dict[tuple[int, ...], float]:
    names = [loop.variable for loop in cost.table.kind.loops]
    columns = [np.broadcast_to(np.asarray(cost.table.columns[name]), cost.table.rows).tolist() for name in names]
    seconds = cost.seconds(machine).tolist()
    values = zip(*columns, strict=True) if columns else [()] * cost.table.rows
    return dict(zip(values, seconds, strict=True))
