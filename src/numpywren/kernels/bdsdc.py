"""Singular values, and vectors, of a real bidiagonal matrix."""

from __future__ import annotations

import numpy as np

from numpywren.kernels import lapack_svd
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["bdsdc", "bdsdc_values"]

#: Largest order whose workspace LAPACK's 32-bit integers can index.
LARGEST = 26_000


def _strips(n: int, width: int) -> list[tuple[int, int]]:
    """First and last + 1 of each strip."""
    return [(start, min(start + width, n)) for start in range(0, n, width)]


def _shape(band_matrix: Shape, *, band: int, width: int) -> tuple[Shape, ...]:
    n = band_matrix[1]
    widths = [stop - start for start, stop in _strips(n, width)]
    return (*[(n, w) for w in widths] * 2, *[(w, 1) for w in widths])


def _flops(band_matrix: Shape, *, band: int, width: int) -> float:
    """8/3 n³ where nothing deflates; in practice much less."""
    return 8 / 3 * float(band_matrix[1]) ** 3


def _bidiagonal(band_matrix: NDArray, band: int) -> tuple[NDArray, NDArray]:
    """Diagonal and superdiagonal of a band that `gb2bd` has reduced; they are real."""
    d, e = np.array(band_matrix[2 * band - 1].real), np.zeros(max(1, band_matrix.shape[1] - 1), band_matrix.real.dtype)
    e[: len(d) - 1] = band_matrix[2 * band - 2, 1:].real
    if not (np.isfinite(d).all() and np.isfinite(e).all()):
        raise np.linalg.LinAlgError("SVD did not converge: the bidiagonal matrix holds infinities or NaNs")
    return d, e


def _decompose(d: NDArray, e: NDArray, compq: str, u: int, vt: int) -> None:
    """Call LAPACK; d becomes the singular values, in descending order.

    LAPACK scales only orders above 25, and takes for zeros what is within n² of the smallest number.
    """
    _, exponent = np.frexp(max(np.abs(d).max(initial=0), np.abs(e).max(initial=0)))
    np.ldexp(d, -exponent, out=d)
    np.ldexp(e, -exponent, out=e)
    info = lapack_svd.bdsdc(LETTERS[d.dtype], compq, len(d), d, e, u, vt, max(1, len(d)))
    if info:
        raise np.linalg.LinAlgError(f"SVD did not converge: LAPACK's bdsdc returned {info}")
    np.ldexp(d, exponent, out=d)


def _by_dqds(d: NDArray, e: NDArray) -> NDArray:
    """Singular values by dqds in double precision; each to a relative error that grows slowly with n."""
    values = d.astype(np.float64)
    _decompose(values, e.astype(np.float64), "N", address(values), address(values))
    return values


def _by_halving(d: NDArray, e: NDArray) -> NDArray | None:
    """Singular values by divide and conquer in double precision, to a few ε of the largest; None if that fails.

    As in ``bdsdc``, elements below ε of the largest count as ε, or cut the matrix where they are above the diagonal.
    """
    n, unit = len(d), np.finfo(np.float64).eps
    scale = max(np.abs(d).max(), np.abs(e[: n - 1]).max(initial=0.0))
    if not scale:
        return np.zeros(n)
    main, above = d / scale, np.append(e[: n - 1] / scale, 0.0)
    small = np.abs(main) < unit
    main[small] = np.copysign(unit, main[small])
    start = 0
    for cut in (np.flatnonzero(np.abs(above) < unit) + 1).tolist():
        if cut - start > 1 and lapack_svd.lasda(main[start:cut], above[start:cut]):
            return None
        start = cut
    values: NDArray = np.sort(np.abs(main))[::-1] * scale
    return values


def _best(by_dqds: NDArray, by_halving: NDArray) -> NDArray:
    """The values near the largest by divide and conquer, the others by dqds: with the smaller error each."""
    values = np.where(4 * by_dqds > by_dqds[:1], by_halving, by_dqds)
    return np.minimum.accumulate(values)


def _work(band_matrix: Shape, *, band: int, width: int) -> int:
    """U and Vᵀ, and LAPACK's 3 n² + 4 n."""
    return 5 * band_matrix[1] ** 2 + 8 * band_matrix[1]


@kernel(results="any", shape=_shape, flops=_flops, work=_work)
def bdsdc(band_matrix: NDArray, *, band: int, width: int) -> tuple[NDArray, ...]:
    """Singular value decomposition of a real bidiagonal matrix by divide and conquer: B = U diag(s) Vᵀ.

    Parameters
    ----------
    band_matrix : ndarray, shape (3 band - 1, n)
        The band that `gb2bd` has reduced.
    band : int
        Its bandwidth before that.
    width : int
        Columns of a strip.

    Returns
    -------
    U_0, U_1, … : ndarray, shape (n, width)
        Strips of columns of U, the last one with those that are left; real.
    V_0, V_1, … : ndarray, shape (n, width)
        The same of V.
    s_0, s_1, … : ndarray, shape (width, 1)
        Singular values in descending order.

    Raises
    ------
    numpy.linalg.LinAlgError
        If it does not converge, as with NaNs.
    ValueError
        If n is larger than LAPACK's integers allow.

    References
    ----------
    M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the bidiagonal SVD", SIAM J. Matrix Anal. Appl. 16
    (1995). LAPACK: ``bdsdc``.
    """
    n = band_matrix.shape[1]
    if n > LARGEST:
        raise ValueError(f"bdsdc got a matrix of order {n}; its vectors can be computed up to order {LARGEST}")
    d, e = _bidiagonal(band_matrix, band)
    by_dqds = _by_dqds(d, e)
    u, vt = fresh((n, n), d.dtype), fresh((n, n), d.dtype)
    _decompose(d, e, "I", address(u), address(vt))
    d = _best(by_dqds, d) if d.dtype == np.float64 else by_dqds.astype(d.dtype)
    strips = _strips(n, width)
    return (
        *(u[:, start:stop] for start, stop in strips),
        *(np.array(vt[start:stop].T, order="F") for start, stop in strips),
        *(d[start:stop, None].copy() for start, stop in strips),
    )


def _values_shape(band_matrix: Shape, *, band: int, width: int) -> tuple[Shape, ...]:
    return tuple((stop - start, 1) for start, stop in _strips(band_matrix[1], width))


@kernel(results="any", shape=_values_shape, flops=lambda band_matrix, *, band, width: 40.0 * band_matrix[1] ** 2)
def bdsdc_values(band_matrix: NDArray, *, band: int, width: int) -> tuple[NDArray, ...]:
    """Singular values of a real bidiagonal matrix, as `bdsdc`, which see for parameters and errors.

    Those near the largest are computed by divide and conquer, to a few ε of the largest whatever the order; the others
    by dqds, to high relative accuracy: among the largest its errors grow to some tens of ε. All in double precision,
    which costs nothing beside what led to the matrix.

    Returns
    -------
    s_0, s_1, … : ndarray, shape (width, 1)

    References
    ----------
    B. N. Parlett, O. A. Marques, "An implementation of the dqds algorithm (positive case)", Linear Algebra Appl. 309
    (2000). LAPACK: ``lasq1``, ``lasda``.
    """
    d, e = _bidiagonal(band_matrix, band)
    found = _by_dqds(d, e)
    if d.dtype == np.float64:
        by_halving = _by_halving(d, e)
        if by_halving is not None:
            found = _best(found, by_halving)
    values = found.astype(d.dtype)
    return tuple(values[start:stop, None].copy() for start, stop in _strips(len(values), width))
