"""The words of a program, declared so that editors, linters and type checkers know them.

A program is read and never run as Python, so none of these does anything: an annotation says what a parameter is, and
calling the others outside a program is an error that says so.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

__all__ = ["Input", "Output", "Scalar", "Size", "log2", "stages", "temporary"]

Size: TypeAlias = int
"""Annotation of an integer parameter: a number of tiles, or any other natural number."""

Scalar: TypeAlias = complex
"""Annotation of a number given when the program is run: a factor, or an option of a kernel."""


def only_read(word: str) -> NoReturn:
    raise TypeError(f"{word} is a word of LAmbdaPACK: it means something only inside a function under @program")


class Tiles:
    """What an expression over tiles looks like to a type checker."""

    T: Tiles
    H: Tiles

    def __getitem__(self, index: Any) -> Tiles:
        only_read("indexing a matrix")

    def __setitem__(self, index: Any, value: Any) -> None:
        only_read("assigning a tile")

    def __add__(self, other: Tiles | int) -> Tiles:
        only_read("+")

    def __radd__(self, other: Tiles | int) -> Tiles:
        only_read("+")

    def __sub__(self, other: Tiles | int) -> Tiles:
        only_read("-")

    def __rsub__(self, other: Tiles | int) -> Tiles:
        only_read("-")

    def __matmul__(self, other: Tiles | int) -> Tiles:
        only_read("@")

    def __mul__(self, other: complex) -> Tiles:
        only_read("*")

    def __rmul__(self, other: complex) -> Tiles:
        only_read("*")

    def __neg__(self) -> Tiles:
        only_read("-")


class Input(Tiles):
    """Annotation of a matrix that a program reads."""


class Output(Tiles):
    """Annotation of a matrix that a program writes."""


def stages(matrix: Tiles) -> Tiles:
    """A matrix in stages: ``S = stages(A)`` makes ``S[0, i, j]`` the tile ``A[i, j]``, later stages intermediates.

    Parameters
    ----------
    matrix : Input, Output or temporary
        Stage 0.

    Returns
    -------
    Tiles
        A matrix with the grid of `matrix` behind one free index.
    """
    only_read("stages")


def temporary(grid: str) -> Tiles:
    """Intermediate tiles on a grid of their own: ``T = temporary("* n r")``.

    Parameters
    ----------
    grid : str
        For each index a size, ``*`` for any natural number, or ``+`` for any from 1 (at most one).

    Returns
    -------
    Tiles
        The matrix.
    """
    only_read("temporary")


def log2(number: int) -> int:
    """Levels of a binary tree over `number` leaves: the least k with ``2**k >= number``, and 0 for 0 and 1."""
    only_read("log2")
