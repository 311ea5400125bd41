"""Block reflectors of `he2hb` applied to a strip of columns, and strips cut into tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
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
    _apply_panels(result, vs, ts, tiles, ratio, top)
    return result


def _apply_panels(z: NDArray, vs: Sequence[NDArray], ts: Sequence[NDArray], tiles: int, ratio: int, top: int) -> None:
    """Z ← (I - V T Vᴴ) Z for one panel after another, from `top` down."""
    counts = _counts(len(vs), len(ts), tiles, ratio, top)
    at = 0
    for panel, count, t in zip(range(top, -1, -1), counts, ts, strict=False):
        v = [np.asfortranarray(tile, z.dtype) for tile in vs[at : at + count]]
        at += count
        if z.shape[1]:
            # the panel begins inside its first tile
            _apply(z, v, (panel + 1) % ratio * len(t), np.asfortranarray(t, z.dtype))


def _apply(z: NDArray, v: Sequence[NDArray], zeros: int, t: NDArray) -> None:
    """Z ← (I - V T Vᴴ) Z, with V as the last rows, of which the first are zeros."""
    letter, item, (n, w), k = LETTERS[z.dtype], z.itemsize, z.shape, len(t)
    inner, scaled = np.zeros((k, w), z.dtype, order="F"), np.empty((k, w), z.dtype, order="F")
    pieces = []
    row = n - sum(len(tile) for tile in v)
    for position, tile in enumerate(v):
        skipped = 0 if position else zeros
        m, ld = len(tile) - skipped, max(1, len(tile))
        pieces.append((m, address(tile) + skipped * item, ld, address(z) + (row + skipped) * item))
        row += len(tile)
    for m, at_v, ld, at_z in pieces:
        blas.gemm(letter, "C", "N", k, w, m, 1.0, at_v, ld, at_z, n, 1.0, address(inner), k)
    blas.gemm(letter, "N", "N", k, w, k, 1.0, address(t), k, address(inner), k, 0.0, address(scaled), k)
    for m, at_v, ld, at_z in pieces:
        blas.gemm(letter, "N", "N", m, w, k, -1.0, at_v, ld, address(scaled), k, 1.0, at_z, n)


def _cut_shape(a: Shape, *, length: int) -> tuple[Shape, ...]:
    return tuple((min(length, a[0] - top), *a[1:]) for top in range(0, a[0], length))


@kernel(results="any", shape=_cut_shape)
def cut_rows(a: NDArray, *, length: int) -> tuple[NDArray, ...]:
    """Cut an array into pieces of `length` rows each; the last may have fewer."""
    return tuple(np.array(a[top : top + length], order="F") for top in range(0, a.shape[0], length))
