"""Cholesky factorization of one tile."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import blas, lapack
from numpywren.kernels.capsule import LETTERS, Address, NDArray, address, common_dtype
from numpywren.kernels.failures import LeadingMinorError
from numpywren.kernels.layout import Shape, operand
from numpywren.kernels.triangular import Triangle, halves, solve_right
from numpywren.lambdapack.kernel import kernel

__all__ = ["potrf"]

#: Order of the diagonal blocks that are left to LAPACK.
_SMALL = 256


def _shape(a: Shape) -> Shape:
    """Shape of the factor: that of the tile."""
    if len(a) != 2 or a[0] != a[1]:
        raise ValueError(f"potrf got a tile of shape {a}; it wants a square matrix")
    return a


def _flops(a: Shape) -> float:
    """n³/3 + n²/2 + n/6."""
    n = float(a[0])
    return n**3 / 3 + n**2 / 2 + n / 6


@kernel(shape=_shape, flops=_flops)
def potrf(a: NDArray) -> NDArray:
    """Factor a Hermitian positive definite tile: A = L Lᴴ.

    Parameters
    ----------
    a : ndarray, shape (n, n)
        Only the lower triangle is read; the diagonal is taken for real.

    Returns
    -------
    ndarray, shape (n, n)
        L, with a positive diagonal and zeros above it: a fresh column-major tile.

    Raises
    ------
    LeadingMinorError
        If a leading minor is not positive, or not a number.

    Notes
    -----
    n³/3 + n²/2 + n/6 flops.
    """
    _shape(a.shape)
    dtype = common_dtype(a)
    n = a.shape[0]
    factor = _lower_copy(a, dtype)
    info = _factor(LETTERS[dtype], dtype.itemsize, n, address(factor), max(1, n)) if n else 0
    # OpenBLAS lets a pivot that is not a number pass; every later one is then not a number either.
    pivots = factor.diagonal()[: info or n].real
    unknown = np.flatnonzero(np.isnan(pivots))
    if unknown.size:
        info = int(unknown[0]) + 1
    if info:
        raise LeadingMinorError(info)
    return factor


def _factor(letter: str, itemsize: int, n: int, a: Address, lda: int) -> int:
    """Replace the lower triangle by its factor; return 0, or the order of the first minor that is not positive."""
    if n <= _SMALL:
        return lapack.potrf(letter, "L", n, a, lda)
    h = halves(n, _SMALL)
    below, rest = a + h * itemsize, a + (h + h * lda) * itemsize
    # A11 = L11 L11ᴴ;  L21 = A21 L11⁻ᴴ;  A22 - L21 L21ᴴ = L22 L22ᴴ
    if info := _factor(letter, itemsize, h, a, lda):
        return info
    solve_right(Triangle(letter, itemsize, "L", "C", "N", a, lda), n - h, h, below, lda)
    blas.syrk(letter, "L", "N", n - h, h, -1.0, below, lda, 1.0, rest, lda)
    info = _factor(letter, itemsize, n - h, rest, lda)
    return info and info + h


def _lower_copy(a: NDArray, dtype: np.dtype[np.generic]) -> NDArray:
    """Return a fresh column-major copy of the lower triangle, with zeros above it."""
    n = a.shape[0]
    copy = np.zeros((n, n), dtype=dtype, order="F")
    if n:
        x = operand(a, dtype)
        if x.trans == "T":
            x = operand(np.asfortranarray(a), dtype)
        lapack.lacpy(LETTERS[dtype], "L", n, n, x.where, x.ld, address(copy), n)
    return copy
