"""Row exchanges of one panel, as data.

A position in a panel of tiles is one integer, its *place*: the number of the tile, counted from the panel's first, in
the upper 32 bits, and the row inside it in the lower ones. So nobody has to know how tall the other tiles are.

A panel's pivots are an int64 tile of two columns and as many rows as the panel's first tile. In row t stand the place
from which row t of the first tile comes, and the place to which the row goes that was there. The exchanges
of LAPACK, one after another, follow from the first column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray

__all__ = ["exchanges", "pivot_table", "places", "rows_of", "tiles_and_rows"]

_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1


def places(tile: int, rows: int) -> NDArray:
    """Places of the first rows of a tile."""
    return (tile << _ROW_BITS) + np.arange(rows, dtype=np.int64)


def rows_of(column: NDArray, tile: int) -> tuple[NDArray, NDArray]:
    """Where in a column of places a tile is named, and which of its rows."""
    named = np.flatnonzero((column >> _ROW_BITS) == tile)
    return named, column[named] & _ROW_MASK


def tiles_and_rows(column: NDArray) -> tuple[NDArray, NDArray]:
    """Tiles and rows of places."""
    return column >> _ROW_BITS, column & _ROW_MASK


def pivot_table(swaps: Iterable[int], rows: int) -> NDArray:
    """The pivots of a panel, from LAPACK's exchanges.

    Parameters
    ----------
    swaps : iterable of int
        The place with which row t of the first tile was exchanged, for t = 0, 1, …
    rows : int
        Height of the first tile.

    Returns
    -------
    ndarray of int64, shape (rows, 2)
    """
    held: dict[int, int] = {}  # what is now at a place, where that is not what was there first
    for t, place in enumerate(swaps):
        if place != t:
            held[t], held[place] = held.get(place, place), held.get(t, t)
    table = np.empty((rows, 2), np.int64, order="F")
    table[:] = np.arange(rows)[:, None]
    for place, row in held.items():
        if place < rows:
            table[place, 0] = row
        if row < rows:
            table[row, 1] = place
    return table


def exchanges(order: Sequence[int]) -> list[int]:
    """The exchanges that bring rows to the top in this order: LAPACK's pivots, as places.

    Parameters
    ----------
    order : sequence of int
        Places from which rows 0, 1, … come.
    """
    held: dict[int, int] = {}
    where: dict[int, int] = {}
    swaps = []
    for t, row in enumerate(order):
        place = where.get(row, row)
        swaps.append(place)
        if place != t:
            other = held.get(t, t)
            held[place], where[other] = other, place
            held[t], where[row] = row, t
    return swaps
