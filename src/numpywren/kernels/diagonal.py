"""Diagonals of tiles: to shift, to extract, to sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.elementwise import in_precision_of
from numpywren.kernels.layout import Shape, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["add_diagonal", "diagonal", "identity", "trace"]


def _order(a: Shape) -> int:
    """Length of the main diagonal."""
    if len(a) != 2:
        raise ValueError(f"got a tile of shape {a}; kernels of the diagonal want a matrix")
    return min(a)


def _shift_flops(a: Shape, *, alpha: complex = 1.0) -> float:
    return float(_order(a))


@kernel(flops=_shift_flops)
def add_diagonal(a: NDArray, *, alpha: complex) -> NDArray:
    """Add a multiple of the identity: A + α I.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    alpha : float or complex
        Added to each element of the main diagonal.

    Returns
    -------
    ndarray, shape (m, n)
        A fresh column-major tile.

    Raises
    ------
    TypeError
        If α is complex and the tile is not.
    """
    _order(a.shape)
    result = column_copy(a, common_dtype(a))
    shift = np.asarray(in_precision_of(a, alpha), dtype=a.dtype)
    result.reshape(-1, order="F")[: result.shape[0] * _order(a.shape) : result.shape[0] + 1] += shift
    return result


def _row(tiles: NDArray | Sequence[NDArray]) -> list[NDArray]:
    return [tiles] if isinstance(tiles, np.ndarray) else list(tiles)


def _diagonal_shape(tiles: Shape | tuple[Shape, ...], *, offset: int = 0) -> Shape:
    """Shape of the piece of the diagonal that crosses these tiles."""
    shapes = tiles if tiles and isinstance(tiles[0], tuple) else (tiles,)
    row = cast("tuple[Shape, ...]", shapes)
    if len({shape[0] for shape in row if len(shape) == 2}) != 1 or any(len(shape) != 2 for shape in row):
        raise ValueError(f"got tiles of shapes {row}; diagonal wants matrices of one height, side by side")
    if offset < 0:
        raise ValueError(f"offset={offset} came; it must not be negative: take the diagonal of the transpose instead")
    return (max(0, min(row[0][0], sum(shape[1] for shape in row) - offset)), 1)


@kernel(shape=_diagonal_shape)
def diagonal(tiles: NDArray | Sequence[NDArray], *, offset: int = 0) -> NDArray:
    """Extract a diagonal of a tile, or of tiles side by side.

    Parameters
    ----------
    tiles : ndarray, shape (m, n), or list of ndarray, shapes (m, n1), (m, n2), ...
    offset : int, default 0
        Column in which the diagonal meets the first row.

    Returns
    -------
    ndarray, shape (k, 1)
        Elements (i, i + offset) as a column, as far as the tiles reach.
    """
    row = _row(tiles)
    length, _ = _diagonal_shape(tuple(tile.shape for tile in row), offset=offset)
    result = np.empty((length, 1), dtype=common_dtype(*row), order="F")
    # The tile whose first column is `start` holds the diagonal's elements from row start - offset on.
    start = 0
    for tile in row:
        first = max(0, start - offset)
        piece = tile[first:].diagonal(max(0, offset - start)) if first < len(tile) else tile[:0, 0]
        result[first : first + len(piece), 0] = piece
        start += tile.shape[1]
    return result


def _trace_shape(a: Shape) -> Shape:
    _order(a)
    return (1, 1)


@kernel(shape=_trace_shape, flops=lambda a: float(_order(a)))
def trace(a: NDArray) -> NDArray:
    """Sum of the main diagonal, as a 1×1 tile."""
    _order(a.shape)
    return np.full((1, 1), a.diagonal().sum(), dtype=common_dtype(a), order="F")


@kernel()
def identity(a: NDArray) -> NDArray:
    """Tile of the shape and dtype of `a` (whose elements are not read): ones on the diagonal and zeros elsewhere."""
    _order(a.shape)
    return np.asfortranarray(np.eye(*a.shape, dtype=common_dtype(a)))
