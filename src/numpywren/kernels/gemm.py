"""General matrix product of two tiles."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, check_accumulator, check_choice, operand, transposed_shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["add_product", "gemm"]


def _shape(a: Shape, b: Shape, *, transa: str = "N", transb: str = "N") -> Shape:
    """Shape of op(A) op(B); B may be a vector."""
    check_choice("transa", transa, "NTC")
    check_choice("transb", transb, "NTC")
    if len(a) != 2 or len(b) not in (1, 2):
        raise ValueError(f"gemm got tiles of shapes {a} and {b}; it wants two matrices, or a matrix and a vector")
    left, right = transposed_shape(a, transa), b if len(b) == 1 else transposed_shape(b, transb)
    if left[1] != right[0]:
        raise ValueError(
            f"gemm cannot multiply {left[0]}×{left[1]} by {'×'.join(map(str, right))}: "
            f"inner dimensions differ (shapes {a} and {b}, transa={transa!r}, transb={transb!r})"
        )
    return (left[0], *right[1:])


def _flops(a: Shape, b: Shape, *, transa: str = "N", transb: str = "N") -> float:
    """2 m n k."""
    shape = _shape(a, b, transa=transa, transb=transb)
    inner = a[0] if transa != "N" else a[1]
    return 2.0 * inner * math.prod(shape)


def add_product(acc: NDArray, sign: complex, a: NDArray, b: NDArray, *, transa: str = "N", transb: str = "N") -> None:
    """Do ``acc += sign * op(a) @ op(b)`` in place."""
    shape = _shape(a.shape, b.shape, transa=transa, transb=transb)
    check_accumulator(acc, shape, np.result_type(acc.dtype, common_dtype(a, b)))
    _multiply(sign, a, b, transa, transb, 1.0, acc)


def _multiply(alpha: complex, a: NDArray, b: NDArray, transa: str, transb: str, beta: float, c: NDArray) -> None:
    """C ← α op(A) op(B) + β C for a column-major C of the right shape."""
    if b.ndim == 1:
        b, c, transb = b[:, None], c[:, None], "N"
    m, n = c.shape
    k = a.shape[0] if transa != "N" else a.shape[1]
    if m == 0 or n == 0:
        return
    if k == 0:
        if beta == 0.0:
            c[...] = 0
        return
    left, right = operand(a, c.dtype, transa), operand(b, c.dtype, transb)
    blas.gemm(
        LETTERS[c.dtype],
        left.trans,
        right.trans,
        m,
        n,
        k,
        alpha,
        left.where,
        left.ld,
        right.where,
        right.ld,
        beta,
        address(c),
        m,
    )


@kernel(shape=_shape, flops=_flops, accumulate=add_product)
def gemm(a: NDArray, b: NDArray, *, transa: str = "N", transb: str = "N") -> NDArray:
    """Multiply two tiles: C = op(A) op(B).

    Parameters
    ----------
    a : ndarray, shape (m, k), or (k, m) if transposed
    b : ndarray, shape (k, n), or (n, k) if transposed, or (k,)
        A vector is taken as a column; `transb` means nothing to it.
    transa, transb : {"N", "T", "C"}
        op: nothing, the transpose, the conjugate transpose.

    Returns
    -------
    ndarray, shape (m, n) or (m,)
        A fresh column-major tile.

    Notes
    -----
    2 m n k flops. Column-major arguments and their transposes are read in place.
    """
    c = fresh(_shape(a.shape, b.shape, transa=transa, transb=transb), common_dtype(a, b))
    _multiply(1.0, a, b, transa, transb, 0.0, c)
    return c
