"""Counting a run: tasks, flops and bytes of each kind of task, exact, and without looking at each task by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack.ir import Argument, Arithmetic, Call, Kind
from numpywren.lambdapack.lower import parts
from numpywren.planner.box import Box
from numpywren.planner.groups import Group
from numpywren.planner.machine import Machine
from numpywren.planner.sweep import Sweep
from numpywren.planner.tasks import KindTable
from numpywren.planner.vector import Integers
from numpywren.planner.workload import Shapes, Workload

__all__ = ["KindCost", "census", "label"]


@dataclass(frozen=True)
class KindCost:
    """All tasks of one kind, row for row as in its `KindTable`.

    Attributes
    ----------
    table : KindTable
    label : str
        What it computes, by the names of its kernels.
    work : mapping of str to ndarray of float64
        By kernel, floating point operations on real numbers of each task.
    bytes_read, bytes_written : ndarray of int64
        Of the distinct tiles that each task reads, and of those that it writes.
    tiles_read, tiles_written : ndarray of int64
        How many they are.
    """

    table: KindTable
    label: str
    work: Mapping[str, NDArray[np.float64]]
    bytes_read: Integers
    bytes_written: Integers
    tiles_read: Integers
    tiles_written: Integers

    @property
    def flops(self) -> NDArray[np.float64]:
        """Floating point operations of each task, all kernels together."""
        return sum(self.work.values(), np.zeros(self.table.rows))

    def seconds(self, machine: Machine) -> NDArray[np.float64]:
        """How long each task computes in one slot of a machine."""
        return sum((flops / machine.rate(kernel) for kernel, flops in self.work.items()), np.zeros(self.table.rows))


def census(workload: Workload, shapes: Shapes) -> tuple[KindCost, ...]:
    """Count a run, kind by kind in the order of the program's text."""
    kinds = workload.dataflow.program.kinds
    names = [*(kernel.name for kernel in workload.dataflow.program.kernels.values()), "gemm", "axpy"]
    noted: list[list[tuple[Box, list[Group], Integers]]] = [[] for _ in kinds]

    def note(kind: Kind, box: Box, groups: list[Group], numbers: Integers) -> None:
        noted[kind.number].append((box, groups, numbers))

    Sweep(workload, shapes, Machine(name="any"), note)
    return tuple(_gathered(kind, found, names, workload) for kind, found in zip(kinds, noted, strict=True))


def _gathered(
    kind: Kind, noted: list[tuple[Box, list[Group], Integers]], names: list[str], workload: Workload
) -> KindCost:
    """One table of the tasks of a kind that were looked at box by box."""
    sizes = workload.dataflow.sizes
    columns: dict[str, int | Integers] = dict(sizes)
    for loop in kind.loops:
        name = loop.variable
        columns[name] = _joined([np.broadcast_to(box.columns[name], box.shape) for box, _, _ in noted])
    rows = sum(box.size for box, _, _ in noted)

    def column(amount: Callable[[Group], float], dtype: type) -> Any:
        return _joined(
            [
                np.broadcast_to(np.array([amount(group) for group in groups], dtype=dtype)[numbers], box.shape)
                for box, groups, numbers in noted
            ],
            dtype,
        )

    return KindCost(
        table=KindTable(kind, columns, rows),
        label=label(kind.value),
        work={name: column(functools.partial(_flops, name), float) for name in names},
        bytes_read=column(lambda group: group.bytes_read, int),
        bytes_written=column(lambda group: group.bytes_written, int),
        tiles_read=column(lambda group: group.tiles_read, int),
        tiles_written=column(lambda group: group.tiles_written, int),
    )


def _flops(kernel: str, group: Group) -> float:
    return group.work.get(kernel, 0.0)


def _joined(parts: list[Any], dtype: type = int) -> Any:
    return np.concatenate([*(part.reshape(-1) for part in parts), np.empty(0, dtype=dtype)])


def label(value: Argument) -> str:
    """What a task computes, in a word: its kernels from the outside in, a product of matrices being ``gemm``."""
    names = list(dict.fromkeys(_names(value)))
    return " ".join(names[:3]) if names else "copy"


def _names(value: Argument) -> Iterator[str]:
    for part in parts(value):
        match part:
            case Call(kernel=kernel):
                yield kernel
            case Arithmetic(op="@"):
                yield "gemm"
