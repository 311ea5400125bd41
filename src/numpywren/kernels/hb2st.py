"""Reduction of a Hermitian band to a real tridiagonal matrix by Householder bulge chasing.

The band lies as LAPACK stores a lower one, element (i, j) in row i - j of column j, with room for the bulges below it.
A block of the matrix is then a dense matrix whose leading dimension is one less than that of the storage, which is all
that BLAS needs to work on it in place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, char, common_dtype, integer, routine, scalar
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.sweeps import hop_count
from numpywren.lambdapack.kernel import kernel

__all__ = ["hb2st", "hbpack"]


def _pack_shape(blocks: tuple[Shape, ...], *, band: int) -> Shape:
    """Shape of the band with room for bulges."""
    return (2 * band + 1, sum(shape[1] for shape in blocks))


@kernel(shape=_pack_shape)
def hbpack(blocks: Sequence[NDArray], *, band: int) -> NDArray:
    """Put the block columns of a Hermitian band into one tile, as `hb2st` takes it.

    Parameters
    ----------
    blocks : list of ndarray, each of shape (up to 2 band, up to band)
        Lower triangles of the diagonal blocks on top of the blocks below them, of which the upper triangle is read.
    band : int
        Bandwidth: number of diagonals below the main one.

    Returns
    -------
    ndarray, shape (2 band + 1, n)
        Element (i, j) of the matrix in row i - j of column j, zeros below the band.
    """
    dtype = common_dtype(*blocks)
    rows, n = _pack_shape(tuple(block.shape for block in blocks), band=band)
    packed = np.zeros((rows, n), dtype, order="F")
    start = 0
    for block in blocks:
        for c in range(block.shape[1]):
            column = block[c : c + band + 1, c]
            packed[: len(column), start + c] = column
        start += block.shape[1]
    return packed


def _shape(band_matrix: Shape, *, band: int, first: int, count: int, vectors: int = 1) -> tuple[Shape, ...]:
    """Shapes of the band, and of the reflectors and their factors if they are kept."""
    n = band_matrix[1]
    sweeps = max(0, min(count, n - 1 - first))
    kept = ((n, sweeps), (hop_count(n, band, first), sweeps)) if vectors else ((0, 0), (0, 0))
    return (band_matrix, *kept)


def _flops(band_matrix: Shape, *, band: int, first: int, count: int, vectors: int = 1) -> float:
    """12 b² a reflector of length b."""
    n = band_matrix[1]
    return float(sum(12 * band * max(0, n - 1 - s) for s in range(first, min(first + count, n - 1))))


@kernel(results=3, shape=_shape, flops=_flops)
def hb2st(
    band_matrix: NDArray, *, band: int, first: int, count: int, vectors: int = 1
) -> tuple[NDArray, NDArray, NDArray]:
    """Do some sweeps of the reduction of a Hermitian band to tridiagonal form: A ← Qᴴ A Q.

    Parameters
    ----------
    band_matrix : ndarray, shape (2 band + 1, n)
        The band as `hbpack` makes it, after the sweeps before `first`.
    band : int
        Bandwidth.
    first, count : int
        Sweeps to do: `first` and up to `count` - 1 more. n - 1 sweeps end in a real tridiagonal matrix.
    vectors : {1, 0}
        0: the reflectors are not kept, and empty tiles come instead.

    Returns
    -------
    band_matrix : ndarray, shape (2 band + 1, n)
        The band after these sweeps; of the columns done only the diagonal and what is just below it mean anything.
    v : ndarray, shape (n, sweeps)
    tau : ndarray, shape (hops, sweeps)
        The reflectors as `numpywren.kernels.sweeps` describes.

    Notes
    -----
    Sweep s annihilates column s below the subdiagonal by a reflector on the next b rows, which fills the b × b block
    below; the first column of that is annihilated by the next reflector (a hop), and so on down the band. Each hop is a
    few calls of BLAS on two b × b blocks: 12 b² flops, 6 n² b in all, in the cache.

    References
    ----------
    A. Haidar, H. Ltaief, J. Dongarra, "Parallel reduction to condensed forms for symmetric eigenvalue problems using
    aggregated fine-grained and memory-aware kernels", SC 2011.
    """
    dtype = common_dtype(band_matrix)
    shapes = _shape(band_matrix.shape, band=band, first=first, count=count, vectors=vectors)
    n, sweeps = band_matrix.shape[1], max(0, min(count, band_matrix.shape[1] - 1 - first))
    work = column_copy(band_matrix, dtype)
    tau = np.zeros(shapes[2], dtype, order="F")
    v = fresh(shapes[1], dtype)
    v[...] = 0
    if sweeps:
        chase = _Chase(work, n, band)
        for c in range(sweeps):
            if vectors:
                chase.sweep(first + c, v[:, c], tau[:, c])
            else:
                chase.sweep(first + c, np.empty(n, dtype), np.empty(hop_count(n, band, first + c), dtype))
    return work, v, tau


class _Chase:
    """The band being reduced, with all that its sweeps need again and again."""

    def __init__(self, band_matrix: NDArray, n: int, band: int) -> None:
        dtype = band_matrix.dtype
        letter = LETTERS[dtype]
        self.n, self.band, self.item = n, band, dtype.itemsize
        self.elements = band_matrix.reshape(-1, order="F")
        self.base, self.ld = address(band_matrix), band_matrix.shape[0]
        hermitian = letter in "cz"
        self.larfg, self.larf = routine("lapack", letter + "larfg"), routine("lapack", letter + "larf")
        self.hemv = routine("blas", letter + ("hemv" if hermitian else "symv"))
        self.her2 = routine("blas", letter + ("her2" if hermitian else "syr2"))
        self.axpy = routine("blas", letter + "axpy")
        self.zero, self.minus = scalar(letter, 0.0), scalar(letter, -1.0)
        self.y, self.work, self.factor = (np.empty(length, dtype) for length in (band, band, 1))
        self.length = [integer(k) for k in range(band + 1)]

    def sweep(self, s: int, v: NDArray, tau: NDArray) -> None:
        """Annihilate column s below the subdiagonal and chase the bulge off the end; keep the reflectors."""
        n, b, item, base, step = self.n, self.band, self.item, self.base, self.ld - 1
        larfg, larf, hemv, her2, axpy = self.larfg, self.larf, self.hemv, self.her2, self.axpy
        elements, y, length, zero, minus = self.elements, self.y, self.length, self.zero, self.minus
        factor, move, clear, vdot = self.factor, ctypes.memmove, ctypes.memset, np.vdot
        at_y, at_work, at_factor, ld = address(y), address(self.work), address(factor), integer(step)
        at_v, at_tau, one, lower, left, right = address(v), address(tau), length[1], char("L"), char("L"), char("R")
        real = elements.dtype.kind == "f"
        column, before = s, 0  # the column to annihilate, and the length of the reflector before
        for hop, row in enumerate(range(s + 1, n, b)):
            size = min(b, n - row)
            if real and size == 1:
                v[row], tau[hop] = 1, 0
                break
            here = row + column * step  # of element (row, column)
            at = at_v + row * item
            # Hᴴ A(row:, column) = β e1
            move(at, base + here * item, size * item)
            larfg(length[size], at, at + item, one, at_tau + hop * item)
            t = tau[hop]
            elements[here] = v[row]
            clear(base + (here + 1) * item, 0, (size - 1) * item)
            v[row] = 1
            if t != 0:
                if before > 1:
                    # the rest of the bulge: E ← Hᴴ E
                    factor[0] = t.conjugate()
                    e = base + (here + step) * item
                    larf(left, length[size], length[before - 1], at, one, at_factor, e, ld, at_work)
                # the diagonal block: D ← Hᴴ D H = D - v wᴴ - w vᴴ with w = τ D v - τ̄/2 (vᴴ τ D v) v
                d = base + (row + row * step) * item
                hemv(lower, length[size], at_tau + hop * item, d, ld, at, one, zero, at_y, one)
                factor[0] = -0.5 * t.conjugate() * vdot(v[row : row + size], y[:size])
                axpy(length[size], at_factor, at, one, at_y, one)
                her2(lower, length[size], minus, at, one, at_y, one, d, ld)
                below = min(b, n - row - size)
                if below > 0:
                    # the block below, which this fills: E ← E H
                    e = base + (row + size + row * step) * item
                    larf(right, length[below], length[size], at, one, at_tau + hop * item, e, ld, at_work)
            column, before = row, size
