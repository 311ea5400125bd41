"""Steps of the reduction of a matrix of tiles to an upper band, panel by panel.

Inside one step of the program `numpywren.algorithms.ge2gb` the tiles S stay as they are, and the current matrix is

    A = S - Σ_t V_t Y_tᴴ - Σ_t X_t U_tᴴ,

with one term for each panel of columns (V_t, Y_tᴴ) and one for each panel of rows (X_t, U_t) that the step has had, as
in LAPACK's ``labrd``, but a panel at a time. A panel is one array for each tile of rows (V, X) or of columns (Yᴴ, U).
Rows of V and U before the panel are zeros, and so are those of X and columns of Yᴴ that are finished: whatever the
tiles hold there is never used again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.kernels.capsule import NDArray
from numpywren.kernels.gemm import add_product, gemm
from numpywren.kernels.geqrt import geqrt
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["column_panel", "first_columns", "left_update", "right_update", "right_update_last", "row_panel"]


def _reflectors(tiles: Sequence[NDArray], first: int) -> tuple[list[NDArray], NDArray, NDArray]:
    """V, T and R of tiles on top of one another, from row `first` on; V has zeros above."""
    *v, t, r = geqrt([tiles[0][first:], *tiles[1:]])
    if first:
        padded = np.zeros((tiles[0].shape[0], v[0].shape[1]), v[0].dtype, order="F")
        padded[first:] = v[0]
        v[0] = padded
    return v, t, r


def _products(panel: Sequence[NDArray], others: Sequence[NDArray], dtype: np.dtype[Any]) -> NDArray:
    """Vᴴ [Z_0 Z_1 …], where `others` lists the pieces of Z_0, then those of Z_1, and so on."""
    made = [np.zeros((panel[0].shape[1], 0), dtype)]
    for start in range(0, len(others), len(panel)):
        total = np.zeros((panel[0].shape[1], others[start].shape[1]), dtype, order="F")
        for mine, other in zip(panel, others[start : start + len(panel)], strict=True):
            add_product(total, 1.0, mine, other, transa="C")
        made.append(total)
    return np.asfortranarray(np.hstack(made))


def _stacked_products(others: Sequence[NDArray], panel: Sequence[NDArray], dtype: np.dtype[Any]) -> NDArray:
    """[Z_0; Z_1; …] U, where `others` lists the pieces of Z_0, then those of Z_1, and so on."""
    made = [np.zeros((0, panel[0].shape[1]), dtype)]
    for start in range(0, len(others), len(panel)):
        total = np.zeros((others[start].shape[0], panel[0].shape[1]), dtype, order="F")
        for other, mine in zip(others[start : start + len(panel)], panel, strict=True):
            add_product(total, 1.0, other, mine)
        made.append(total)
    return np.concatenate(made)


def _width(shapes: Sequence[Shape], count: int, axis: int) -> int:
    """Sum of the widths of panels that are listed one after another, `count` pieces each."""
    return sum(shapes[at][axis] for at in range(0, len(shapes), count)) if count else 0


def _column_shape(
    pieces: Sequence[Shape], vs: Sequence[Shape], xs: Sequence[Shape], *, first: int = 0
) -> tuple[Shape, ...]:
    w, count = pieces[0][1], len(pieces)
    return (*pieces, (w, w), (w, w), (w, _width(vs, count, 1) + _width(xs, count, 1)))


def _column_flops(pieces: Sequence[Shape], vs: Sequence[Shape], xs: Sequence[Shape], *, first: int = 0) -> float:
    rows, w = sum(shape[0] for shape in pieces), pieces[0][1]
    count = len(pieces)
    return 3.0 * rows * w * w + 2.0 * rows * w * (_width(vs, count, 1) + _width(xs, count, 1))


@kernel(results="any", shape=_column_shape, flops=_column_flops)
def column_panel(
    pieces: Sequence[NDArray], vs: Sequence[NDArray], xs: Sequence[NDArray], *, first: int = 0
) -> tuple[NDArray, ...]:
    """Reflectors that make a panel of columns upper triangular.

    Parameters
    ----------
    pieces : list of ndarray, shapes (m_i, w)
        The current columns, one array for each tile of rows.
    vs, xs : list of ndarray
        V_t and X_t of the panels that this step has had, t by t, one array for each tile of rows.
    first : int
        Rows of the first piece that are finished.

    Returns
    -------
    V_0, V_1, … : ndarray, shapes (m_i, w)
        The reflectors, with ones on the diagonal and zeros above it.
    T : ndarray, shape (w, w)
        I - V T Vᴴ is their product Q, and Qᴴ times the columns is R over zeros.
    R : ndarray, shape (w, w)
        Upper triangular, with a real diagonal.
    W : ndarray, shape (w, widths of the panels before)
        Vᴴ [V_0 V_1 … X_0 X_1 …].

    References
    ----------
    LAPACK: ``geqrt``.
    """
    v, t, r = _reflectors(pieces, min(first, pieces[0].shape[0]))
    return (*v, t, r, _products(v, [*vs, *xs], t.dtype))


def _row_shape(
    pieces: Sequence[Shape], yhs: Sequence[Shape], us: Sequence[Shape], *, first: int = 0
) -> tuple[Shape, ...]:
    w, count = pieces[0][0], len(pieces)
    k = min(w, sum(shape[1] for shape in pieces))
    return (*((shape[1], k) for shape in pieces), (k, k), (w, k), (_width(yhs, count, 0) + _width(us, count, 1), k))


def _row_flops(pieces: Sequence[Shape], yhs: Sequence[Shape], us: Sequence[Shape], *, first: int = 0) -> float:
    columns, w = sum(shape[1] for shape in pieces), pieces[0][0]
    count = len(pieces)
    return 3.0 * columns * w * w + 2.0 * columns * w * (_width(yhs, count, 0) + _width(us, count, 1))


@kernel(results="any", shape=_row_shape, flops=_row_flops)
def row_panel(
    pieces: Sequence[NDArray], yhs: Sequence[NDArray], us: Sequence[NDArray], *, first: int = 0
) -> tuple[NDArray, ...]:
    """Reflectors that make a panel of rows lower triangular, from the right.

    Parameters
    ----------
    pieces : list of ndarray, shapes (w, n_j)
        The current rows, one array for each tile of columns.
    yhs, us : list of ndarray
        Y_tᴴ and U_t of the panels that this step has had, t by t, one array for each tile of columns.
    first : int
        Columns of the first piece that are finished.

    Returns
    -------
    U_0, U_1, … : ndarray, shapes (n_j, k)
        The reflectors, with ones on the diagonal and zeros above it; k is w, or the number of columns that are left.
    T : ndarray, shape (k, k)
        P = I - U T Uᴴ is their product, and the rows times P are L beside zeros.
    L : ndarray, shape (w, k)
        Lower triangular, with a real diagonal.
    W : ndarray, shape (widths of the panels before, k)
        [Y_0ᴴ; Y_1ᴴ; …; U_0ᴴ; U_1ᴴ; …] U.
    """
    u, t, r = _reflectors([piece.conj().T for piece in pieces], min(first, pieces[0].shape[1]))
    above = _stacked_products(yhs, u, t.dtype)
    below = _products(u, us, t.dtype).conj().T
    return (*u, t, np.asfortranarray(r.conj().T), np.asfortranarray(np.concatenate([above, below])))


def _left_shape(
    product: Shape,
    w: Shape,
    t: Shape,
    yhs: Sequence[Shape],
    us: Sequence[Shape],
    s: Shape,
    vs: Sequence[Shape],
    xs: Sequence[Shape],
    *,
    first: int = 0,
    done: int = 0,
) -> tuple[Shape, Shape]:
    return product, product


def _left_flops(product: Shape, w: Shape, t: Shape, *lists: object, first: int = 0, done: int = 0) -> float:
    return 2.0 * product[1] * product[0] * (2 * w[1] + 2 * product[0])


@kernel(results=2, shape=_left_shape, flops=_left_flops)
def left_update(
    product: NDArray,
    w: NDArray,
    t: NDArray,
    yhs: Sequence[NDArray],
    us: Sequence[NDArray],
    s: NDArray,
    vs: Sequence[NDArray],
    xs: Sequence[NDArray],
    *,
    first: int = 0,
    done: int = 0,
) -> tuple[NDArray, NDArray]:
    """One tile of columns of Yᴴ = Tᴴ Vᴴ A, and of the rows that the panel has made current.

    Parameters
    ----------
    product : ndarray, shape (w, n_j)
        Σ_i V_iᴴ S(i, j).
    w, t : ndarray
        W and T of the column panel.
    yhs, us : list of ndarray
        Y_tᴴ and U_t in this tile of columns, for each panel before.
    s : ndarray, shape (m, n_j)
        S(p, j), in whose rows the panel lies.
    vs, xs : list of ndarray
        V_t in these rows for each panel, this one included; X_t for each before.
    first : int
        The row of the tile in which the panel starts.
    done : int
        Columns of this tile that are finished.

    Returns
    -------
    yh : ndarray, shape (w, n_j)
    rows : ndarray, shape (w, n_j)
        The panel's rows of the current matrix, to the left of which all is finished.
    """
    inner = np.array(product, order="F")
    at = 0
    for yh in yhs:
        add_product(inner, -1.0, w[:, at : at + yh.shape[0]], yh)
        at += yh.shape[0]
    for u in us:
        add_product(inner, -1.0, w[:, at : at + u.shape[1]], u, transb="C")
        at += u.shape[1]
    mine = gemm(t, inner, transa="C")
    mine[:, :done] = 0
    across = slice(first, first + product.shape[0])
    rows = np.array(s[across], dtype=mine.dtype, order="F")
    for v, yh in zip(vs, [*yhs, mine], strict=True):
        add_product(rows, -1.0, v[across], yh)
    for x, u in zip(xs, us, strict=True):
        add_product(rows, -1.0, x[across], u, transb="C")
    rows[:, :done] = 0
    return mine, rows


def _right(
    product: NDArray, w: NDArray, t: NDArray, vs: Sequence[NDArray], xs: Sequence[NDArray], done: int
) -> NDArray:
    """X = A U T in one tile of rows."""
    inner = np.array(product, order="F")
    at = 0
    for factor in (*vs, *xs):
        add_product(inner, -1.0, factor, w[at : at + factor.shape[1]])
        at += factor.shape[1]
    x: NDArray = gemm(inner, t)
    x[:done] = 0
    return x


def _right_flops(product: Shape, w: Shape, t: Shape, *lists: object, **options: int) -> float:
    return 2.0 * product[0] * product[1] * (w[0] + product[1])


@kernel(shape=lambda product, *others, done=0: product, flops=_right_flops)
def right_update_last(
    product: NDArray, w: NDArray, t: NDArray, vs: Sequence[NDArray], xs: Sequence[NDArray], *, done: int = 0
) -> NDArray:
    """One tile of rows of X = A U T.

    Parameters
    ----------
    product : ndarray, shape (m_i, k)
        Σ_j S(i, j) U_j.
    w, t : ndarray
        W and T of the row panel.
    vs, xs : list of ndarray
        V_t in this tile of rows for each panel of the step so far; X_t for each before this one.
    done : int
        Rows of this tile that are finished.

    Returns
    -------
    ndarray, shape (m_i, k)
    """
    return _right(product, w, t, vs, xs, done)


def _right_shape(
    product: Shape,
    w: Shape,
    t: Shape,
    vs: Sequence[Shape],
    xs: Sequence[Shape],
    s: Shape,
    yhs: Sequence[Shape],
    us: Sequence[Shape],
    *,
    first: int = 0,
    width: int = 1,
    done: int = 0,
) -> tuple[Shape, Shape]:
    return product, (s[0], max(0, min(width, s[1] - first)))


@kernel(results=2, shape=_right_shape, flops=_right_flops)
def right_update(
    product: NDArray,
    w: NDArray,
    t: NDArray,
    vs: Sequence[NDArray],
    xs: Sequence[NDArray],
    s: NDArray,
    yhs: Sequence[NDArray],
    us: Sequence[NDArray],
    *,
    first: int = 0,
    width: int = 1,
    done: int = 0,
) -> tuple[NDArray, NDArray]:
    """One tile of rows of X = A U T, and of the columns of the next panel.

    Parameters
    ----------
    product, w, t, vs, xs, done
        As in `right_update_last`.
    s : ndarray, shape (m_i, n)
        S(i, p), in whose columns the next panel lies.
    yhs, us : list of ndarray
        Y_tᴴ and U_t in that tile of columns, for each panel so far.
    first, width : int
        The column of the tile in which the next panel starts, and how many it has at most.

    Returns
    -------
    x : ndarray, shape (m_i, k)
    columns : ndarray, shape (m_i, w)
        The next panel's columns of the current matrix.
    """
    x = _right(product, w, t, vs, xs, done)
    down = slice(first, first + width)
    columns = np.array(s[:, down], dtype=x.dtype, order="F")
    for v, yh in zip(vs, yhs, strict=True):
        add_product(columns, -1.0, v, yh[:, down])
    for before, u in zip([*xs, x], us, strict=True):
        add_product(columns, -1.0, before, u[down], transb="C")
    return x, columns


@kernel(shape=lambda a, *, width: (a[0], min(width, a[1])))
def first_columns(a: NDArray, *, width: int) -> NDArray:
    """The first `width` columns of a tile, or all that there are."""
    return np.array(a[:, :width], order="F")
