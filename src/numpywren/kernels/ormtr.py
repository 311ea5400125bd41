"""Block reflectors of `he2hb` applied to a strip of columns, and strips cut into tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.block_reflector import apply_block
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["cut_rows", "ormtr"]


def _counts(listed: int, panels: int, tiles: int, ratio: int, top: int) -> list[int]:
    """Tiles of V that each panel has, from panel `top` down."""
    counts = [tiles - (top - position + 1) // ratio for position in range(panels)]
    if sum(counts) != listed:
        raise ValueError(
            f"ormtr got {listed} tiles of reflectors and {panels} factors from panel {top} down; it wants "
            f"{sum(counts)} tiles, {tiles} tile rows less those above each panel"
        )
    return counts


def _shape(z: Shape, vs: tuple[Shape, ...], ts: tuple[Shape, ...], *, tiles: int, ratio: int, top: int) -> Shape:
    """Shape of the strip."""
    _counts(len(vs), len(ts), tiles, ratio, top)
    return z


def _flops(z: Shape, vs: tuple[Shape, ...], ts: tuple[Shape, ...], *, tiles: int, ratio: int, top: int) -> float:
    """4 w an element of V."""
    return sum(4.0 * rows * width * z[1] for rows, width in vs)


@kernel(shape=_shape, flops=_flops)
def ormtr(z: NDArray, vs: Sequence[NDArray], ts: Sequence[NDArray], *, tiles: int, ratio: int, top: int) -> NDArray:
    """Multiply a strip of columns from the left by block reflectors of `he2hb`: Z ← (I - V T Vᴴ) Z, panel by panel.

    Parameters
    ----------
    z : ndarray, shape (n, w)
    vs : list of ndarray, each of shape (rows, band)
        V of the panels `top`, `top` - 1, … in this order, which is that in which they are applied; of each the tiles
        of rows from that on in which it begins to the last.
    ts : list of ndarray, each of shape (band, band)
        T of the same panels.
    tiles : int
        Number of tile rows of the reduced matrix.
    ratio : int
        Panels in a tile column.
    top : int
        Number of the first panel given.

    Returns
    -------
    ndarray, shape (n, w)
        A fresh column-major tile.

    Notes
    -----
    4 w flops an element of V, all of it gemm.

    References
    ----------
    LAPACK: ``ormtr``, ``larfb``.
    """
    result = column_copy(z, common_dtype(z, *vs, *ts))
    counts = _counts(len(vs), len(ts), tiles, ratio, top)
    at = 0
    for panel, count, t in zip(range(top, -1, -1), counts, ts, strict=False):
        # the panel begins inside its first tile
        apply_block(result, vs[at : at + count], t, (panel + 1) % ratio * len(t))
        at += count
    return result


def _cut_shape(a: Shape, *, length: int) -> tuple[Shape, ...]:
    return tuple((min(length, a[0] - top), *a[1:]) for top in range(0, a[0], length))


@kernel(results="any", shape=_cut_shape)
def cut_rows(a: NDArray, *, length: int) -> tuple[NDArray, ...]:
    """Cut an array into pieces of `length` rows each; the last may have fewer."""
    return tuple(np.array(a[top : top + length], order="F") for top in range(0, a.shape[0], length))
