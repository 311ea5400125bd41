"""Counting a run: tasks, flops and bytes of each kind of task, exact, and without looking at each task by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack.ir import Argument, Arithmetic, Call
from numpywren.lambdapack.lower import parts
from numpywren.planner.cost import cost, varying_options
from numpywren.planner.machine import Machine
from numpywren.planner.tasks import KindTable, Uses, kind_tables
from numpywren.planner.vector import Integers, values
from numpywren.planner.workload import Shapes, Workload

__all__ = ["KindCost", "census"]

#: Tiles read that are looked at together: some hundred megabytes.
TOGETHER = 4_000_000


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
    return tuple(_counted(table, workload, shapes) for table in kind_tables(workload.dataflow))


def _counted(table: KindTable, workload: Workload, shapes: Shapes) -> KindCost:
    works, tallies = [], []
    for part in table.parts(_rows_together(table)):
        work, tally = _counted_part(part, workload, shapes)
        works.append(work)
        tallies.append(tally)
    columns = [np.concatenate(column) for column in zip(*tallies, strict=True)]
    work = {name: np.concatenate([each[name] for each in works]) for name in works[0]}
    return KindCost(table, label(table.kind.value), work, *columns)


def _rows_together(table: KindTable) -> int:
    """Rows to be looked at together, from how much the last ones read: loops grow, most often."""
    if table.rows < 1000:
        return max(table.rows, 1)
    *_, sample = table.parts(table.rows // 100)
    reads = sum(len(uses.rows) for uses in sample.reads)
    return max(1000, TOGETHER * sample.rows // max(reads, 1))


def _counted_part(
    part: KindTable, workload: Workload, shapes: Shapes
) -> tuple[dict[str, NDArray[np.float64]], tuple[Integers, ...]]:
    features: list[Integers] = []
    read = _tally(part.reads, part.rows, shapes, features)
    written = _tally(part.writes, part.rows, shapes, features)
    features += _option_columns(part, workload)
    first, inverse = _groups(features, part.rows)
    factor = 4.0 if workload.record.dtype.kind == "c" else 1.0
    kernels = (kernel.name for kernel in workload.dataflow.program.kernels.values())
    costs = {name: np.zeros(len(first)) for name in (*kernels, "gemm", "axpy")}
    for group, row in enumerate(first):
        task = part.task(int(row))
        node = workload.dataflow.expression(task, workload.record.scalars)
        target = shapes.target(workload.dataflow.writes(task)[0])
        for name, flops in cost(node, shapes.of, target)[0].items():
            costs[name][group] = factor * flops
    itemsize = workload.itemsize
    work = {name: each[inverse] for name, each in costs.items()}
    return work, (itemsize * read[0], itemsize * written[0], read[1], written[1])


def _tally(places: tuple[Uses, ...], rows: int, shapes: Shapes, features: list[Integers]) -> tuple[Integers, Integers]:
    """Elements and number of the distinct tiles of each row; what tells rows apart goes to `features`."""
    elements, tiles = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    seen: dict[str, list[tuple[Uses, Integers]]] = {}
    for uses in places:
        classes, sizes = shapes.classes(uses)
        count = int(classes.max()) + 1 if len(classes) else 0
        features += [np.bincount(uses.rows[classes == number], minlength=rows) for number in range(count)]
        seen.setdefault(uses.matrix, []).append((uses, sizes))
    for found in seen.values():
        parents = np.concatenate([uses.rows for uses, _ in found])
        sizes = np.concatenate([each for _, each in found])
        if len(found) > 1 or not _ascending(parents):
            kept = _distinct(parents, np.concatenate([uses.index for uses, _ in found]))
            parents, sizes = parents[kept], sizes[kept]
        elements += np.bincount(parents, weights=sizes, minlength=rows).astype(np.int64)
        tiles += np.bincount(parents, minlength=rows)
    return elements, tiles


def _ascending(parents: Integers) -> bool:
    """Whether each row has one tile at most."""
    return bool((np.diff(parents) > 0).all())


def _distinct(parents: Integers, index: Integers) -> Integers:
    """Positions of the first use of each tile in each row."""
    if not len(parents):
        return parents
    key = parents
    for column in index.T:
        low = column.min()
        key = key * (int(column.max() - low) + 1) + (column - low)
    return np.unique(key, return_index=True)[1]


def _option_columns(part: KindTable, workload: Workload) -> list[Integers]:
    """Values of those options of kernels that change from task to task, and what it costs with them."""
    found = []
    for index in varying_options(part.kind, workload.dataflow.program.kernels):
        try:
            column = np.asarray(values(index, part.columns))
        except KeyError:  # it depends on a loop inside the expression, which the counts of tiles tell apart
            continue
        if column.ndim:
            found.append(column)
    return found


def _groups(features: list[Integers], rows: int) -> tuple[Integers, Integers]:
    """Rows that are alike in all features: the first row of each group, and the group of each row."""
    key, span = np.zeros(rows, dtype=np.int64), 1
    for column in features:
        low, high = (int(column.min()), int(column.max())) if rows else (0, 0)
        if low == high:
            continue
        width = high - low + 1
        if span * width > 2**62:
            unique, key = np.unique(key, return_inverse=True)
            span = len(unique)
        key, span = key * width + (column - low), span * width
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse


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
