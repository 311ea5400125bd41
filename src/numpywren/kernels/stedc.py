"""Eigenvalues and eigenvectors of a real symmetric tridiagonal matrix, which `hb2st` leaves in the form of a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels import lapack_eig
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.laed import EIGENVALUE, ENDS, FIRST, LAST, NORM
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["stedc_piece", "stedc_values", "sterf", "tridiagonal"]


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


#: Columns of the tile in which the tridiagonal matrix is divided.
DIAGONAL, BELOW, UNIT = range(3)


@kernel(shape=lambda band_matrix, *, pieces: (band_matrix[1], 3))
def tridiagonal(band_matrix: NDArray, *, pieces: int) -> NDArray:
    """Divide a real symmetric tridiagonal matrix into pieces, by taking off a matrix of rank one at each cut.

    Parameters
    ----------
    band_matrix : ndarray, shape (2 or more, n)
        The diagonal in its first row, and in the second what is below the diagonal; imaginary parts are not read.
    pieces : int
        How many; piece r begins with row r n // pieces.

    Returns
    -------
    ndarray, shape (n, 3)
        The diagonal, less the absolute value of what is beside each cut; what is below the diagonal; and in the first
        row the power of two by which both were divided, so that no element is greater than 1.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix holds infinities or NaNs.
    """
    d, e = _tridiagonal(band_matrix)
    n = d.size
    divided = np.zeros((n, 3), d.dtype, order="F")
    largest = max(np.abs(d).max(initial=0), np.abs(e).max(initial=0))
    power = int(np.frexp(largest)[1]) if largest else 0
    divided[:, DIAGONAL], divided[: n - 1, BELOW] = np.ldexp(d, -power), np.ldexp(e, -power)
    divided[:1, UNIT] = power
    for piece in range(1, pieces):
        cut = piece * n // pieces
        divided[cut - 1 : cut + 1, DIAGONAL] -= abs(divided[cut - 1, BELOW])
    return divided


def _piece_shape(divided: Shape, *, start: int, stop: int) -> tuple[Shape, ...]:
    return (stop - start, ENDS), (stop - start, stop - start)


@kernel(
    results=2,
    shape=_piece_shape,
    flops=lambda divided, *, start, stop: 4 / 3 * float(stop - start) ** 3,
    work=lambda divided, *, start, stop: (stop - start) ** 2 + 8 * (stop - start),
)
def stedc_piece(divided: NDArray, *, start: int, stop: int) -> tuple[NDArray, NDArray]:
    """Eigenvalues and eigenvectors of a piece of a divided tridiagonal matrix.

    Parameters
    ----------
    divided : ndarray, shape (n, 3)
        The matrix as `tridiagonal` divided it.
    start, stop : int
        The piece's first row, and the one after its last.

    Returns
    -------
    ends : ndarray, shape (m, 4)
        Eigenvalues, ascending, with the first and the last elements of the vectors, and 1.
    q : ndarray, shape (m, m)
        Eigenvectors, as columns.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.

    References
    ----------
    M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", SIAM J. Matrix
    Anal. Appl. 16 (1995). LAPACK: ``stedc``.
    """
    m = stop - start
    d, e = divided[start:stop, DIAGONAL].copy(), divided[start : max(start, stop - 1), BELOW].copy()
    q, ends = fresh((m, m), d.dtype), np.ones((m, ENDS), d.dtype, order="F")
    if m:
        lapack_eig.check_converged("stedc", lapack_eig.stedc(d, e, q))
        ends[:, EIGENVALUE], ends[:, FIRST], ends[:, LAST], ends[:, NORM] = d, q[0], q[-1], 1
    return ends, q


def _unscaled_shape(divided: Shape, ends: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return tuple((piece[0], 1) for piece in ends)


@kernel(results="any", shape=_unscaled_shape)
def stedc_values(divided: NDArray, ends: Sequence[NDArray]) -> tuple[NDArray, ...]:
    """The eigenvalues of a divided tridiagonal matrix, with the scale that they had.

    Parameters
    ----------
    divided : ndarray, shape (n, 3)
        The matrix as `tridiagonal` divided it.
    ends : list of ndarray, shapes (w, 4)
        Eigenvalues in the first column.

    Returns
    -------
    ndarrays, shapes (w, 1)
    """
    power = int(divided[0, UNIT])
    return tuple(np.asfortranarray(np.ldexp(piece[:, EIGENVALUE : EIGENVALUE + 1], power)) for piece in ends)
