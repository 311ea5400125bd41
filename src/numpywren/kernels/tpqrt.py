"""QR factorization of two triangles on top of one another, and its application: the inner nodes of a tree.

The reflectors of such a node are [I; U] with U upper triangular: Q = I - [I; U] K [I; U]ᴴ. K is made by halving, as T
in `numpywren.kernels.geqrt`; whatever lies below the diagonal of U is neither computed nor multiplied with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.gemm import gemm
from numpywren.kernels.lapack_qr import tpqrt2
from numpywren.kernels.layout import Shape, check_choice, column_copy
from numpywren.kernels.triangular import halves
from numpywren.kernels.trmm import trmm
from numpywren.lambdapack.kernel import kernel

__all__ = ["tpmqrt", "tpqrf", "tpqrt"]

#: Columns that are left to LAPACK.
_STRIP = 32


def _order(a: Shape, b: Shape) -> int:
    if len(a) != 2 or len(b) != 2 or a[0] != a[1] or b[1] != a[1] or b[0] > b[1]:
        raise ValueError(
            f"got triangles of shapes {a} and {b}; wanted a square one, and below it one of its width that is no "
            "taller than wide"
        )
    return a[1]


def _shape(a: Shape, b: Shape) -> tuple[Shape, Shape, Shape]:
    n = _order(a, b)
    return ((n, n),) * 3


def _flops(a: Shape, b: Shape) -> float:
    """2 n³/3 for the factorization, and n³/3 for K."""
    return 1.0 * _order(a, b) ** 3


@kernel(results=3, shape=_shape, flops=_flops)
def tpqrt(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Factor two triangles on top of one another: [A; B] = Q [R; 0].

    Parameters
    ----------
    a : ndarray, shape (n, n)
        Upper triangular.
    b : ndarray, shape (k, n), k <= n
        Upper trapezoidal.

    Returns
    -------
    U : ndarray, shape (n, n)
        Upper triangular; Q = I - [I; U] K [I; U]ᴴ. Rows from k on are zero.
    K : ndarray, shape (n, n)
        Upper triangular.
    R : ndarray, shape (n, n)
        Upper triangular, with a real diagonal where that of `a` is.

    Notes
    -----
    n³ flops, a third of them for K. Below their diagonals `a` and `b` are not read, and results hold zeros.
    """
    _order(a.shape, b.shape)
    pair = _Pair(a, b)
    pair.factor(0, pair.n, whole=True)
    U = np.zeros((pair.n, pair.n), dtype=pair.dtype, order="F")
    U[: pair.m] = pair.B
    return U, pair.K, pair.R


@kernel(shape=lambda a, b: (_order(a, b),) * 2, flops=lambda a, b: 2 * _flops(a, b) / 3)
def tpqrf(a: NDArray, b: NDArray) -> NDArray:
    """R alone of what `tpqrt` computes.

    Notes
    -----
    2 n³/3 flops.
    """
    _order(a.shape, b.shape)
    pair = _Pair(a, b)
    pair.factor(0, pair.n, whole=False)
    return pair.R


class _Pair:
    """A triangle R, and below it one B that becomes the reflectors, column by column."""

    def __init__(self, a: NDArray, b: NDArray) -> None:
        self.dtype = common_dtype(a, b)
        self.letter, self.itemsize = LETTERS[self.dtype], self.dtype.itemsize
        self.m, self.n = b.shape
        self.R = np.asfortranarray(np.triu(column_copy(a, self.dtype)))
        self.B = np.asfortranarray(np.triu(column_copy(b, self.dtype)))
        self.K = np.zeros((self.n, self.n), dtype=self.dtype, order="F")

    def factor(self, first: int, last: int, *, whole: bool) -> None:
        """Factor columns first to last; their block of K is made only if `whole`."""
        n, m = last - first, min(self.m, last)
        if n <= _STRIP:
            if n and m:
                at = (first + first * self.n) * self.itemsize
                tpqrt2(
                    self.letter, m, n, max(0, m - first), address(self.R) + at, self.n,
                    address(self.B) + first * self.m * self.itemsize, self.m, address(self.K) + at, self.n,
                )  # fmt: skip
                self.K[first:last, first:last] = np.triu(self.K[first:last, first:last])
            return
        middle = first + halves(n, _STRIP)
        self.factor(first, middle, whole=True)
        # reflectors of the left half have no more than min(m, middle) rows
        k = min(self.m, middle)
        left, right = self.B[:k, first:middle], self.B[:k, middle:last]
        corner = self.K[first:middle, first:middle]
        # W = K1ᴴ (A12 + B1ᴴ B2);  A12 <- A12 - W;  B2 <- B2 - B1 W
        W = gemm(corner, self.R[first:middle, middle:last] + gemm(left, right, transa="C"), transa="C")
        self.R[first:middle, middle:last] -= W
        self.subtract(k, first, middle, last, W)
        self.factor(middle, last, whole=whole)
        if whole:
            # K12 = -K1 (B1ᴴ B2) K2; the identities above them meet nowhere
            inner = gemm(gemm(left, self.B[:k, middle:last], transa="C"), self.K[middle:last, middle:last])
            self.K[first:middle, middle:last] = -gemm(corner, inner)

    def subtract(self, k: int, first: int, middle: int, last: int, W: NDArray) -> None:
        """B2 <- B2 - B1 W in the first k rows."""
        base, column = address(self.B), self.m * self.itemsize
        if k:
            blas.gemm(
                self.letter, "N", "N", k, last - middle, middle - first, -1.0, base + first * column, self.m,
                address(W), middle - first, 1.0, base + middle * column, self.m,
            )  # fmt: skip


def _applied_shape(u: Shape, k: Shape, x1: Shape, x2: Sequence[Shape], *, trans: str = "N") -> tuple[Shape, Shape]:
    check_choice("trans", trans, "NC")
    n = u[0]
    if u != (n, n) or k != u or len(x1) != 2 or x1[0] < n or len(x2) > 1 or any(len(x) != 2 for x in x2):
        raise ValueError(
            f"tpmqrt got U of shape {u}, K of {k}, X1 of {x1} and X2 of {list(x2)}; it wants two squares of one order, "
            "a matrix of at least as many rows, and a list of no more than one other matrix"
        )
    if x2 and x2[0][1] != x1[1]:
        raise ValueError(f"tpmqrt got X1 of shape {x1} and X2 of shape {x2[0]}; they must be of one width")
    return x1, x2[0] if x2 else (n, x1[1])


def _applied_flops(u: Shape, k: Shape, x1: Shape, x2: Sequence[Shape], *, trans: str = "N") -> float:
    """2 n² for each column of X, and n² for K."""
    return 3.0 * u[0] * u[0] * x1[1]


@kernel(results=2, shape=_applied_shape, flops=_applied_flops)
def tpmqrt(u: NDArray, k: NDArray, x1: NDArray, x2: Sequence[NDArray], *, trans: str = "N") -> tuple[NDArray, NDArray]:
    """Apply what `tpqrt` found to the first rows of two tiles: [X1; X2] <- op(Q) [X1; X2].

    Parameters
    ----------
    u, k : ndarray, shape (n, n)
        U and K of `tpqrt`.
    x1 : ndarray, shape (m1, p), m1 >= n
        Rows from n on stay as they are.
    x2 : list of at most one ndarray, shape (m2, p)
        Rows from n on stay as they are; if there are fewer, rows of `u` from m2 on must be zero. An empty list stands
        for n rows of zeros.
    trans : {"N", "C"}
        op: nothing, or the conjugate transpose.

    Returns
    -------
    X1, X2 : ndarray, of the same shapes
        Fresh column-major tiles.

    Notes
    -----
    3 n² p flops.
    """
    _, shape2 = _applied_shape(u.shape, k.shape, x1.shape, [x.shape for x in x2], trans=trans)
    dtype = common_dtype(u, k, x1, *x2)
    n, rows = u.shape[0], min(u.shape[0], shape2[0])
    first = column_copy(x1, dtype)
    second = column_copy(x2[0], dtype) if x2 else np.zeros(shape2, dtype=dtype, order="F")
    # W = op(K) (X1 + Uᴴ X2);  X1 <- X1 - W;  X2 <- X2 - U W
    inner = column_copy(first[:n], dtype)
    if x2:
        trmm.accumulate(inner, 1.0, u[:rows], second[:rows], uplo="U", trans="C")  # type: ignore[misc]
    W = trmm(k, inner, uplo="U", trans=trans)
    first[:n] -= W
    second[:rows] -= trmm(u[:rows], W, uplo="U")
    return first, second
