"""What a run is made of, from its record: names of kernels, flops of tasks, and which task waits for which."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numpywren.config import names_setting
from numpywren.errors import ProgramError
from numpywren.lambdapack import Task
from numpywren.lambdapack.encoding import Decoder, document_of, kernel_paths
from numpywren.lambdapack.lower import kinds
from numpywren.planner import Machine, Workload
from numpywren.planner.census import KindCost, census, label
from numpywren.planner.graph import Graph, build_graph
from numpywren.planner.workload import Shapes
from numpywren.worker import RunRecord

__all__ = ["TaskTable", "Work", "labels_of", "open_work", "split_tasks"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class TaskTable:
    """Ids of tasks, taken apart.

    Attributes
    ----------
    kind : ndarray of int64
    values : list of tuple of int
        Loop variables.
    """

    kind: Integers
    values: list[tuple[int, ...]]


def split_tasks(ids: Sequence[str]) -> TaskTable:
    """Take the ids of tasks apart; what is no id is of kind -1."""
    tasks = []
    for each in ids:
        try:
            tasks.append(Task.parse(each))
        except ValueError:
            tasks.append(Task(-1, ()))
    return TaskTable(np.array([task.kind for task in tasks], dtype=np.int64), [task.values for task in tasks])


class Work:
    """The tasks of a run, counted.

    Parameters
    ----------
    workload : Workload
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._costs: tuple[KindCost, ...] = census(workload, Shapes(workload))
        self._offsets = np.cumsum([0, *(cost.table.rows for cost in self._costs)])
        #: How many tasks there are.
        self.tasks = int(self._offsets[-1])
        #: Floating point operations of each task, and what it computes.
        self.flops = np.concatenate([*(cost.flops for cost in self._costs), np.empty(0)])
        self.labels = [cost.label for cost in self._costs]

    @property
    def tasks_by_kind(self) -> list[int]:
        """How many tasks of each kind there are."""
        return [cost.table.rows for cost in self._costs]

    @property
    def flops_by_kind(self) -> list[float]:
        """What all tasks of each kind need."""
        return [float(cost.flops.sum()) for cost in self._costs]

    def seconds(self, machine: Machine) -> Floats:
        """How long each task takes in one slot of a machine, with what it costs besides its kernels."""
        machine = machine.at(self.workload.tile_length)
        each = [cost.seconds(machine) + self._written(cost, machine) for cost in self._costs]
        return np.concatenate([*each, np.empty(0)]) + machine.task_s

    def _written(self, cost: KindCost, machine: Machine) -> Floats | float:
        return cost.bytes_written / machine.encoding if machine.encoding else 0.0

    @functools.cached_property
    def graph(self) -> Graph:
        """Which task waits for which."""
        return build_graph(self.workload, [cost.table for cost in self._costs])

    def numbers(self, tasks: TaskTable) -> Integers:
        """Number of each task among all of the run; -1 for one that is not of this run."""
        found = np.full(len(tasks.kind), -1, dtype=np.int64)
        for kind, cost in enumerate(self._costs):
            (places,) = np.nonzero(tasks.kind == kind)
            names = [loop.variable for loop in cost.table.kind.loops]
            rows = cost.table.rows
            places = np.array([place for place in places if len(tasks.values[place]) == len(names)], dtype=np.int64)
            if not len(places) or not rows:
                continue
            columns = [np.zeros(rows, dtype=np.int64), *(cost.table.columns[name] for name in names)]
            known = np.stack([np.broadcast_to(np.asarray(column), (rows,)) for column in columns], axis=1)
            wanted = np.array([(0, *tasks.values[place]) for place in places], dtype=np.int64)
            keys, order = np.unique(np.concatenate([known, wanted]), axis=0, return_inverse=True)
            row_of = np.full(len(keys), -1, dtype=np.int64)
            order = order.reshape(-1)
            row_of[order[:rows]] = np.arange(rows)
            row = row_of[order[rows:]]
            found[places] = np.where(row >= 0, row + self._offsets[kind], -1)
        return found


def open_work(record: RunRecord) -> Work:
    """Look at the program and the sizes of a recorded run; its arrays need not exist any more.

    Raises
    ------
    KernelNotAllowedError
        If it has kernels or functions of other modules than those of ``kernels.modules``.
    """
    modules = names_setting("kernels.modules")
    workload = Workload(record, record.bound(modules), record.decoded(modules).bind(record.sizes))
    return Work(workload)


def labels_of(record: RunRecord) -> tuple[str, ...]:
    """What the tasks of each kind compute, by the names that a record has for its kernels; none of them is loaded."""
    try:
        names, _ = kernel_paths(record.program)
        body = Decoder(names).body(document_of(record.program).get("body"))
        return tuple(label(kind.value) for kind in kinds(body))
    except ProgramError:
        return ()
