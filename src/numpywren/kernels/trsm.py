"""Solution of a triangular system with many right-hand sides, inside one tile."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.failures import SingularTileError
from numpywren.kernels.layout import Shape, check_choice, column_copy, operand
from numpywren.kernels.triangular import Triangle, solve_left, solve_right
from numpywren.lambdapack.kernel import kernel

__all__ = ["trsm"]


def _shape(b: Shape, a: Shape, *, side: str = "L", uplo: str = "L", trans: str = "N", unit: int = 0) -> Shape:
    """Shape of the solution: that of the right-hand sides."""
    check_choice("side", side, "LR")
    check_choice("uplo", uplo, "LU")
    check_choice("trans", trans, "NTC")
    if len(a) != 2 or a[0] != a[1]:
        raise ValueError(f"trsm got a triangle of shape {a}; it wants a square matrix")
    if len(b) not in (1, 2) or (len(b) == 1 and side == "R"):
        raise ValueError(
            f"trsm got right-hand sides of shape {b} for side={side!r}; it wants a matrix, or a vector on side 'L'"
        )
    order = b[0] if side == "L" else b[1]
    if order != a[0]:
        raise ValueError(
            f"trsm got a triangle of order {a[0]} and right-hand sides of shape {b}; side={side!r} wants {a[0]} "
            f"{'rows' if side == 'L' else 'columns'}"
        )
    return b


def _flops(b: Shape, a: Shape, *, side: str = "L", uplo: str = "L", trans: str = "N", unit: int = 0) -> float:
    """Square of the triangle's order, times the number of right-hand sides."""
    return float(math.prod(b)) * a[0]


@kernel(shape=_shape, flops=_flops)
def trsm(b: NDArray, a: NDArray, *, side: str = "L", uplo: str = "L", trans: str = "N", unit: int = 0) -> NDArray:
    """Solve a triangular system: X = op(A)⁻¹ B, or X = B op(A)⁻¹.

    Parameters
    ----------
    b : ndarray, shape (m, n) or (m,)
        The right-hand sides.
    a : ndarray, shape (m, m) for side "L", (n, n) for side "R"
        The triangle; the other triangle of the tile is not read.
    side : {"L", "R"}
        Whether op(A) stands on the left or on the right.
    uplo : {"L", "U"}
        Which triangle of `a` to use.
    trans : {"N", "T", "C"}
        op: nothing, the transpose, the conjugate transpose.
    unit : {0, 1}
        1: the diagonal is taken for ones and not read.

    Returns
    -------
    ndarray, shape of `b`
        A fresh column-major tile.

    Raises
    ------
    SingularTileError
        If the diagonal holds a zero.

    Notes
    -----
    m² n flops on the left, m n² on the right.
    """
    _shape(b.shape, a.shape, side=side, uplo=uplo, trans=trans, unit=unit)
    dtype = common_dtype(b, a)
    if not unit:
        zeros = np.flatnonzero(a.diagonal() == 0)
        if zeros.size:
            raise SingularTileError(int(zeros[0]))
    x = column_copy(b, dtype)
    if not x.size:
        return x
    t = operand(a, dtype, trans)
    # Where the array at hand is the transpose of the column-major matrix in memory, so is the triangle.
    if (t.trans == "N") != (trans == "N"):
        uplo = "U" if uplo == "L" else "L"
    triangle = Triangle(LETTERS[dtype], dtype.itemsize, uplo, t.trans, "U" if unit else "N", t.where, t.ld)
    m, n = x.shape if x.ndim == 2 else (x.size, 1)
    (solve_left if side == "L" else solve_right)(triangle, m, n, address(x), max(1, m))
    return x
