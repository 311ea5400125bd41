"""Product of a triangular or trapezoidal tile with another, without multiplying its zeros."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, check_accumulator, check_choice, operand, transposed_shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["trmm"]

#: Rows of the result that are made by one gemm: the zeros multiplied after all are half a square of this order in each.
_BLOCK = 128


def _shape(a: Shape, b: Shape, *, uplo: str = "L", trans: str = "N") -> Shape:
    """Shape of op(A) B."""
    check_choice("uplo", uplo, "LU")
    check_choice("trans", trans, "NTC")
    if len(a) != 2 or len(b) != 2:
        raise ValueError(f"trmm got tiles of shapes {a} and {b}; it wants two matrices")
    rows, inner = transposed_shape(a, trans)
    if inner != b[0]:
        raise ValueError(
            f"trmm cannot multiply {rows}×{inner} by {b[0]}×{b[1]}: inner dimensions differ (shapes {a} and {b}, "
            f"trans={trans!r})"
        )
    return (rows, b[1])


def _flops(a: Shape, b: Shape, *, uplo: str = "L", trans: str = "N") -> float:
    """Two for each element of A that is not zero, and column of B."""
    m, n = a if uplo == "L" else a[::-1]
    elements = m * n - n * (n - 1) / 2 if m >= n else m * (m + 1) / 2
    return 2.0 * elements * b[1]


def _accumulate(acc: NDArray, sign: complex, a: NDArray, b: NDArray, *, uplo: str = "L", trans: str = "N") -> None:
    """Do ``acc += sign * op(a) @ b`` in place."""
    shape = _shape(a.shape, b.shape, uplo=uplo, trans=trans)
    check_accumulator(acc, shape, np.result_type(acc.dtype, common_dtype(a, b)))
    _multiply(sign, a, b, uplo, trans, 1.0, acc)


def _multiply(alpha: complex, a: NDArray, b: NDArray, uplo: str, trans: str, beta: float, c: NDArray) -> None:
    """C ← α op(A) B + β C for a column-major C of the right shape."""
    m, n = c.shape
    inner = b.shape[0]
    left, right = operand(a, c.dtype, trans), operand(b, c.dtype)
    lower = (uplo == "L") == (trans == "N")
    item = c.itemsize
    for i in range(0, m, _BLOCK):
        rows = min(_BLOCK, m - i)
        first, last = (0, min(i + rows, inner)) if lower else (min(i, inner), inner)
        if n == 0 or first == last:
            if beta == 0.0:
                c[i : i + rows] = 0
            continue
        row, column = (i, first) if left.trans == "N" else (first, i)
        down = first if right.trans == "N" else first * right.ld
        blas.gemm(
            LETTERS[c.dtype],
            left.trans,
            right.trans,
            rows,
            n,
            last - first,
            alpha,
            left.where + (row + column * left.ld) * item,
            left.ld,
            right.where + down * item,
            right.ld,
            beta,
            address(c) + i * item,
            m,
        )


@kernel(shape=_shape, flops=_flops, accumulate=_accumulate)
def trmm(a: NDArray, b: NDArray, *, uplo: str = "L", trans: str = "N") -> NDArray:
    """Multiply a triangular or trapezoidal tile with another: C = op(A) B.

    Parameters
    ----------
    a : ndarray, shape (m, k), or (k, m) if transposed
        Must hold zeros on the other side of its main diagonal: most of them are not read, but not all.
    b : ndarray, shape (k, n)
    uplo : {"L", "U"}
        Whether the elements of A that are not zero lie on and below its main diagonal, or on and above it.
    trans : {"N", "T", "C"}
        op: nothing, the transpose, the conjugate transpose.

    Returns
    -------
    ndarray, shape (m, n)
        A fresh column-major tile.

    Notes
    -----
    Two flops for each element of A that is not zero and each column of B: for a square half of what `gemm` takes.
    """
    c = fresh(_shape(a.shape, b.shape, uplo=uplo, trans=trans), common_dtype(a, b))
    _multiply(1.0, a, b, uplo, trans, 0.0, c)
    return c
