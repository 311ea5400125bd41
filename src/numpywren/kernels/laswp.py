"""Rows on their way between the tiles of a column."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.pivots import rows_of
from numpywren.lambdapack.kernel import kernel

__all__ = ["gather", "put", "row_numbers", "take"]

#: Elements that are moved at a time: as many as stay in a near cache while rows of column-major tiles are picked.
_BLOCK = 8192


def _blocks(columns: int, rows: int) -> Iterator[slice]:
    """Columns that are moved at a time."""
    step = max(1, _BLOCK // max(1, rows))
    return (slice(start, start + step) for start in range(0, columns if rows else 0, step))


def _move(target: NDArray, to: NDArray, source: NDArray, rows: NDArray) -> None:
    """Copy rows of one column-major matrix to another, faster than ``target[to] = source[rows]`` by up to three."""
    for columns in _blocks(target.shape[1], to.size):
        target.T[columns, to] = source.T[columns].take(rows, axis=1)


def _add(target: NDArray, to: NDArray, sign: complex, source: NDArray, rows: NDArray) -> None:
    """The same, added; no row of the target is named twice."""
    for columns in _blocks(target.shape[1], to.size):
        picked = source.T[columns].take(rows, axis=1)
        target.T[columns, to] += picked if sign == 1 else sign * picked


def _zeros(rows: int, columns: int, dtype: np.dtype[Any]) -> NDArray:
    result = fresh((rows, columns), dtype)
    result.fill(0)
    return result


def _check_pivots(name: str, pivots: Shape) -> None:
    if len(pivots) != 2 or pivots[1] != 2:
        raise ValueError(f"{name} got pivots of shape {pivots}; they have two columns, as getrf gives them")


def _take_shape(a: Shape, pivots: Shape, *, tile: int) -> Shape:
    _check_pivots("take", pivots)
    return (pivots[0], a[1])


def _take_into(acc: NDArray, sign: complex, a: NDArray, pivots: NDArray, *, tile: int) -> None:
    """Do ``acc += sign * take(a, pivots, tile=tile)``; touches the rows taken only."""
    to, rows = rows_of(pivots[:, 0], tile)
    _add(acc, to, sign, a, rows)


@kernel(shape=_take_shape, accumulate=_take_into)
def take(a: NDArray, pivots: NDArray, *, tile: int) -> NDArray:
    """The rows that come from one tile into the first tile of its column; zeros where others go.

    The sum over all tiles of a column, each with its number, is the first tile after the exchanges.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Tile number `tile` of the column, counted from the one on the diagonal.
    pivots : ndarray of int64, shape (m0, 2)
        Of the panel.
    tile : int

    Returns
    -------
    ndarray, shape (m0, n)
    """
    _check_pivots("take", pivots.shape)
    result = _zeros(len(pivots), a.shape[1], a.dtype)
    to, rows = rows_of(pivots[:, 0], tile)
    _move(result, to, a, rows)
    return result


def _put_shape(a: Shape, top: Shape, pivots: Shape, *, tile: int) -> Shape:
    return a  # sizes of tiles count as full where memory is planned, and do not always fit there


def _check_put(a: Shape, top: Shape, pivots: Shape) -> None:
    _check_pivots("put", pivots)
    if len(a) != 2 or len(top) != 2 or a[1] != top[1] or top[0] != pivots[0]:
        raise ValueError(f"put got tiles of shapes {a} and {top} with {pivots[0]} pivots; they do not fit")


@kernel(shape=_put_shape)
def put(a: NDArray, top: NDArray, pivots: NDArray, *, tile: int) -> NDArray:
    """A tile after the exchanges: where rows were taken from it, those displaced from the first tile stand.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Tile number `tile` of a column, counted from the one on the diagonal.
    top : ndarray, shape (m0, n)
        The column's first tile, before the exchanges.
    pivots : ndarray of int64, shape (m0, 2)
        Of the panel.
    tile : int

    Returns
    -------
    ndarray, shape (m, n)
    """
    _check_put(a.shape, top.shape, pivots.shape)
    result = column_copy(a, a.dtype)
    rows, to = rows_of(pivots[:, 1], tile)
    _move(result, to, top, rows)
    return result


def _gather_shape(a: Shape, have: Shape, want: Shape) -> Shape:
    return (math.prod(want), a[1])


def _matches(have: NDArray, want: NDArray) -> tuple[NDArray, NDArray]:
    """Positions in `want` of numbers that are in `have` too, and where they are there."""
    numbers, wanted = have.reshape(-1), want.reshape(-1)
    if not numbers.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.argsort(numbers)
    at = order[np.searchsorted(numbers, wanted, sorter=order).clip(max=numbers.size - 1)]
    to = np.flatnonzero(numbers[at] == wanted)
    return to, at[to]


def _gather_into(acc: NDArray, sign: complex, a: NDArray, have: NDArray, want: NDArray) -> None:
    """Do ``acc += sign * gather(a, have, want)``; touches the rows found only."""
    to, rows = _matches(have, want)
    _add(acc, to, sign, a, rows)


@kernel(shape=_gather_shape, accumulate=_gather_into)
def gather(a: NDArray, have: NDArray, want: NDArray) -> NDArray:
    """The rows of a tile that are wanted, by their numbers, in the order wanted; zeros for those that it has not.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    have : ndarray of int64, shape (m, 1)
        Numbers of its rows, all different.
    want : ndarray of int64, shape (p, 1) or (p,)
        Numbers of the rows of the result.

    Returns
    -------
    ndarray, shape (p, n)
    """
    if a.ndim != 2 or have.size != len(a):
        raise ValueError(
            f"gather got a tile of shape {a.shape} and row numbers of shape {have.shape}; wanted one for each row"
        )
    result = _zeros(want.size, a.shape[1], a.dtype)
    to, rows = _matches(have, want)
    _move(result, to, a, rows)
    return result


@kernel(shape=lambda *, start, stop: (max(0, stop - start), 1))
def row_numbers(*, start: int, stop: int) -> NDArray:
    """The integers from `start` to `stop`, exclusive, as a column."""
    return np.arange(start, max(start, stop), dtype=np.int64)[:, None]
