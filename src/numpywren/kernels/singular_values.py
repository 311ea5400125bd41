"""What is decided and computed from singular values: rank, pseudo-inverse, condition, residuals.

Singular values come as real columns, in descending order over the list of tiles. Those that are no larger than `rtol`
times the first count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = [
    "columns_divided",
    "largest",
    "nuclear",
    "rank",
    "ratio",
    "residual_count",
    "rows_divided",
    "smallest",
    "tail_squares",
]


def _reciprocals(s: NDArray, top: NDArray, rtol: float) -> NDArray:
    """Reciprocals of singular values, and zeros for those that count as zero."""
    return np.divide(1, s, out=np.zeros_like(s), where=s > rtol * top[0])


def _rows_shape(z: Shape, s: Shape, top: Shape, *, rtol: float) -> Shape:
    if len(z) != 2 or s != (z[0], 1):
        raise ValueError(
            f"rows_divided got a tile of shape {z} and singular values of shape {s}; wanted one for each row"
        )
    return z


def _columns_shape(v: Shape, s: Shape, top: Shape, *, rtol: float) -> Shape:
    if len(v) != 2 or s != (v[1], 1):
        raise ValueError(
            f"columns_divided got a tile of shape {v} and singular values of shape {s}; wanted one for each column"
        )
    return v


@kernel(shape=_rows_shape, flops=lambda z, s, top, *, rtol: float(math.prod(z)))
def rows_divided(z: NDArray, s: NDArray, top: NDArray, *, rtol: float) -> NDArray:
    """Divide rows by singular values: diag(s)⁺ Z.

    Parameters
    ----------
    z : ndarray, shape (k, n)
    s : ndarray, shape (k, 1)
    top : ndarray, shape (any, 1)
        The first singular values of all.
    rtol : float

    Returns
    -------
    ndarray, shape (k, n)
        Rows whose singular value counts as zero are zeros.
    """
    _rows_shape(z.shape, s.shape, top.shape, rtol=rtol)
    result = fresh(z.shape, common_dtype(z))
    np.multiply(z, _reciprocals(s, top, rtol), out=result)
    return result


@kernel(shape=_columns_shape, flops=lambda v, s, top, *, rtol: float(math.prod(v)))
def columns_divided(v: NDArray, s: NDArray, top: NDArray, *, rtol: float) -> NDArray:
    """Divide columns by singular values: V diag(s)⁺.

    Parameters
    ----------
    v : ndarray, shape (n, k)
    s : ndarray, shape (k, 1)
    top : ndarray, shape (any, 1)
        The first singular values of all.
    rtol : float

    Returns
    -------
    ndarray, shape (n, k)
        Columns whose singular value counts as zero are zeros.
    """
    _columns_shape(v.shape, s.shape, top.shape, rtol=rtol)
    result = fresh(v.shape, common_dtype(v))
    np.multiply(v, _reciprocals(s, top, rtol).T, out=result)
    return result


def _joined(values: Sequence[NDArray]) -> NDArray:
    return np.concatenate([value.ravel() for value in values]) if values else np.empty(0)


def _rank(values: Sequence[NDArray], rtol: float) -> int:
    s = _joined(values)
    return int(np.count_nonzero(s > rtol * s[0])) if s.size else 0


def _number(value: np.generic) -> NDArray:
    return np.full((1, 1), value, dtype=value.dtype, order="F")


def _count(value: float) -> NDArray:
    return np.full((1, 1), value, dtype=np.int64, order="F")


@kernel(shape=lambda values, *, rtol: (1, 1))
def rank(values: Sequence[NDArray], *, rtol: float) -> NDArray:
    """Count the singular values that are not zero, as a 1×1 tile of int64."""
    return _count(_rank(values, rtol))


@kernel(shape=lambda values, *, rtol, columns: (1, 1))
def residual_count(values: Sequence[NDArray], *, rtol: float, columns: int) -> NDArray:
    """Give `columns` if no singular value is zero, else 0: how many residuals least squares has, as a 1×1 tile."""
    return _count(columns if _rank(values, rtol) == sum(map(len, values)) else 0)


@kernel(shape=lambda values: (1, 1))
def nuclear(values: Sequence[NDArray]) -> NDArray:
    """Sum of the singular values, as a 1×1 tile."""
    return _number(_joined(values).sum())


@kernel(shape=lambda values: (1, 1))
def largest(values: Sequence[NDArray]) -> NDArray:
    """Find the first singular value, as a 1×1 tile."""
    return _number(_joined(values)[0])


@kernel(shape=lambda values: (1, 1))
def smallest(values: Sequence[NDArray]) -> NDArray:
    """Find the last singular value, as a 1×1 tile."""
    return _number(_joined(values)[-1])


@kernel(shape=lambda values, *, inverse=0: (1, 1))
def ratio(values: Sequence[NDArray], *, inverse: int = 0) -> NDArray:
    """Divide the first singular value by the last, as a 1×1 tile; with `inverse` the other way round.

    Infinite if the divisor is zero, even if both are: so is the condition number of a matrix of zeros.
    """
    s = _joined(values)
    upper, lower = (s[-1], s[0]) if inverse else (s[0], s[-1])
    if lower == 0:
        return _number(s.dtype.type(np.inf))
    with np.errstate(over="ignore"):
        return _number(upper / lower)


def _tail_shape(tiles: Sequence[Shape], top: Sequence[Shape]) -> Shape:
    return (tiles[0][1], 1)


@kernel(shape=_tail_shape, flops=lambda tiles, top: 2.0 * sum(map(math.prod, tiles)))
def tail_squares(tiles: Sequence[NDArray], top: Sequence[NDArray]) -> NDArray:
    """Sums of squares of columns, without their first rows.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m1, n), (m2, n), ...
        On top of one another.
    top : list of at most one ndarray, shape (k, any)
        As many rows as it has are left out.

    Returns
    -------
    ndarray, shape (n, 1)
        Real.
    """
    skip = top[0].shape[0] if top else 0
    sums = 0.0
    for tile in tiles:
        rest = tile[min(skip, len(tile)) :]
        sums = sums + (rest.real**2 + rest.imag**2 if rest.dtype.kind == "c" else rest**2).sum(axis=0)
        skip = max(0, skip - len(tile))
    return np.asfortranarray(np.reshape(sums, (-1, 1)))
