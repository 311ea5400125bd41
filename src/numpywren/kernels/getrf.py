"""LU factorization of a panel of tiles with partial pivoting."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from numpywren.kernels import lapack_lu
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.pivots import pivot_table, places
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack.kernel import kernel

__all__ = ["check_panel", "factored", "gessm", "getrf", "getrf_flops", "stacked"]


def check_panel(name: str, tiles: Sequence[Shape]) -> int:
    """How many columns a panel has.

    Raises
    ------
    ValueError
        If there are no tiles, or their widths differ.
    """
    if not tiles or any(len(shape) != 2 for shape in tiles) or len({shape[1] for shape in tiles}) != 1:
        raise ValueError(
            f"{name} got tiles of shapes {tuple(tiles)}; it wants matrices of one width, one below another"
        )
    return tiles[0][1]


def stacked(tiles: Sequence[NDArray], dtype: np.dtype[Any]) -> NDArray:
    """Tiles one below another in one fresh column-major array."""
    joined = fresh((sum(len(tile) for tile in tiles), tiles[0].shape[1]), dtype)
    start = 0
    for tile in tiles:
        np.copyto(joined[start : start + len(tile)], tile)
        start += len(tile)
    return joined


def factored(a: NDArray) -> NDArray:
    """A ← its packed factors, in place; the row with which each row was exchanged."""
    m, n = a.shape
    return lapack_lu.getrf(LETTERS[a.dtype], m, n, address(a), max(1, m))


def _shape(tiles: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Shapes of the factored tiles and of the pivots."""
    check_panel("getrf", tiles)
    return (*tiles, (tiles[0][0], 2))


def getrf_flops(m: float, n: float) -> float:
    """Flops of LU factorization of an m×n matrix, m ≥ n or not."""
    k = min(m, n)
    return 2 * (m * n * k - (m + n) * k**2 / 2 + k**3 / 3)


@kernel(
    results="any",
    shape=_shape,
    flops=lambda tiles: getrf_flops(sum(shape[0] for shape in tiles), tiles[0][1]),
)
def getrf(tiles: Sequence[NDArray]) -> tuple[NDArray, ...]:
    """Factor a panel: P A = L U, with pivots from all its rows.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m0, n), (m1, n), …
        The panel, from the diagonal tile down.

    Returns
    -------
    tuple of ndarray
        The tiles, overwritten with L below the diagonal (its ones are not stored) and U; last the pivots, int64 of
        shape (m0, 2): see `numpywren.kernels.pivots`.

    Notes
    -----
    m n² - n³/3 flops for m rows in all. A zero pivot is no error: U has a zero there.
    """
    check_panel("getrf", [tile.shape for tile in tiles])
    heights = [len(tile) for tile in tiles]
    panel = stacked(tiles, common_dtype(*tiles))
    place = np.concatenate([places(number, height) for number, height in enumerate(heights)])
    swaps = place[factored(panel)].tolist()
    ends = list(itertools.accumulate(heights))
    parts = (
        (panel,)
        if len(tiles) == 1
        else tuple(
            column_copy(panel[end - height : end], panel.dtype) for end, height in zip(ends, heights, strict=True)
        )
    )
    return (*parts, pivot_table(swaps, heights[0]))


def _forward_shape(b: Shape, lu: Shape) -> Shape:
    if len(b) != 2 or len(lu) != 2 or b[0] != lu[0] or lu[0] > lu[1]:
        raise ValueError(f"gessm got rows of shape {b} and factors of shape {lu}; it wants as many rows in both")
    return b


@kernel(shape=_forward_shape, flops=lambda b, lu: float(math.prod(b)) * lu[0])
def gessm(b: NDArray, lu: NDArray) -> NDArray:
    """Apply the lower factor of a factored diagonal tile: L⁻¹ B.

    Parameters
    ----------
    b : ndarray, shape (m, r)
        Rows that were exchanged already.
    lu : ndarray, shape (m, n), n ≥ m
        Packed factors, as `getrf` gives them.

    Returns
    -------
    ndarray, shape (m, r)

    Notes
    -----
    m² r flops.
    """
    _forward_shape(b.shape, lu.shape)
    return cast("NDArray", trsm(b, lu[:, : len(lu)], side="L", uplo="L", unit=1))
