"""Which task waits for which, as arrays: chains of tasks, and when each could run with workers enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numpywren.planner.tasks import KindTable, Uses
from numpywren.planner.vector import Integers
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Graph", "Schedule", "build_graph"]


@dataclass(frozen=True)
class Schedule:
    """When tasks run with as many workers as they can use.

    Attributes
    ----------
    start, finish : ndarray of float64
        For each task, in seconds.
    path : int
        Tasks on the longest chain of tasks.
    """

    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    path: int


@dataclass(frozen=True)
class Graph:
    """Tasks, numbered kind by kind and row by row, and the tiles that they write, numbered by their writers.

    Attributes
    ----------
    tasks : int
        How many there are.
    writer : ndarray of int64
        For each tile the task that writes it, ascending.
    elements : ndarray of int64
        For each tile how many numbers it has.
    temporary : ndarray of bool
        For each tile whether it is an intermediate, deleted when its last reader is done.
    tile, reader : ndarray of int64
        For each tile and each task that reads it: the tile, ascending, and the task. A task that reads a tile at
        several places of the text comes as often.
    first : ndarray of int64, shape (tasks + 1,)
        Where the readers of each task's tiles begin.
    """

    tasks: int
    writer: Integers
    elements: Integers
    temporary: NDArray[np.bool_]
    tile: Integers
    reader: Integers
    first: Integers

    def steps(self) -> Iterator[tuple[Integers, Integers, Integers]]:
        """Tasks in steps, each after all that it waits for: the tasks, and for each of their readers both ends."""
        waiting = np.bincount(self.reader, minlength=self.tasks)
        ready = np.flatnonzero(waiting == 0)
        while len(ready):
            edges = _ranges(self.first[ready], self.first[ready + 1])
            readers = self.reader[edges]
            yield ready, self.writer[self.tile[edges]], readers
            np.subtract.at(waiting, readers, 1)
            candidates = np.unique(readers)
            ready = candidates[waiting[candidates] == 0]

    def schedule(self, seconds: NDArray[np.float64]) -> Schedule:
        """When each task runs if it begins as soon as it can.

        Parameters
        ----------
        seconds : ndarray of float64, shape (tasks,)
            How long each takes.
        """
        start = np.zeros(self.tasks)
        chain = np.zeros(self.tasks, dtype=np.int64)
        for ready, writers, readers in self.steps():
            chain[ready] += 1
            np.maximum.at(start, readers, start[writers] + seconds[writers])
            np.maximum.at(chain, readers, chain[writers])
        return Schedule(start, start + seconds, int(chain.max(initial=0)))

    def deaths(self, schedule: Schedule) -> NDArray[np.float64]:
        """For each tile when its last reader is done; its own birth if nobody reads it."""
        last = schedule.finish[self.writer]
        np.maximum.at(last, self.tile, schedule.finish[self.reader])
        return last


def build_graph(workload: Workload, tables: Sequence[KindTable], shapes: Shapes) -> Graph:
    """Find for each tile that a task reads, but for inputs, the task that writes it."""
    roles = {matrix.name: matrix.role for matrix in workload.dataflow.program.matrices}
    offsets = np.cumsum([0, *(table.rows for table in tables)])
    written = [(uses, int(offset)) for table, offset in zip(tables, offsets, strict=False) for uses in table.writes]
    writer = _joined([uses.rows + offset for uses, offset in written])
    elements = _joined([shapes.classes(uses)[1] for uses, _ in written])
    temporary = np.repeat([roles[uses.matrix] == "temporary" for uses, _ in written], [len(u.rows) for u, _ in written])
    order = np.argsort(writer, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    finders = _finders(written, number)
    tiles, readers = [], []
    for table, offset in zip(tables, offsets, strict=False):
        for uses in table.reads:
            if roles[uses.matrix] != "input" and len(uses.rows):
                tiles.append(finders[uses.matrix].find(uses.index))
                readers.append(uses.rows + offset)
    tile, reader = _joined(tiles), _joined(readers)
    by_tile = np.argsort(tile, kind="stable")
    tile, reader, writer = tile[by_tile], reader[by_tile], writer[order]
    tasks = int(offsets[-1])
    first = np.searchsorted(writer[tile], np.arange(tasks + 1))
    return Graph(tasks, writer, elements[order], temporary[order].astype(bool), tile, reader, first)


class _Finder:
    """Finds tiles of one matrix among those that are written."""

    def __init__(self, index: Integers, numbers: Integers) -> None:
        self._low = index.min(axis=0, initial=2**53)
        self._width = np.maximum(index.max(axis=0, initial=-(2**53)) - self._low + 1, 1)
        keys = self._keys(index)
        order = np.argsort(keys, kind="stable")
        self._sorted, self._numbers = keys[order], numbers[order]

    def _keys(self, index: Integers) -> Integers:
        key = np.zeros(len(index), dtype=np.int64)
        for column, low, width in zip(index.T, self._low, self._width, strict=True):
            key = key * width + (column - low)
        return key

    def find(self, index: Integers) -> Integers:
        """Numbers of these tiles, each of which is written."""
        return self._numbers[np.searchsorted(self._sorted, self._keys(index))]


def _finders(written: Sequence[tuple[Uses, int]], number: Integers) -> dict[str, _Finder]:
    found: dict[str, list[tuple[Integers, Integers]]] = {}
    begin = 0
    for uses, _ in written:
        end = begin + len(uses.rows)
        found.setdefault(uses.matrix, []).append((uses.index, number[begin:end]))
        begin = end
    return {
        matrix: _Finder(np.concatenate([index for index, _ in parts]), np.concatenate([each for _, each in parts]))
        for matrix, parts in found.items()
    }


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _ranges(begin: Integers, end: Integers) -> Integers:
    """All numbers of several ranges, one after the other."""
    length = end - begin
    before = np.cumsum(length) - length
    return np.repeat(begin - before, length) + np.arange(int(length.sum()))
