"""Eigenvalues and eigenvectors of a real symmetric tridiagonal matrix, which `hb2st` leaves in the form of a band."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import lapack_eig
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["stedc", "sterf"]


def _tridiagonal(band_matrix: NDArray) -> tuple[NDArray, NDArray]:
    """Fresh copies of the diagonal and of what is below it, real."""
    real = np.zeros(0, common_dtype(band_matrix)).real.dtype
    n = band_matrix.shape[1]
    d = np.array(band_matrix[0].real, real)
    e = np.array(band_matrix[1, : n - 1].real if n > 1 else [], real)
    # LAPACK's stedc takes what is not a number for zero, and says nothing
    lapack_eig.check_converged("stedc", 0 if np.isfinite(d).all() and np.isfinite(e).all() else 1)
    return d, e


def _wanted(n: int, first: int, count: int) -> tuple[int, int]:
    """First eigenvalue, and the one after the last."""
    return min(first, n), min(first + count, n)


def _values_shape(band_matrix: Shape, *, first: int, count: int) -> Shape:
    start, stop = _wanted(band_matrix[1], first, count)
    return (stop - start, 1)


@kernel(shape=_values_shape, flops=lambda band_matrix, **options: 20.0 * band_matrix[1] ** 2)
def sterf(band_matrix: NDArray, *, first: int, count: int) -> NDArray:
    """Eigenvalues of a real symmetric tridiagonal matrix.

    Parameters
    ----------
    band_matrix : ndarray, shape (2 or more, n)
        The diagonal in its first row, and in the second what is below the diagonal; imaginary parts are not read.
    first, count : int
        Which of the eigenvalues in ascending order are wanted.

    Returns
    -------
    ndarray, shape (count, 1)
        Real.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.

    References
    ----------
    LAPACK: ``sterf``.
    """
    d, e = _tridiagonal(band_matrix)
    lapack_eig.check_converged("sterf", lapack_eig.sterf(d, e) if d.size else 0)
    return d[slice(*_wanted(d.size, first, count)), None]


def _shape(band_matrix: Shape, *, first: int, count: int, width: int) -> tuple[Shape, ...]:
    n = band_matrix[1]
    start, stop = _wanted(n, first, count)
    strips = [(n, min(width, stop - left)) for left in range(start, stop, width)]
    return ((stop - start, 1), *strips)


def _flops(band_matrix: Shape, *, first: int, count: int, width: int) -> float:
    """4/3 n³ at most; fewer where eigenvalues deflate."""
    return 4 / 3 * float(band_matrix[1]) ** 3


def _work(band_matrix: Shape, *, first: int, count: int, width: int) -> int:
    """All eigenvectors, and LAPACK's n² + 4 n."""
    return 2 * band_matrix[1] ** 2 + 8 * band_matrix[1]


@kernel(results="any", shape=_shape, flops=_flops, work=_work)
def stedc(band_matrix: NDArray, *, first: int, count: int, width: int) -> tuple[NDArray, ...]:
    """Eigenvalues and eigenvectors of a real symmetric tridiagonal matrix, by divide and conquer.

    Parameters
    ----------
    band_matrix : ndarray, shape (2 or more, n)
        The diagonal in its first row, and in the second what is below the diagonal; imaginary parts are not read.
    first, count : int
        Which of the eigenvalues in ascending order are wanted.
    width : int
        Eigenvectors in a strip.

    Returns
    -------
    w : ndarray, shape (count, 1)
    z : ndarrays, shapes (n, width)
        Strips of eigenvectors, as columns; the last may be narrower. All real.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.

    References
    ----------
    M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", SIAM J. Matrix
    Anal. Appl. 16 (1995). LAPACK: ``stedc``.
    """
    d, e = _tridiagonal(band_matrix)
    n = d.size
    z = fresh((n, n), d.dtype)
    lapack_eig.check_converged("stedc", lapack_eig.stedc(d, e, z) if n else 0)
    start, stop = _wanted(n, first, count)
    return (d[start:stop, None], *(z[:, left : min(left + width, stop)] for left in range(start, stop, width)))
