"""Means and variances of columns from pieces, one a tile.

A piece has a row each for counts, means and sums of squared distances from the mean. Pieces of more observations are
joined from those of fewer without a second look at the numbers, and without the cancellation of Σx² - (Σx)²/n.

References
----------
T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance: analysis and recommendations",
The American Statistician 37 (1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.sketch import TYPES
from numpywren.lambdapack.kernel import kernel

__all__ = ["as_vector", "explained", "join_moments", "means_and_deviations", "moments"]

#: Columns looked at a time: they stay in the cache between the sum and the squares.
_PANEL = 64


def _double(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    return np.result_type(dtype, np.float64)


@kernel(shape=lambda a, adjoint=0: (3, a[0] if adjoint else a[1]), flops=lambda a, adjoint=0: 4.0 * math.prod(a))
def moments(a: NDArray, *, adjoint: int = 0) -> NDArray:
    """Count, mean and sum of squared distances from the mean of each column, or of each row of the conjugate.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    adjoint : {0, 1}
        Look at Aᴴ instead.

    Returns
    -------
    ndarray, shape (3, n), or (3, m) if `adjoint`
        In double precision.
    """
    observations = a.conj().T if adjoint else a
    count, columns = observations.shape
    result = np.zeros((3, columns), _double(common_dtype(a)), order="F")
    result[0] = count
    if not count:
        return result
    for start in range(0, columns, _PANEL):
        part = slice(start, min(start + _PANEL, columns))
        panel = observations[:, part].astype(result.dtype, order="F")
        mean = panel.mean(axis=0)
        panel -= mean
        result[1, part] = mean
        result[2, part] = np.square(np.abs(panel)).sum(axis=0)
    return result


def _joined(pieces: Sequence[NDArray]) -> NDArray:
    total: NDArray = pieces[0].copy(order="F")
    for piece in pieces[1:]:
        count = total[0].real + piece[0].real
        share = np.divide(piece[0].real, count, out=np.zeros_like(count), where=count > 0)
        apart = piece[1] - total[1]
        total[2] += piece[2] + np.square(np.abs(apart)) * total[0].real * share
        total[1] += apart * share
        total[0] = count
    return total


@kernel(shape=lambda pieces: pieces[0])
def join_moments(pieces: Sequence[NDArray]) -> NDArray:
    """Moments of all observations from those of parts of them.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (3, n)
        From `moments`, or from this kernel.

    Returns
    -------
    ndarray, shape (3, n)
    """
    return _joined(pieces)


@kernel(results=2, shape=lambda pieces, code=1: ((1, pieces[0][1]), (1, 1)))
def means_and_deviations(pieces: Sequence[NDArray], *, code: int) -> tuple[NDArray, NDArray]:
    """Means of some columns, and the sum of all their squared distances from them.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (3, n)
        From `moments` or `join_moments`.
    code : int
        Type of the data, as `numpywren.kernels.sketch.TYPES` counts; the means are given in its precision.

    Returns
    -------
    means : ndarray, shape (1, n)
    total : ndarray, shape (1, 1)
    """
    found = _joined(pieces)
    dtype = TYPES[code]
    total = np.full((1, 1), found[2].real.sum(), np.float64, order="F")
    return found[1:2].astype(dtype, order="F"), total


@kernel(shape=lambda row: (row[1],))
def as_vector(row: NDArray) -> NDArray:
    """A matrix of one row as a vector."""
    return np.array(row[0])


@kernel(results=2, shape=lambda s, totals, count=1: (s, s))
def explained(s: NDArray, totals: Sequence[NDArray], *, count: int) -> tuple[NDArray, NDArray]:
    """Variances along principal components, and their shares of the total variance.

    Parameters
    ----------
    s : ndarray, shape (k,)
        Singular values of the centred data.
    totals : list of ndarray, each of shape (1, 1)
        Their sum is that of all squared distances from the means.
    count : int
        Observations.

    Returns
    -------
    variance, ratio : ndarray, shape (k,)
        s² / (count - 1), and s² / total; zeros where nothing varies.
    """
    squares = np.square(s.real.astype(np.float64))
    total = math.fsum(float(piece[0, 0].real) for piece in totals)
    ratio = squares / total if total > 0 else np.zeros_like(squares)
    return (squares / max(1, count - 1)).astype(s.real.dtype), ratio.astype(s.real.dtype)
