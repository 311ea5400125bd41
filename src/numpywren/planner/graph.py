"""Which task waits for which, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numpywren.planner.tasks import KindTable, Uses
from numpywren.planner.vector import Integers
from numpywren.planner.workload import Workload

__all__ = ["Graph", "build_graph"]


@dataclass(frozen=True)
class Graph:
    """Tasks, numbered kind by kind and row by row, and the tiles that they write, numbered by their writers.

    Attributes
    ----------
    tasks : int
        How many there are.
    writer : ndarray of int64
        For each tile the task that writes it, ascending.
    tile, reader : ndarray of int64
        For each tile and each task that reads it: the tile, ascending, and the task. A task that reads a tile at
        several places of the text comes as often.
    """

    tasks: int
    writer: Integers
    tile: Integers
    reader: Integers


def build_graph(workload: Workload, tables: Sequence[KindTable]) -> Graph:
    """Find for each tile that a task reads, but for inputs, the task that writes it."""
    roles = {matrix.name: matrix.role for matrix in workload.dataflow.program.matrices}
    offsets = np.cumsum([0, *(table.rows for table in tables)])
    written = [(uses, int(offset)) for table, offset in zip(tables, offsets, strict=False) for uses in table.writes]
    writer = _joined([uses.rows + offset for uses, offset in written])
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
    return Graph(int(offsets[-1]), writer[order], tile[by_tile], reader[by_tile])


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
