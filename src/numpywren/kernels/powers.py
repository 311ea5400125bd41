"""Norms of vectors from pieces, one a tile: sums of powers, largest and smallest absolute values, counts.

A piece has two columns, scale and sum, with the value sum · scaleᵖ, so that no power overflows or vanishes that
matters: the scale is the largest absolute value for positive p, the smallest for negative. Pieces are in double
precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.sketch import TYPES
from numpywren.lambdapack.kernel import kernel

__all__ = ["COUNT", "LARGEST", "POWER", "SMALLEST", "join_powers", "powers", "root_of_powers"]

#: What is asked for: a sum of powers, the largest or smallest absolute value, the number of elements that are not 0.
POWER, LARGEST, SMALLEST, COUNT = range(4)
#: Columns of a tile looked at together.
_PANEL = 64


@kernel(
    shape=lambda a, kind=0, power=2.0, whole=0: (1 if whole else a[0], 2),
    flops=lambda a, kind=0, power=2.0, whole=0: 4.0 * math.prod(a),
)
def powers(a: NDArray, *, kind: int, power: float, whole: int) -> NDArray:
    """Pieces for the norms of the rows of a tile, or for that of all of it.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    kind : int
        `POWER`, `LARGEST`, `SMALLEST` or `COUNT`.
    power : float
        The exponent, not 0, where sums of powers are wanted.
    whole : {0, 1}
        Whether all elements are one vector.

    Returns
    -------
    ndarray, shape (m, 2), or (1, 2) if `whole`
    """
    common_dtype(a)
    pieces = []
    for start in range(0, a.shape[1], _PANEL):
        sizes = np.abs(a[:, start : start + _PANEL].astype(np.result_type(a.dtype, np.float64), order="F"))
        if whole:
            sizes = sizes.reshape(1, -1)
        if kind == COUNT:
            pieces.append(_columns(np.ones(len(sizes)), np.count_nonzero(sizes, axis=1)))
            continue
        scale = sizes.max(axis=1) if _largest_counts(kind, power) else sizes.min(axis=1)
        if kind != POWER:
            pieces.append(_columns(scale, np.ones(len(scale))))
            continue
        usable = (scale > 0) & np.isfinite(scale)
        ratios = sizes / np.where(usable, scale, 1.0)[:, None]
        with np.errstate(divide="ignore"):
            # zeros and infinities speak for themselves: the scale says all
            pieces.append(_columns(scale, np.where(usable, (ratios**power).sum(axis=1), 1.0)))
    return _joined(pieces, kind, power)


def _columns(scale: NDArray, total: NDArray) -> NDArray:
    return np.column_stack([scale, total]).astype(np.float64, order="F")


def _largest_counts(kind: int, power: float) -> bool:
    return kind == LARGEST or (kind == POWER and power > 0)


def _joined(pieces: Sequence[NDArray], kind: int, power: float) -> NDArray:
    scales = np.stack([piece[:, 0].real for piece in pieces])
    totals = np.stack([piece[:, 1].real for piece in pieces])
    if kind == COUNT:
        return _columns(scales[0], totals.sum(axis=0))
    scale = scales.max(axis=0) if _largest_counts(kind, power) else scales.min(axis=0)
    if kind != POWER:
        return _columns(scale, totals[0])
    usable = (scale > 0) & np.isfinite(scale)
    ratios = np.where(usable, scales, 1.0) / np.where(usable, scale, 1.0)
    with np.errstate(divide="ignore"):
        total = (ratios**power * totals).sum(axis=0)
    return _columns(scale, np.where(usable, total, 1.0))


@kernel(shape=lambda pieces, kind=0, power=2.0: pieces[0], flops=lambda pieces, **_: 4.0 * len(pieces))
def join_powers(pieces: Sequence[NDArray], *, kind: int, power: float) -> NDArray:
    """The piece of several parts of the same vectors.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (m, 2)
    kind, power
        As for `powers`.

    Returns
    -------
    ndarray, shape (m, 2)
    """
    return _joined(pieces, kind, power)


@kernel(shape=lambda pieces, kind=0, power=2.0, code=1: (pieces[0][0], 1))
def root_of_powers(pieces: Sequence[NDArray], *, kind: int, power: float, code: int) -> NDArray:
    """Norms of vectors of which all parts are there.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (m, 2)
    kind, power
        As for `powers`.
    code : int
        Type of the vectors, as `numpywren.kernels.sketch.TYPES` counts.

    Returns
    -------
    ndarray, shape (m, 1)
        Real, in the precision of the vectors.
    """
    piece = _joined(pieces, kind, power)
    scale, total = piece[:, 0], piece[:, 1]
    if kind == COUNT:
        norms = total
    elif kind == POWER:
        with np.errstate(invalid="ignore", over="ignore"):
            norms = np.where((scale > 0) & np.isfinite(scale), scale * total ** (1 / power), scale)
    else:
        norms = scale
    with np.errstate(over="ignore"):
        return np.asfortranarray(norms.astype(np.empty(0, TYPES[code]).real.dtype)[:, None])
