"""Steps of the reduction of a Hermitian matrix of tiles to a band, panel by panel.

A panel is `band` columns of a tile column. Its QR factorization below the band, I - V T Vᴴ, is applied from both sides:
A ← Qᴴ A Q = A - V Wᴴ - W Vᴴ, W = Y - ½ V Tᴴ Vᴴ Y, Y = A V T. Inside a tile column A is not written; each panel counts
in what the panels before it explain. V and W are one array for each tile of rows, V with zeros above its first row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.kernels import lapack_qr
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.gemm import add_product, gemm
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["he2hb_block", "he2hb_inner", "he2hb_panel", "he2hb_update"]


def _rows(tiles: Sequence[NDArray]) -> list[slice]:
    """Where each tile lies when they stand on top of one another."""
    ends = np.cumsum([0, *(len(tile) for tile in tiles)]).tolist()
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


def _products(lefts: Sequence[NDArray], rights: Sequence[NDArray], dtype: np.dtype[Any]) -> NDArray:
    """Σ_i L_iᴴ R_i."""
    total = np.zeros((lefts[0].shape[1], rights[0].shape[1]), dtype, order="F")
    for left, right in zip(lefts, rights, strict=True):
        add_product(total, 1.0, left, right, transa="C")
    return total


def _current(
    columns: Sequence[NDArray], vs: Sequence[NDArray], ws: Sequence[NDArray], band: int, at: int, dtype: np.dtype[Any]
) -> list[NDArray]:
    """Columns of the panel, less what the panels before it in the tile column explain."""
    across = slice(at * band, (at + 1) * band)
    current = [np.array(tile[:, across], dtype, order="F") for tile in columns]
    for start in range(0, len(vs), len(columns)):
        v, w = vs[start : start + len(columns)], ws[start : start + len(columns)]
        for tile, v_i, w_i in zip(current, v, w, strict=True):
            add_product(tile, -1.0, v_i, w[0][across], transb="C")
            add_product(tile, -1.0, w_i, v[0][across], transb="C")
    return current


def _band_block(tile: NDArray, at: int, r: NDArray) -> NDArray:
    """Lower triangle of the diagonal block on top of the triangle below it."""
    width = tile.shape[1]
    start = min(at, len(tile))
    return np.asfortranarray(np.concatenate([np.tril(tile[start : start + width]), np.triu(r)]))


def _panel_shape(
    columns: tuple[Shape, ...], vs: tuple[Shape, ...], ws: tuple[Shape, ...], *, band: int, at: int
) -> tuple[Shape, ...]:
    begun = int((at + 1) * band < columns[0][0])
    return (
        *((rows, band) for rows, _ in columns[1 - begun :]),
        (band, band),
        (2 * band, band),
    )


def _panel_flops(
    columns: tuple[Shape, ...], vs: tuple[Shape, ...], ws: tuple[Shape, ...], *, band: int, at: int
) -> float:
    """2 m b² for QR, as much again for T, and 4 m b² for each panel before."""
    m = sum(rows for rows, _ in columns)
    return 3.0 * m * band**2 + 4.0 * m * band**2 * at


@kernel(results="any", shape=_panel_shape, flops=_panel_flops)
def he2hb_panel(
    columns: Sequence[NDArray], vs: Sequence[NDArray], ws: Sequence[NDArray], *, band: int, at: int
) -> tuple[NDArray, ...]:
    """Factor a panel below the band.

    Parameters
    ----------
    columns : list of ndarray, shapes (m_i, n)
        The tile column from the diagonal down, as it was before its first panel. There are rows below the band.
    vs, ws : list of ndarray, shapes (m_i, band)
        V and W of the panels before this one in the tile column, panel by panel, one array for each tile of rows.
    band : int
        Width of a panel, which divides that of a whole tile.
    at : int
        Number of the panel in the tile column.

    Returns
    -------
    V_i : ndarray, shapes (m_i, band)
        The reflectors; the first tile of rows has one only if the panel reaches below the band there.
    T : ndarray, shape (band, band)
        Qᴴ times the columns is R over zeros, with Q = I - V T Vᴴ.
    B : ndarray, shape (up to 2 band, band)
        Lower triangle of the diagonal block, and R below it.

    References
    ----------
    LAPACK: ``geqrt3``.
    """
    dtype = common_dtype(*columns, *vs, *ws)
    current = _current(columns, vs, ws, band, at, dtype)
    below = (at + 1) * band
    rows = [tile[below:] if i == 0 else tile for i, tile in enumerate(current)]
    places = _rows(rows)
    m = places[-1].stop
    # LAPACK wants no fewer rows than columns: rows of zeros make no difference
    a = fresh((max(m, band), band), dtype)
    for place, tile in zip(places, rows, strict=True):
        a[place] = tile
    a[m:] = 0
    t = np.zeros((band, band), dtype, order="F")
    lapack_qr.geqrt3(LETTERS[dtype], len(a), band, address(a), len(a), address(t), band)
    block = _band_block(current[0], at * band, a[: min(band, m)])
    np.copyto(a[:band], np.tril(a[:band], -1) + np.eye(band, dtype=dtype))
    v = []
    for i, (place, tile) in enumerate(zip(places, current, strict=True)):
        if i == 0 and below >= len(tile):
            continue
        reflectors = np.zeros((len(tile), band), dtype, order="F")
        reflectors[len(tile) - (place.stop - place.start) :] = a[place]
        v.append(reflectors)
    # what is above the diagonal of T is not written by LAPACK where it is below
    return (*v, np.asfortranarray(np.triu(t)), block)


def _block_shape(column: Shape, vs: tuple[Shape, ...], ws: tuple[Shape, ...], *, band: int, at: int) -> Shape:
    return (band, band)


@kernel(shape=_block_shape)
def he2hb_block(column: NDArray, vs: Sequence[NDArray], ws: Sequence[NDArray], *, band: int, at: int) -> NDArray:
    """The last diagonal block of the band, below which there is nothing.

    Parameters
    ----------
    column : ndarray, shape (n, n)
        The last diagonal tile, as it was before its first panel.
    vs, ws, band, at
        As for `he2hb_panel`.

    Returns
    -------
    ndarray, shape (up to band, up to band)
        Its lower triangle.
    """
    (current,) = _current([column], vs, ws, band, at, common_dtype(column, *vs, *ws))
    return _band_block(current, at * band, current[:0])


def _inner_shape(vs: tuple[Shape, ...], ws: tuple[Shape, ...], v: tuple[Shape, ...]) -> Shape:
    return (2 * sum(shape[1] for shape in vs) // max(1, len(v)), v[0][1])


def _inner_flops(vs: tuple[Shape, ...], ws: tuple[Shape, ...], v: tuple[Shape, ...]) -> float:
    return sum(4.0 * rows * width * v[0][1] for rows, width in vs)


@kernel(shape=_inner_shape, flops=_inner_flops)
def he2hb_inner(vs: Sequence[NDArray], ws: Sequence[NDArray], v: Sequence[NDArray]) -> NDArray:
    """Products of a panel's reflectors with those of the panels before it in the tile column.

    Parameters
    ----------
    vs, ws : list of ndarray, shapes (m_i, band)
        V and W of the panels before, panel by panel, one array for each tile of rows in `v`.
    v : list of ndarray, shapes (m_i, band)

    Returns
    -------
    ndarray, shape (2 · panels · band, band)
        For each panel t, W_tᴴ V on top of V_tᴴ V.
    """
    dtype = common_dtype(*vs, *ws, *v)
    made = []
    for start in range(0, len(vs), len(v)):
        made += [_products(each[start : start + len(v)], v, dtype) for each in (ws, vs)]
    return np.asfortranarray(np.concatenate(made))


def _update_shape(
    ys: tuple[Shape, ...],
    v: tuple[Shape, ...],
    t: Shape,
    vs: tuple[Shape, ...],
    ws: tuple[Shape, ...],
    inner: tuple[Shape, ...],
) -> tuple[Shape, ...]:
    return ys


def _update_flops(
    ys: tuple[Shape, ...],
    v: tuple[Shape, ...],
    t: Shape,
    vs: tuple[Shape, ...],
    ws: tuple[Shape, ...],
    inner: tuple[Shape, ...],
) -> float:
    m = sum(rows for rows, _ in ys)
    return 6.0 * m * t[0] ** 2 + sum(4.0 * rows * width * t[0] for rows, width in vs)


@kernel(results="any", shape=_update_shape, flops=_update_flops)
def he2hb_update(
    ys: Sequence[NDArray],
    v: Sequence[NDArray],
    t: NDArray,
    vs: Sequence[NDArray],
    ws: Sequence[NDArray],
    inner: Sequence[NDArray],
) -> tuple[NDArray, ...]:
    """W of a panel.

    Parameters
    ----------
    ys : list of ndarray, shapes (m_i, band)
        A V, with A as it was before the first panel of the tile column.
    v : list of ndarray, shapes (m_i, band)
    t : ndarray, shape (band, band)
        The panel's reflectors.
    vs, ws : list of ndarray
        V and W of the panels before in the tile column, panel by panel, one array for each tile of rows.
    inner : list of ndarray
        What `he2hb_inner` made of them; empty where there is none.

    Returns
    -------
    W_i : ndarray, shapes (m_i, band)
        W = Y - ½ V Tᴴ Vᴴ Y with Y = (A - Σ_t V_t W_tᴴ - W_t V_tᴴ) V T.
    """
    dtype = common_dtype(*ys, *v, t, *vs, *ws)
    band = t.shape[0]
    made = []
    for i, y in enumerate(ys):
        current = np.array(y, dtype, order="F")
        for number, start in enumerate(range(0, len(vs), len(ys))):
            from_w = inner[0][2 * number * band : (2 * number + 1) * band]
            from_v = inner[0][(2 * number + 1) * band : (2 * number + 2) * band]
            add_product(current, -1.0, vs[start + i], from_w)
            add_product(current, -1.0, ws[start + i], from_v)
        made.append(gemm(current, t))
    half = gemm(t, _products(v, made, dtype), transa="C")
    half *= 0.5
    for y, v_i in zip(made, v, strict=True):
        add_product(y, -1.0, v_i, half)
    return tuple(made)
