"""Products of vectors, and of those that lie in the rows of two tiles."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["cross_rows", "geru", "row_dots"]

#: Elements of a panel: what is made of one stays in the cache.
_PANEL = 65536


def _same(name: str, a: Shape, b: Shape) -> Shape:
    if len(a) != 2 or a != b:
        raise ValueError(f"{name} got tiles of shapes {a} and {b}; it wants two matrices of one shape")
    return a


@kernel(
    shape=lambda a, b: (_same("row_dots", a, b)[0], 1),
    flops=lambda a, b: 2.0 * math.prod(a),
)
def row_dots(a: NDArray, b: NDArray) -> NDArray:
    """Inner product of each row of `a`, conjugated, with the same row of `b`.

    Parameters
    ----------
    a, b : ndarray, shape (m, n)

    Returns
    -------
    ndarray, shape (m, 1)
        Products of single precision are summed in double.
    """
    rows, columns = _same("row_dots", a.shape, b.shape)
    dtype = common_dtype(a, b)
    sums = np.zeros(rows, np.result_type(dtype, np.float64))
    step = max(1, _PANEL // max(1, rows))
    for start in range(0, columns, step):
        part = np.s_[:, start : start + step]
        sums += np.multiply(a[part].conj(), b[part], dtype=sums.dtype).sum(axis=1)
    return np.asfortranarray(sums.astype(dtype)[:, None])


@kernel(shape=lambda a, b: _same("cross_rows", a, b), flops=lambda a, b: 9.0 * a[0])
def cross_rows(a: NDArray, b: NDArray) -> NDArray:
    """Vector product of each row of `a` with the same row of `b`.

    Parameters
    ----------
    a, b : ndarray, shape (m, 3)

    Returns
    -------
    ndarray, shape (m, 3)
    """
    result = np.empty(_same("cross_rows", a.shape, b.shape), common_dtype(a, b), order="F")
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[:, i] = a[:, j] * b[:, k] - a[:, k] * b[:, j]
    return result


@kernel(shape=lambda a, b: (a[0], b[0]), flops=lambda a, b: float(a[0] * b[0]))
def geru(a: NDArray, b: NDArray) -> NDArray:
    """Outer product: C(i, j) = a(i) b(j), rounded once, with the sign of a zero.

    Parameters
    ----------
    a : ndarray, shape (m,)
    b : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (m, n)
    """
    result = fresh((len(a), len(b)), common_dtype(a, b))
    np.multiply(a[:, None], b, out=result)
    return result
