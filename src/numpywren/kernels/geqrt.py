"""QR factorization of a column of tiles, with one compact WY factor for all of its reflectors.

LAPACK's blocked routines keep one small factor T for each few columns, and apply them one after another. With a T as
wide as the panel Q = I - V T Vᴴ is applied by a few large products, which a program may spread over tasks. It is made
by halving: factor the left half, apply it to the right half, factor that, and merge

    T = [ T1  -T1 (V1ᴴ V2) T2 ]
        [ 0    T2             ]

All but strips of a few columns is done by gemm, tile by tile: the tiles are never copied into one another.

References
----------
E. Elmroth, F. G. Gustavson, "Applying recursion to serial and parallel QR factorization leads to better performance",
IBM J. Res. Dev. 44 (2000). R. Schreiber, C. Van Loan, "A storage-efficient WY representation for products of
Householder transformations", SIAM J. Sci. Stat. Comput. 10 (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, Address, NDArray, address, common_dtype
from numpywren.kernels.lapack_qr import geqrt3
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.triangular import halves
from numpywren.lambdapack.kernel import kernel

__all__ = ["geqrf", "geqrt"]

#: Columns that are left to LAPACK.
_STRIP = 32


def _stacked(name: str, tiles: Sequence[Shape]) -> Shape:
    """Shape of the tiles on top of one another."""
    if not tiles or any(len(shape) != 2 or shape[1] != tiles[0][1] for shape in tiles):
        raise ValueError(f"{name} got tiles of shapes {list(tiles)}; it wants matrices of one width, at least one")
    return (sum(shape[0] for shape in tiles), tiles[0][1])


def _shape(tiles: Sequence[Shape], *, wide: int = 0) -> tuple[Shape, ...]:
    """Shapes of V, tile by tile, of T and of R."""
    m, n = _stacked("geqrt", tiles)
    r = n if wide else min(m, n)
    return (*((shape[0], r) for shape in tiles), (r, r), (min(m, n), n))


def _flops(tiles: Sequence[Shape], *, wide: int = 0) -> float:
    """2 m n² - 2 n³/3 for the factorization, and m n² - n³/3 for T."""
    return 1.5 * _flops_r(tiles)


def _flops_r(tiles: Sequence[Shape]) -> float:
    m, n = _stacked("geqrf", tiles)
    r = min(m, n)
    return 2.0 * r * (2 * m * n - (m + n) * r + 2 * r * r / 3)


@kernel(results="any", shape=_shape, flops=_flops)
def geqrt(tiles: Sequence[NDArray], *, wide: int = 0) -> tuple[NDArray, ...]:
    """Factor tiles on top of one another: A = Q R with Q = I - V T Vᴴ.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m1, n), (m2, n), ...
        A, of m = m1 + m2 + ... rows. Let r be min(m, n).
    wide : int, default 0
        If not 0, V and T are as wide as A even if A has fewer rows than columns: the last n - r reflectors are then the
        identity, with zeros in V and T.

    Returns
    -------
    V1, V2, ... : ndarray, shapes (m1, r), (m2, r), ...
        The reflectors, as tall as the tiles: together unit lower trapezoidal, with explicit ones and zeros.
    T : ndarray, shape (r, r)
        Upper triangular, with explicit zeros.
    R : ndarray, shape (r, n)
        Upper trapezoidal, with explicit zeros; its diagonal is real, of either sign, as LAPACK's.

    Notes
    -----
    3 m n² - n³ flops, a third of them for T.
    """
    m, n = _stacked("geqrt", [tile.shape for tile in tiles])
    panel = _Panel(tiles)
    r = min(m, n)
    kept = n if wide else r
    T = np.zeros((kept, kept), dtype=panel.dtype, order="F")
    panel.factor(0, r, T, whole=True)
    panel.finish(T)
    if kept < n:
        v = [column_copy(tile[:, :kept], panel.dtype) for tile in panel.tiles]
    else:
        v = panel.tiles
        for tile in v:
            tile[:, r:] = 0
    return (*v, T, panel.R)


@kernel(shape=lambda tiles: _shape(tiles)[-1], flops=_flops_r)
def geqrf(tiles: Sequence[NDArray]) -> NDArray:
    """R alone of the QR factorization of tiles on top of one another.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m1, n), (m2, n), ...

    Returns
    -------
    ndarray, shape (r, n)
        As of `geqrt`; r is min(m, n).

    Notes
    -----
    2 m n² - 2 n³/3 flops.
    """
    m, n = _stacked("geqrf", [tile.shape for tile in tiles])
    panel = _Panel(tiles)
    r = min(m, n)
    T = np.zeros((r, r), dtype=panel.dtype, order="F")
    panel.factor(0, r, T, whole=m < n)
    panel.finish(T)
    return panel.R


class _Panel:
    """A column of tiles that is being factored: V grows in the tiles from the left, R beside them."""

    def __init__(self, tiles: Sequence[NDArray]) -> None:
        self.dtype = common_dtype(*tiles)
        self.letter, self.itemsize = LETTERS[self.dtype], self.dtype.itemsize
        self.tiles = [column_copy(tile, self.dtype) for tile in tiles]
        #: Number of the first row of each tile.
        self.starts: list[int] = [0]
        for tile in tiles:
            self.starts.append(self.starts[-1] + tile.shape[0])
        self.m, self.n = self.starts[-1], tiles[0].shape[1]
        self.R = np.zeros((min(self.m, self.n), self.n), dtype=self.dtype, order="F")

    def below(self, row: int) -> list[tuple[Any, int]]:
        """The tiles from a row on: each with the number of its rows above that row."""
        return [
            (tile, max(0, row - start))
            for tile, start in zip(self.tiles, self.starts, strict=False)
            if start + tile.shape[0] > row
        ]

    def at(self, tile: NDArray, row: int, column: int) -> Address:
        """Where an element of a tile, or of T, lies."""
        where: Address = address(tile) + (row + column * tile.shape[0]) * self.itemsize
        return where

    def factor(self, first: int, last: int, T: NDArray, *, whole: bool) -> None:
        """Factor columns first to last, from row `first` on; their block of T is made only if `whole`."""
        if last - first <= _STRIP:
            self.strip(first, last, T)
            return
        middle = first + halves(last - first, _STRIP)
        self.factor(first, middle, T, whole=True)
        self.apply(first, middle, last, T)
        self.factor(middle, last, T, whole=whole)
        if whole:
            self.merge(first, middle, last, T)

    def strip(self, first: int, last: int, T: NDArray) -> None:
        """Factor a few columns by LAPACK, gathered into one array."""
        n, m = last - first, self.m - first
        if not n:
            return
        strip = fresh((m, n), self.dtype)
        at = 0
        pieces = []
        for tile, skip in self.below(first):
            rows = tile.shape[0] - skip
            strip[at : at + rows] = tile[skip:, first:last]
            pieces.append((tile, skip, at, rows))
            at += rows
        t = np.zeros((n, n), dtype=self.dtype, order="F")
        geqrt3(self.letter, m, n, address(strip), m, address(t), n)
        T[first:last, first:last] = np.triu(t)
        self.R[first:last, first:last] = np.triu(strip[:n])
        strip[:n] = np.tril(strip[:n], -1)
        np.einsum("ii->i", strip[:n])[...] = 1
        for tile, skip, at, rows in pieces:
            tile[skip:, first:last] = strip[at : at + rows]

    def apply(self, first: int, middle: int, last: int, T: NDArray) -> None:
        """Apply the reflectors of columns first to middle to columns middle to last; their rows of R are then done."""
        k, n = middle - first, last - middle
        # W = T1ᴴ (V1ᴴ A2);  A2 <- A2 - V1 W
        W = self.inner(first, middle, middle, last, first)
        TW = np.empty_like(W)
        self.gemm("C", "N", k, n, k, 1.0, self.at(T, first, first), T.shape[0], address(W), k, 0.0, address(TW), k)
        for tile, skip in self.below(first):
            h = tile.shape[0]
            self.gemm(
                "N", "N", h - skip, n, k, -1.0,
                self.at(tile, skip, first), h, address(TW), k, 1.0, self.at(tile, skip, middle), h,
            )  # fmt: skip
        # rows first to middle of A2 belong to R; the reflectors to come have zeros there
        for tile, start in zip(self.tiles, self.starts, strict=False):
            low, high = max(first - start, 0), min(middle - start, tile.shape[0])
            if low < high:
                self.R[start + low : start + high, middle:last] = tile[low:high, middle:last]
                tile[low:high, middle:last] = 0

    def merge(self, first: int, middle: int, last: int, T: NDArray) -> None:
        """T12 = -T1 (V1ᴴ V2) T2."""
        k, n, ld = middle - first, last - middle, T.shape[0]
        W = self.inner(first, middle, middle, last, middle)
        X = np.empty_like(W)
        self.gemm("N", "N", k, n, n, 1.0, address(W), k, self.at(T, middle, middle), ld, 0.0, address(X), k)
        self.gemm(
            "N", "N", k, n, k, -1.0, self.at(T, first, first), ld, address(X), k, 0.0, self.at(T, first, middle), ld
        )

    def inner(self, first: int, middle: int, start: int, last: int, row: int) -> NDArray:
        """Columns first to middle, conjugate transposed, times columns start to last, from a row on."""
        k, n = middle - first, last - start
        W = np.zeros((k, n), dtype=self.dtype, order="F")
        for tile, skip in self.below(row):
            h = tile.shape[0]
            self.gemm(
                "C", "N", k, n, h - skip, 1.0,
                self.at(tile, skip, first), h, self.at(tile, skip, start), h, 1.0, address(W), k,
            )  # fmt: skip
        return W

    def finish(self, T: NDArray) -> None:
        """The columns to the right of a wide matrix, which have no reflectors of their own."""
        r = min(self.m, self.n)
        if 0 < r < self.n:
            self.apply(0, r, self.n, T)

    def gemm(self, *args: Any) -> None:
        """Call `blas.gemm` in the precision of the panel."""
        transa, *rest = args
        blas.gemm(self.letter, "T" if transa == "C" and self.letter in "sd" else transa, *rest)
