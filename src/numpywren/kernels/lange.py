"""Norms of a matrix from pieces, one a tile.

The sum of squares travels as a pair (scale, sumsq) with the value scale² · sumsq, as in LAPACK's lassq, so that neither
the squares nor their sum overflow or vanish. The scale is a power of two: scaling then rounds nothing. Pieces have the
dtype of the tiles, so that they can be stored beside them; in a complex piece only the real part means anything.

Rows and columns of absolute sums from several tiles are added with ``+`` and ``sum`` of the language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = [
    "add_sums_of_squares",
    "column_sums",
    "largest",
    "largest_of",
    "norm_of_squares",
    "row_sums",
    "smallest_of",
    "sum_of_squares",
]


#: Elements of a panel.
_PANEL = 65536


def _elements(a: Shape, **_: object) -> float:
    """Count two an element."""
    return 2.0 * math.prod(a)


def _each(pieces: tuple[Shape, ...]) -> float:
    """Count a few a piece."""
    return 4.0 * len(pieces)


def _panels(a: NDArray) -> Iterator[NDArray]:
    """Cut a matrix into column-major panels that fit the cache, so that what is made of one stays there."""
    step = max(1, _PANEL // max(1, a.shape[0]))
    for start in range(0, a.shape[1], step):
        yield np.asfortranarray(a[:, start : start + step])


def _along_columns(a: NDArray) -> NDArray:
    """See a vector as a column, and transpose a matrix if its elements lie along rows: the sum of all is the same."""
    if a.ndim == 1:
        return a[:, None]
    return a.T if abs(a.strides[0]) > abs(a.strides[1]) else a


def _absolute_sums(a: NDArray, axis: int) -> NDArray:
    """Sum absolute values along an axis, whatever the layout."""
    along = _along_columns(a)
    if a.ndim == 2 and along is not a:
        axis = 1 - axis
    sums = np.zeros(along.shape[1 - axis], dtype=along.real.dtype)
    with np.errstate(over="ignore"):
        start = 0
        for panel in _panels(along):
            stop = start + panel.shape[1]
            if axis == 0:
                sums[start:stop] = np.abs(panel).sum(axis=0)
            else:
                sums += np.abs(panel).sum(axis=1)
            start = stop
    return sums


def _rows_shape(a: Shape) -> Shape:
    return (a[0], 1)


def _columns_shape(a: Shape) -> Shape:
    return (1, a[1] if len(a) == 2 else 1)


def _largest_magnitude(a: NDArray) -> float:
    """Largest absolute value, NaN if there is one; of complex numbers the larger of the parts."""
    if not a.size:
        return 0.0
    if a.dtype.kind == "c":
        return float(np.maximum(_largest_magnitude(a.real), _largest_magnitude(a.imag)))
    return float(np.maximum(a.max(), -a.min()))


def _power_of_two(magnitude: float) -> float:
    """Return the largest power of two that is not above this magnitude; any float32 gives one that float32 holds."""
    return math.ldexp(1.0, math.frexp(magnitude)[1] - 1)


def _pair(scale: float, sumsq: float, dtype: np.dtype[np.generic]) -> NDArray:
    return np.array([[scale], [sumsq]], dtype=dtype, order="F")


@kernel(shape=lambda a: (2, 1), flops=_elements)
def sum_of_squares(a: NDArray) -> NDArray:
    """Sum of the squares of the absolute values, as a pair.

    Parameters
    ----------
    a : ndarray
        The tile.

    Returns
    -------
    ndarray, shape (2, 1)
        scale and sumsq, so that the sum is scale² · sumsq. (inf, 1) if there is an infinity, NaN if there is a NaN.
    """
    dtype = common_dtype(a)
    magnitude = _largest_magnitude(a)
    if magnitude == 0.0:
        return _pair(0.0, 1.0, dtype)
    if not math.isfinite(magnitude):
        return _pair(magnitude, 1.0, dtype)
    scale = _power_of_two(magnitude)
    total = 0.0
    for panel in _panels(_along_columns(a)):
        flat = panel.reshape(-1, order="F")
        parts = flat.view(flat.real.dtype).astype(np.float64) / scale
        total += float(parts @ parts)
    return _pair(scale, total, dtype)


@kernel(shape=lambda pieces: (2, 1), flops=_each)
def add_sums_of_squares(pieces: Sequence[NDArray]) -> NDArray:
    """Add sums of squares.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (2, 1)
        Pairs from `sum_of_squares` or from this kernel; at least one.

    Returns
    -------
    ndarray, shape (2, 1)
        The pair of their sum.
    """
    pairs = [(float(piece[0, 0].real), float(piece[1, 0].real)) for piece in pieces]
    # The pieces' largest scale bounds every term: sumsq is at most the number of elements.
    scale = float(np.max([pair[0] for pair in pairs]))
    dtype = common_dtype(*pieces)
    if scale == 0.0 or not math.isfinite(scale):
        return _pair(scale, 1.0, dtype)
    return _pair(scale, math.fsum((s / scale) ** 2 * sumsq for s, sumsq in pairs), dtype)


@kernel(shape=lambda piece: (1, 1), flops=lambda piece: 2.0)
def norm_of_squares(piece: NDArray) -> NDArray:
    """Square root of a sum of squares: the Frobenius norm, as a 1×1 tile."""
    value = float(piece[0, 0].real) * math.sqrt(float(piece[1, 0].real))
    with np.errstate(over="ignore"):
        return np.full((1, 1), value, dtype=common_dtype(piece), order="F")


@kernel(shape=_columns_shape, flops=_elements)
def column_sums(a: NDArray) -> NDArray:
    """Sum of absolute values of each column, as a row of shape (1, n): pieces of the 1-norm."""
    return _absolute_sums(a, 0).astype(common_dtype(a))[None, :]


@kernel(shape=_rows_shape, flops=_elements)
def row_sums(a: NDArray) -> NDArray:
    """Sum of absolute values of each row, as a column of shape (m, 1): pieces of the infinity norm."""
    return _absolute_sums(a, 1).astype(common_dtype(a))[:, None]


@kernel(shape=lambda a: (1, 1), flops=_elements)
def largest(a: NDArray) -> NDArray:
    """Largest absolute value of a tile, as a 1×1 tile; NaN if there is one, 0 if the tile is empty."""
    if a.dtype.kind == "f":
        value = _largest_magnitude(a)
    else:
        value = float(np.max([np.abs(panel).max() for panel in _panels(_along_columns(a))])) if a.size else 0.0
    return np.full((1, 1), value, dtype=common_dtype(a), order="F")


@kernel(shape=lambda pieces: (1, 1), flops=_each)
def largest_of(pieces: Sequence[NDArray]) -> NDArray:
    """Largest real part in some tiles, as a 1×1 tile: combines pieces from `largest`; 0 if there is nothing."""
    values = [piece.real.max() for piece in pieces if piece.size]
    return np.full((1, 1), np.max(values) if values else 0.0, dtype=common_dtype(*pieces), order="F")


@kernel(shape=lambda pieces: (1, 1), flops=_each)
def smallest_of(pieces: Sequence[NDArray]) -> NDArray:
    """Smallest real part in some tiles, as a 1×1 tile; NaN if there is one, 0 if there is nothing."""
    values = [piece.real.min() for piece in pieces if piece.size]
    return np.full((1, 1), np.min(values) if values else 0.0, dtype=common_dtype(*pieces), order="F")
