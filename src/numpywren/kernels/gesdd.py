"""Singular value decomposition of one tile."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels import lapack_svd
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["gesdd", "gesdd_values"]


def _shape(a: Shape, *, full: int = 0) -> tuple[Shape, Shape, Shape]:
    m, n = a
    k = min(a)
    return (m, m if full else k), (k, 1), (n, n if full else k)


def _flops(a: Shape, *, full: int = 0) -> float:
    m, n = max(a), min(a)
    return 4.0 * m * m * n + 22.0 * n**3 if full else 6.0 * m * n * n + 20.0 * n**3


def _decompose(a: NDArray, jobz: str, u: NDArray, vh: NDArray) -> NDArray:
    """Call LAPACK; the singular values."""
    dtype = common_dtype(a)
    if not np.isfinite(a).all():
        raise np.linalg.LinAlgError("SVD did not converge: the matrix holds infinities or NaNs")
    m, n = a.shape
    s = np.zeros(min(m, n), dtype.char.lower())
    if m and n:
        work = column_copy(a, dtype)
        ldu, ldvh = max(1, u.shape[0]), max(1, vh.shape[0])
        info = lapack_svd.gesdd(dtype, jobz, m, n, address(work), s, address(u), ldu, address(vh), ldvh)
        if info:
            raise np.linalg.LinAlgError(f"SVD did not converge: LAPACK's gesdd returned {info}")
    return s


@kernel(results=3, shape=_shape, flops=_flops, work=lambda a, **options: math.prod(a) + 5 * min(a) ** 2)
def gesdd(a: NDArray, *, full: int = 0) -> tuple[NDArray, NDArray, NDArray]:
    """Singular value decomposition by divide and conquer: A = U diag(s) Vᴴ.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    full : {0, 1}
        1: U and V are square. 0: they have k = min(m, n) columns.

    Returns
    -------
    u : ndarray, shape (m, k) or (m, m)
    s : ndarray, shape (k, 1)
        Real, in descending order.
    v : ndarray, shape (n, k) or (n, n)
        V, not Vᴴ.

    Raises
    ------
    numpy.linalg.LinAlgError
        If it does not converge, as with NaNs.

    References
    ----------
    LAPACK: ``gesdd``.
    """
    dtype = common_dtype(a)
    shape_u, _, shape_v = _shape(a.shape, full=full)
    u, vh = fresh(shape_u, dtype), fresh(shape_v[::-1], dtype)
    if not min(a.shape):  # nothing to decompose: any unitary matrices will do
        for made in (u, vh):
            made[...] = np.eye(*made.shape)
    s = _decompose(a, "A" if full else "S", u, vh)
    return u, s[:, None], np.array(vh.conj().T, order="F")


@kernel(shape=lambda a: (min(a), 1), flops=lambda a: 4.0 * max(a) * min(a) ** 2)
def gesdd_values(a: NDArray) -> NDArray:
    """Singular values of a tile, in descending order; errors as of `gesdd`.

    Parameters
    ----------
    a : ndarray, shape (m, n)

    Returns
    -------
    ndarray, shape (min(m, n), 1)
        Real.
    """
    unused = np.empty((1, 1), common_dtype(a))
    return _decompose(a, "N", unused, unused)[:, None]
