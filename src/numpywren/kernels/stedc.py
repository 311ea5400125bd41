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


def _tridiagonal(band_matrix: NDArray, start: int, stop: int) -> tuple[NDArray, NDArray]:
    """Fresh copies of part of the diagonal and of what is below it, real; there is nothing below the last element."""
    real = np.zeros(0, common_dtype(band_matrix)).real.dtype
    d, e = np.array(band_matrix[:2, start:stop].real, real, order="C")
    if stop == band_matrix.shape[1]:
        e[-1:] = 0
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
    d, e = _tridiagonal(band_matrix, 0, band_matrix.shape[1])
    lapack_eig.check_converged("sterf", lapack_eig.sterf(d, e) if d.size else 0)
    return d[slice(*_wanted(d.size, first, count)), None]


#: Columns of the tile that holds a piece of the tridiagonal matrix.
DIAGONAL, BELOW, UNIT = range(3)


@kernel(
    shape=lambda band_matrix, begun, *, start, stop: (stop - start, 3), work=lambda band_matrix, begun, **rows: begun[1]
)
def tridiagonal(band_matrix: NDArray, begun: NDArray, *, start: int, stop: int) -> NDArray:
    """Take a piece out of a real symmetric tridiagonal matrix, less matrices of rank one at the cuts.

    Parameters
    ----------
    band_matrix : ndarray, shape (2 or more, n)
        The diagonal in its first row, and in the second what is below the diagonal; imaginary parts are not read, nor
        is what lies right of the piece.
    begun : ndarray, shape (2 or more, n)
        The band that became this matrix, by which it is scaled.
    start, stop : int
        The piece's first row, and the one after its last.

    Returns
    -------
    ndarray, shape (m, 3)
        The diagonal, less the absolute value of what is beside each cut; what is below the diagonal, the cut after the
        piece included; and in the first row the power of two by which both were divided, so that the band's largest
        element is between 1/2 and 1.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the piece holds infinities or NaNs.
    """
    first = max(0, start - 1)
    d, e = _tridiagonal(band_matrix, first, stop)
    largest = max((np.abs(row).max(initial=0) for row in begun), default=0)
    power = int(np.frexp(largest)[1]) if largest else 0
    piece = np.zeros((stop - start, 3), d.dtype, order="F")
    piece[:, DIAGONAL], piece[:, BELOW] = (np.ldexp(x[start - first :], -power) for x in (d, e))
    piece[:1, UNIT] = power
    if start:
        piece[:1, DIAGONAL] -= np.ldexp(np.abs(e[0]), -power)
    piece[-1:, DIAGONAL] -= np.abs(piece[-1:, BELOW])
    return piece


@kernel(
    results=2,
    shape=lambda piece: ((piece[0], ENDS), (piece[0], piece[0])),
    flops=lambda piece: 4 / 3 * float(piece[0]) ** 3,
    work=lambda piece: piece[0] ** 2 + 8 * piece[0],
)
def stedc_piece(piece: NDArray) -> tuple[NDArray, NDArray]:
    """Eigenvalues and eigenvectors of a piece of a tridiagonal matrix.

    Parameters
    ----------
    piece : ndarray, shape (m, 3)
        As `tridiagonal` gives it.

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
    m = len(piece)
    if piece.ndim != 2 or piece.shape[1] <= max(DIAGONAL, BELOW) or piece.dtype.kind != "f":
        raise ValueError(
            f"stedc_piece got a piece of shape {piece.shape} and {piece.dtype}; it wants what tridiagonal gives"
        )
    d, e = piece[:, DIAGONAL].copy(), piece[: max(0, m - 1), BELOW].copy()
    q, ends = fresh((m, m), d.dtype), np.ones((m, ENDS), d.dtype, order="F")
    if m:
        lapack_eig.check_converged("stedc", lapack_eig.stedc(d, e, q))
        ends[:, EIGENVALUE], ends[:, FIRST], ends[:, LAST], ends[:, NORM] = d, q[0], q[-1], 1
    return ends, q


def _unscaled_shape(piece: Shape, ends: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return tuple((strip[0], 1) for strip in ends)


@kernel(results="any", shape=_unscaled_shape)
def stedc_values(piece: NDArray, ends: Sequence[NDArray]) -> tuple[NDArray, ...]:
    """The eigenvalues of a tridiagonal matrix, with the scale that they had.

    Parameters
    ----------
    piece : ndarray, shape (m, 3)
        Any piece of it, as `tridiagonal` gives it.
    ends : list of ndarray, shapes (w, 4)
        Eigenvalues in the first column.

    Returns
    -------
    ndarrays, shapes (w, 1)
    """
    power = int(piece[0, UNIT])
    return tuple(np.asfortranarray(np.ldexp(strip[:, EIGENVALUE : EIGENVALUE + 1], power)) for strip in ends)
