"""Eigenvalues and eigenvectors of a Hermitian matrix of one tile."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import lapack_eig
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["heevd", "heevd_values"]


def _wanted(a: Shape, first: int, count: int) -> int:
    """Number of eigenvalues wanted."""
    if len(a) != 2 or a[0] != a[1]:
        raise ValueError(f"heevd got a tile of shape {a}; it wants a square matrix")
    return max(0, min(first + count, a[0]) - first)


def _shape(a: Shape, *, first: int, count: int) -> tuple[Shape, Shape]:
    wanted = _wanted(a, first, count)
    return (wanted, 1), (a[0], wanted)


def _values(a: NDArray, jobz: str) -> tuple[NDArray, NDArray]:
    dtype = common_dtype(a)
    vectors = column_copy(a, dtype)
    values = np.empty(len(a), vectors.real.dtype)
    info = lapack_eig.heevd(jobz, vectors, values) if a.size else 0
    lapack_eig.check_converged("heevd", info or int(np.isnan(values).any()))
    return values, vectors


@kernel(results=2, shape=_shape, flops=lambda a, **options: 9.0 * a[0] ** 3, work=lambda a, **options: 4 * a[0] ** 2)
def heevd(a: NDArray, *, first: int, count: int) -> tuple[NDArray, NDArray]:
    """Eigenvalues and eigenvectors of a Hermitian tile, by LAPACK's divide and conquer.

    Parameters
    ----------
    a : ndarray, shape (n, n)
        Only the lower triangle is read; the diagonal is taken for real.
    first, count : int
        Which of the eigenvalues in ascending order are wanted.

    Returns
    -------
    w : ndarray, shape (count, 1)
        Real.
    z : ndarray, shape (n, count)
        Orthonormal columns.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.

    References
    ----------
    LAPACK: ``syevd``, ``heevd``.
    """
    _wanted(a.shape, first, count)
    values, vectors = _values(a, "V")
    return values[first : first + count, None], vectors[:, first : first + count]


@kernel(shape=lambda a, **options: _shape(a, **options)[0], flops=lambda a, **options: 4 / 3 * a[0] ** 3)
def heevd_values(a: NDArray, *, first: int, count: int) -> NDArray:
    """Eigenvalues of a Hermitian tile, ascending, as a real column; as `heevd` without the vectors."""
    _wanted(a.shape, first, count)
    return _values(a, "N")[0][first : first + count, None]
