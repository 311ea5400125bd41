"""One block reflector applied to a strip of columns, its reflectors in tiles as they were stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address

__all__ = ["apply_block"]


def apply_block(z: NDArray, vs: Sequence[NDArray], t: NDArray, zeros: int = 0) -> None:
    """Z ← (I - V T Vᴴ) Z in place, for a column-major Z of which V are the last rows.

    Parameters
    ----------
    z : ndarray, shape (n, w)
    vs : sequence of ndarray, shapes (h, k)
        V from top to bottom, no more than n rows in all.
    t : ndarray, shape (k, k)
    zeros : int, default: 0
        Rows of the first tile that count as zero.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    letter, item, (n, w), k = LETTERS[z.dtype], z.itemsize, z.shape, len(t)
    if t.shape != (k, k) or any(v.shape[1:] != (k,) for v in vs) or sum(len(v) for v in vs) > n:
        raise ValueError(
            f"a block reflector of shapes {[v.shape for v in vs]} with T of shape {t.shape} got a strip of shape "
            f"{z.shape}; the columns must be those of T, and the rows no more than those of the strip"
        )
    if not (k and w):
        return
    inner, scaled = fresh((k, w), z.dtype), fresh((k, w), z.dtype)
    tiles, factor = [np.asfortranarray(v, z.dtype) for v in vs], np.asfortranarray(t, z.dtype)
    pieces, row = [], n - sum(len(tile) for tile in tiles)
    for position, tile in enumerate(tiles):
        skipped = 0 if position else zeros
        at_z = address(z) + (row + skipped) * item
        pieces.append((len(tile) - skipped, address(tile) + skipped * item, max(1, len(tile)), at_z))
        row += len(tile)
    beta = 0.0
    for m, at_v, ld, at_z in pieces:
        blas.gemm(letter, "C", "N", k, w, m, 1.0, at_v, ld, at_z, n, beta, address(inner), k)
        beta = 1.0
    blas.gemm(letter, "N", "N", k, w, k, 1.0, address(factor), k, address(inner), k, 0.0, address(scaled), k)
    for m, at_v, ld, at_z in pieces:
        blas.gemm(letter, "N", "N", m, w, k, -1.0, at_v, ld, address(scaled), k, 1.0, at_z, n)
