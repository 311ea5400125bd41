"""Tournament pivoting: the pivot rows of a panel, found without ever holding all of it.

Groups of tiles each name as many rows as the panel has columns, by Gaussian elimination with partial pivoting; the rows
named, with their original values, play on in a tree until as many are left for the whole panel.

References
----------
L. Grigori, J. Demmel, H. Xiang, "CALU: a communication optimal LU factorization algorithm", SIAM J. Matrix Anal. Appl.
32 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.getrf import check_panel, factored, getrf_flops, stacked
from numpywren.kernels.laswp import put
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.pivots import exchanges, pivot_table, places
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack.kernel import kernel

__all__ = ["candidates", "contest", "crown", "tstrf"]


def _best(rows: NDArray) -> NDArray:
    """Which rows partial pivoting chooses, in order; overwrites them."""
    order = np.arange(len(rows))
    swaps = factored(rows)
    for t, other in enumerate(swaps.tolist()):
        order[t], order[other] = order[other], order[t]
    return order[: len(swaps)]


def _candidates_shape(tiles: tuple[Shape, ...], *, first: int = 0) -> tuple[Shape, Shape]:
    n = check_panel("candidates", tiles)
    count = min(n, sum(shape[0] for shape in tiles))
    return (count, n), (count, 1)


@kernel(
    results=2,
    shape=_candidates_shape,
    flops=lambda tiles, *, first=0: getrf_flops(sum(shape[0] for shape in tiles), tiles[0][1]),
)
def candidates(tiles: Sequence[NDArray], *, first: int = 0) -> tuple[NDArray, NDArray]:
    """Rows of some tiles that partial pivoting would choose.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m0, n), (m1, n), …
        Tiles of a panel one below another.
    first : int
        Number of the first of them in the panel, counted from the diagonal tile.

    Returns
    -------
    rows : ndarray, shape (min(m, n), n)
        Their values before elimination, the first pivot first.
    where : ndarray of int64, shape (min(m, n), 1)
        Their places in the panel: see `numpywren.kernels.pivots`.
    """
    check_panel("candidates", [tile.shape for tile in tiles])
    place = np.concatenate([places(first + number, len(tile)) for number, tile in enumerate(tiles)])
    return _chosen(tiles, place)


def _chosen(tiles: Sequence[NDArray], place: NDArray) -> tuple[NDArray, NDArray]:
    dtype = common_dtype(*tiles)
    best = _best(stacked(tiles, dtype))
    rows = np.empty((len(best), tiles[0].shape[1]), dtype, order="F")
    start = 0
    for tile in tiles:
        mine = np.flatnonzero((start <= best) & (best < start + len(tile)))
        rows[mine] = tile[best[mine] - start]
        start += len(tile)
    return rows, place[best][:, None]


def _contest_shape(rows: tuple[Shape, ...], where: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    if len(rows) != len(where) or any(w != (r[0], 1) for r, w in zip(rows, where, strict=True)):
        raise ValueError(f"contest got rows of shapes {rows} in places of shapes {where}; wanted a place for each row")
    return _candidates_shape(rows)


@kernel(
    results=2,
    shape=_contest_shape,
    flops=lambda rows, where: getrf_flops(sum(shape[0] for shape in rows), rows[0][1]) if len(rows) > 1 else 0.0,
)
def contest(rows: Sequence[NDArray], where: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """Winners among candidates; one set of candidates alone wins as it is.

    Parameters
    ----------
    rows, where : list of ndarray
        What `candidates` or `contest` gave.

    Returns
    -------
    rows : ndarray, shape (min(m, n), n)
    where : ndarray of int64, shape (min(m, n), 1)
    """
    _contest_shape(tuple(r.shape for r in rows), tuple(w.shape for w in where))
    if len(rows) == 1:
        return rows[0], where[0]
    return _chosen(rows, np.concatenate(where)[:, 0])


def _crown_shape(top: Shape, rows: Shape, where: Shape) -> tuple[Shape, Shape]:
    if len(top) != 2 or rows != (min(rows[0], top[1]), top[1]) or where != (rows[0], 1) or rows[0] > top[0]:
        raise ValueError(f"crown got a tile of shape {top}, rows of shape {rows} and places of shape {where}")
    return top, (top[0], 2)


@kernel(results=2, shape=_crown_shape, flops=lambda top, rows, where: getrf_flops(top[0], top[1]))
def crown(top: NDArray, rows: NDArray, where: NDArray) -> tuple[NDArray, NDArray]:
    """Factor the rows that won, and say which exchanges bring them to the top.

    Parameters
    ----------
    top : ndarray, shape (m0, n)
        The panel's first tile.
    rows, where : ndarray, shapes (k, n) and (k, 1)
        The winners, k ≤ m0.

    Returns
    -------
    lu : ndarray, shape (m0, n)
        The first tile of the factored panel, as `getrf` gives it.
    pivots : ndarray of int64, shape (m0, 2)
    """
    _crown_shape(top.shape, rows.shape, where.shape)
    count = len(rows)
    packed = column_copy(rows, common_dtype(top, rows))
    order = np.arange(count)
    for t, other in enumerate(factored(packed).tolist()):
        order[t], order[other] = order[other], order[t]
    pivots = pivot_table(exchanges(where[order, 0].tolist()), len(top))
    if count == len(top):
        return packed, pivots
    # rows of the first tile that are below its last column are rows of L
    below = put(top, top, pivots, tile=0)[count:]
    return stacked([packed, tstrf(below, packed)], packed.dtype), pivots


def _tstrf_shape(b: Shape, lu: Shape) -> Shape:
    if len(b) != 2 or len(lu) != 2 or b[1] != lu[1] or lu[0] < lu[1]:
        raise ValueError(
            f"tstrf got a tile of shape {b} and factors of shape {lu}; wanted as many columns, and U square"
        )
    return b


@kernel(shape=_tstrf_shape, flops=lambda b, lu: float(math.prod(b)) * lu[1])
def tstrf(b: NDArray, lu: NDArray) -> NDArray:
    """A tile of L, from one of A whose rows were exchanged: B U⁻¹.

    Parameters
    ----------
    b : ndarray, shape (m, n)
    lu : ndarray, shape (k, n), k ≥ n
        Packed factors of the panel's first tile.

    Returns
    -------
    ndarray, shape (m, n)
        With a column of zeros for each pivot that is exactly zero, as LAPACK leaves it: elimination has made that
        column zero in all rows, up to rounding.

    Notes
    -----
    m n² flops.
    """
    _tstrf_shape(b.shape, lu.shape)
    u = lu[: lu.shape[1]]
    zero = np.flatnonzero(u.diagonal() == 0)
    if zero.size:
        u = u.copy("F")
        u[zero, zero] = np.finfo(u.dtype).max  # makes of any remainder something that is next to nothing
    x: NDArray = trsm(b, u, side="R", uplo="U")
    x[:, zero] = 0
    return x
