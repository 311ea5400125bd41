"""Product of a tile with its own conjugate transpose."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, check_accumulator, check_choice, operand
from numpywren.lambdapack.kernel import kernel

__all__ = ["syrk"]


def _shape(a: Shape, *, trans: str = "N") -> Shape:
    """Shape of the square product."""
    check_choice("trans", trans, "NC")
    if len(a) != 2:
        raise ValueError(f"syrk got a tile of shape {a}; it wants a matrix")
    n = a[0] if trans == "N" else a[1]
    return (n, n)


def _flops(a: Shape, *, trans: str = "N") -> float:
    """K n (n + 1)."""
    n, k = a if trans == "N" else a[::-1]
    return float(k) * n * (n + 1)


def _accumulate(acc: NDArray, sign: float, a: NDArray, *, trans: str = "N") -> None:
    """Do ``acc += sign * syrk(a)`` in place; touches the lower triangle only."""
    check_accumulator(acc, _shape(a.shape, trans=trans), np.result_type(acc.dtype, common_dtype(a)))
    if acc.dtype.kind == "c":
        if complex(sign).imag:
            raise ValueError(f"sign={sign} came; a Hermitian product can only be added with a real factor")
        # herk takes the imaginary part of the diagonal for zero and overwrites it; the sum keeps it.
        imaginary = acc.diagonal().imag.copy()
        _product(sign, a, trans, 1.0, acc)
        np.einsum("ii->i", acc).imag[...] = imaginary
    else:
        _product(sign, a, trans, 1.0, acc)


def _product(alpha: complex, a: NDArray, trans: str, beta: float, c: NDArray) -> None:
    """Lower triangle of C ← α op(A) op(A)ᴴ + β C for a column-major C of the right shape."""
    n = c.shape[0]
    k = a.shape[1] if trans == "N" else a.shape[0]
    if n == 0 or k == 0:
        return
    x = operand(a, c.dtype)
    if x.trans == "T":
        if c.dtype.kind == "c":
            # A = Mᵀ makes A Aᴴ the conjugate of Mᴴ M, for which herk has no letter.
            x = operand(np.asfortranarray(a), c.dtype)
        else:
            trans = "C" if trans == "N" else "N"
    blas.syrk(LETTERS[c.dtype], "L", trans, n, k, alpha.real, x.where, x.ld, beta, address(c), n)


@kernel(shape=_shape, flops=_flops, accumulate=_accumulate)
def syrk(a: NDArray, *, trans: str = "N") -> NDArray:
    """Multiply a tile with its conjugate transpose: the lower triangle of A Aᴴ, or of Aᴴ A.

    Parameters
    ----------
    a : ndarray, shape (n, k), or (k, n) for ``trans="C"``
    trans : {"N", "C"}
        A Aᴴ or Aᴴ A.

    Returns
    -------
    ndarray, shape (n, n)
        A fresh column-major tile: the product's lower triangle with a real diagonal, and zeros above it.

    Notes
    -----
    k n (n + 1) flops, half of what `gemm` would take.
    """
    c = np.zeros(_shape(a.shape, trans=trans), dtype=common_dtype(a), order="F")
    _product(1.0, a, trans, 0.0, c)
    return c
