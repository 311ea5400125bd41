"""The tasks of a run as tables: a row for each, with its loop variables, and the tiles that it reads and writes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numpywren.lambdapack import Dataflow, Task, Tile
from numpywren.lambdapack.ir import Access, Clause, Kind
from numpywren.lambdapack.lower import occurrences
from numpywren.planner.vector import Columns, Integers, expand, values

__all__ = ["KindTable", "Uses", "kind_tables"]


@dataclass(frozen=True, slots=True)
class Uses:
    """Tiles of one matrix that tasks of one kind read, or write, at one place of the program's text.

    Attributes
    ----------
    matrix : str
        Which matrix.
    rows : ndarray of int64
        Row of the task, ascending.
    index : ndarray of int64, shape (uses, dimensions)
        Which tile.
    """

    matrix: str
    rows: Integers
    index: Integers

    def tile(self, use: int) -> Tile:
        """One of the tiles, by its number."""
        return Tile(self.matrix, tuple(int(place) for place in self.index[use]))


class KindTable:
    """All tasks of one kind, or a part of them.

    Parameters
    ----------
    kind : Kind
    columns : mapping of str to int or ndarray of int64
        Sizes, and loop variables.
    rows : int
        Number of tasks.
    """

    def __init__(self, kind: Kind, columns: Columns, rows: int) -> None:
        self.kind, self.columns, self.rows = kind, columns, rows

    def task(self, row: int) -> Task:
        """One of the tasks, by its number."""
        names = [loop.variable for loop in self.kind.loops]
        return Task(self.kind.number, tuple(int(np.asarray(self.columns[name])[row]) for name in names))

    @functools.cached_property
    def reads(self) -> tuple[Uses, ...]:
        """Every place at which tiles are read, in the order of the text; one tile may be read at several."""
        return tuple(self._uses(access, clauses) for access, clauses in occurrences(self.kind.value))

    @functools.cached_property
    def writes(self) -> tuple[Uses, ...]:
        """Every target."""
        return tuple(self._uses(target.access, target.clauses) for target in self.kind.targets)

    def _uses(self, access: Access, clauses: tuple[Clause, ...]) -> Uses:
        columns, parents = expand(clauses, self.columns, self.rows)
        places = [np.broadcast_to(np.asarray(values(index, columns)), parents.shape) for index in access.index]
        index = np.stack(places, axis=1) if places else np.empty((len(parents), 0), dtype=np.int64)
        return Uses(access.matrix, parents, index.astype(np.int64, copy=False))

    def parts(self, most: int) -> Iterator[KindTable]:
        """The same tasks in tables of at most `most` rows."""
        if self.rows <= most:
            yield self
            return
        for begin in range(0, self.rows, most):
            end = min(begin + most, self.rows)
            part = {
                name: column[begin:end] if isinstance(column, np.ndarray) else column
                for name, column in self.columns.items()
            }
            yield KindTable(self.kind, part, end - begin)


def kind_tables(dataflow: Dataflow) -> tuple[KindTable, ...]:
    """A table for each kind of task, in the order of the program's text; rows are in program order."""
    tables = []
    for kind in dataflow.program.kinds:
        columns, parents = expand(kind.path, dict(dataflow.sizes), 1)
        tables.append(KindTable(kind, columns, len(parents)))
    return tuple(tables)
