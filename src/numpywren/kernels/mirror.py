"""The other triangle of a symmetric or Hermitian tile."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels.capsule import NDArray
from numpywren.kernels.layout import Shape, check_choice, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["mirror"]

#: Order of the blocks in which a tile is transposed: two of them fit a processor's nearest cache.
_BLOCK = 64


def _shape(a: Shape, *, trans: str = "C") -> Shape:
    check_choice("trans", trans, "TC")
    if len(a) != 2 or a[0] != a[1]:
        raise ValueError(f"mirror got a tile of shape {a}; it wants a square matrix")
    return a


@kernel(shape=_shape, flops=lambda a, *, trans="C": float(math.prod(a)))
def mirror(a: NDArray, *, trans: str = "C") -> NDArray:
    """The whole of a symmetric or Hermitian tile, from its lower triangle.

    Parameters
    ----------
    a : ndarray, shape (n, n)
        What is above the diagonal is not read; for ``trans="C"`` the diagonal is taken for real.
    trans : {"T", "C"}
        Whether the tile equals its transpose, or its conjugate transpose.

    Returns
    -------
    ndarray, shape (n, n)
        A fresh column-major tile.
    """
    n, _ = _shape(a.shape, trans=trans)
    result = column_copy(a, a.dtype)
    conjugate = trans == "C" and a.dtype.kind == "c"
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        below = result[start:stop, :start]
        result[:start, start:stop] = below.conj().T if conjugate else below.T
        block = result[start:stop, start:stop]
        lower = np.tril(block, -1)
        diagonal = block.diagonal().real.copy() if conjugate else block.diagonal().copy()
        block[...] = lower + (lower.conj().T if conjugate else lower.T)
        np.einsum("ii->i", block)[...] = diagonal
    return result
