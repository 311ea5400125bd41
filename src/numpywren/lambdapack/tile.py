"""Names of tiles and tasks: small tuples inside a process, short strings between processes."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Task", "Tile"]


def integers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


class Tile(NamedTuple):
    """One tile of one matrix of a program.

    Attributes
    ----------
    matrix : str
        Name of the matrix in the program.
    index : tuple of int
        Position in its grid.
    """

    matrix: str
    index: tuple[int, ...]  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a tile

    def __str__(self) -> str:
        return f"{self.matrix}[{', '.join(map(str, self.index))}]"

    @property
    def id(self) -> str:
        """Short text, ``"L:4,2"``."""
        return f"{self.matrix}:{','.join(map(str, self.index))}"

    @staticmethod
    def parse(text: str) -> Tile:
        """Tile with this id.

        Raises
        ------
        ValueError
            If `text` is no id of a tile.
        """
        matrix, colon, index = text.partition(":")
        if not colon:
            raise ValueError(f"{text!r} is no tile; a tile is written like 'L:4,2'")
        return Tile(matrix, integers(index))


class Task(NamedTuple):
    """One assignment of a program with its loop variables bound.

    Attributes
    ----------
    kind : int
        Index of the assignment in ``program.kinds``.
    values : tuple of int
        Values of its loop variables, outermost first.
    """

    kind: int
    values: tuple[int, ...]

    @property
    def id(self) -> str:
        """Short text, ``"3:0,4,2"``."""
        return f"{self.kind}:{','.join(map(str, self.values))}"

    @staticmethod
    def parse(text: str) -> Task:
        """Task with this id.

        Raises
        ------
        ValueError
            If `text` is no id of a task.
        """
        kind, colon, values = text.partition(":")
        if not colon:
            raise ValueError(f"{text!r} is no task; a task is written like '3:0,4,2'")
        return Task(int(kind), integers(values))
