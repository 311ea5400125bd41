"""Reduction of an upper band to a real bidiagonal matrix by Householder bulge chasing.

The band lies as LAPACK stores one, element (i, j) in row 2b - 1 + i - j of column j, with room for the bulges above and
below it. A block of the matrix is then a dense matrix whose leading dimension is one less than that of the storage,
which is all that BLAS needs to work on it in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, char, common_dtype, integer, routine
from numpywren.kernels.layout import Shape, column_copy
from numpywren.kernels.sweeps import hop_count
from numpywren.lambdapack.kernel import kernel

__all__ = ["gb2bd", "gbpack"]


def _pack_shape(rs: Sequence[Shape], ls: Sequence[Shape], *, band: int) -> Shape:
    """Shape of the band with room for bulges."""
    return (3 * band - 1, sum(r[1] for r in rs))


@kernel(shape=_pack_shape)
def gbpack(rs: Sequence[NDArray], ls: Sequence[NDArray], *, band: int) -> NDArray:
    """Put the blocks of an upper band into one tile, as `gb2bd` takes it.

    Parameters
    ----------
    rs : list of ndarray, shapes (w, w), w ≤ band
        Blocks on the diagonal, upper triangular.
    ls : list of ndarray, shapes (w, k), k ≤ w
        Lower triangular blocks to the right of them; the last diagonal blocks may have none.
    band : int
        Bandwidth: number of diagonals above the main one.

    Returns
    -------
    ndarray, shape (3 band - 1, n)
        Element (i, j) of the matrix in row 2 band - 1 + i - j of column j, zeros beyond the band.
    """
    dtype = common_dtype(*rs, *ls)
    rows, n = _pack_shape([r.shape for r in rs], [left.shape for left in ls], band=band)
    packed = np.zeros((rows, n), dtype, order="F")
    middle = 2 * band - 1
    start = 0
    for at, r in enumerate(rs):
        w = r.shape[0]
        for c in range(w):
            packed[middle - c : middle + 1, start + c] = r[: c + 1, c]
        if at < len(ls):
            for c in range(ls[at].shape[1]):
                # column start + w + c holds rows start + c to start + w - 1 of the block
                packed[middle - w : middle - c, start + w + c] = ls[at][c:, c]
        start += w
    return packed


def _shape(band_matrix: Shape, *, band: int, first: int, count: int, vectors: int = 1) -> tuple[Shape, ...]:
    """Shapes of the band, and of the reflectors and their factors if they are kept."""
    n = band_matrix[1]
    sweeps = max(0, min(count, n - 1 - first))
    kept = ((n, sweeps), (hop_count(n, band, first), sweeps)) if vectors else ()
    return (band_matrix, *kept, *kept)


def _flops(band_matrix: Shape, *, band: int, first: int, count: int, vectors: int = 1) -> float:
    """16 b² for the two reflectors of a hop."""
    n = band_matrix[1]
    return float(sum(16 * band * max(0, n - 1 - s) for s in range(first, min(first + count, n - 1))))


@kernel(results="any", shape=_shape, flops=_flops)
def gb2bd(band_matrix: NDArray, *, band: int, first: int, count: int, vectors: int = 1) -> tuple[NDArray, ...]:
    """Do some sweeps of the reduction of an upper band to bidiagonal form: B ← Qᴴ B P.

    Parameters
    ----------
    band_matrix : ndarray, shape (3 band - 1, n)
        The band as `gbpack` makes it, after the sweeps before `first`. Its first diagonal element is real.
    band : int
        Bandwidth.
    first, count : int
        Sweeps to do: `first` and up to `count` - 1 more. n - 1 sweeps end in a real bidiagonal matrix.
    vectors : {1, 0}
        0: the reflectors are not kept, and the band is all that is returned.

    Returns
    -------
    band_matrix : ndarray, shape (3 band - 1, n)
        The band after these sweeps.
    v_left : ndarray, shape (n, sweeps)
    tau_left : ndarray, shape (hops, sweeps)
    v_right : ndarray, shape (n, sweeps)
    tau_right : ndarray, shape (hops, sweeps)
        The reflectors of Q and of P as `numpywren.kernels.sweeps` describes.

    Notes
    -----
    Sweep s annihilates row s right of the superdiagonal by a reflector on the next b columns, which fills the b × b
    block below the diagonal; the first column of that is annihilated by a reflector on its rows, which fills the block
    to the right; the first row of that by the next one on columns, and so on down the band. Only the first row or
    column of a bulge goes; the rest is where the next sweep wants it. Each hop is two reflectors applied to blocks of
    b × 2b: 16 b² flops, 8 n² b in all, in the cache.

    References
    ----------
    A. Haidar, J. Kurzak, P. Luszczek, "An improved parallel singular value algorithm and its implementation for
    multicore hardware", SC 2013.
    """
    dtype = common_dtype(band_matrix)
    n = band_matrix.shape[1]
    sweeps = max(0, min(count, n - 1 - first))
    work = column_copy(band_matrix, dtype)
    chase = _Chase(work, n, band)
    hops = hop_count(n, band, first)
    if not vectors:
        v, tau = (np.empty((length, 2), dtype, order="F") for length in (n, hops))
        for s in range(first, first + sweeps):
            chase.sweep(s, v[:, 0], tau[:, 0], v[:, 1], tau[:, 1])
        return (work,)
    v_left, v_right = fresh((n, sweeps), dtype), fresh((n, sweeps), dtype)
    v_left[...] = v_right[...] = 0
    tau_left, tau_right = (np.zeros((hops, sweeps), dtype, order="F") for _ in range(2))
    for c in range(sweeps):
        chase.sweep(first + c, v_left[:, c], tau_left[:, c], v_right[:, c], tau_right[:, c])
    return work, v_left, tau_left, v_right, tau_right


class _Chase:
    """The band being reduced, with all that its sweeps need again and again."""

    def __init__(self, band_matrix: NDArray, n: int, band: int) -> None:
        dtype = band_matrix.dtype
        letter = LETTERS[dtype]
        self.n, self.band, self.item = n, band, dtype.itemsize
        self.elements = band_matrix.reshape(-1, order="F")
        self.base, self.step = address(band_matrix), band_matrix.shape[0] - 1
        self.larfg, self.larf = routine("lapack", letter + "larfg"), routine("lapack", letter + "larf")
        self.work, self.factor = np.empty(2 * band, dtype), np.empty(1, dtype)
        self.length = [integer(k) for k in range(2 * band)]

    def sweep(self, s: int, v_left: NDArray, tau_left: NDArray, v_right: NDArray, tau_right: NDArray) -> None:
        """Annihilate row s right of the superdiagonal and chase the bulge off the end; keep the reflectors."""
        n, b, item, base, step, elements = self.n, self.band, self.item, self.base, self.step, self.elements
        larfg, larf, length, work, factor = self.larfg, self.larf, self.length, address(self.work), self.factor
        at_left, at_right = address(v_left), address(v_right)
        at_tau_left, at_tau_right, at_factor = address(tau_left), address(tau_right), address(factor)
        one, left, right, ld = integer(1), char("L"), char("R"), integer(max(1, step))
        isreal = elements.dtype.kind == "f"
        middle, row = 2 * b - 1, s
        for hop, start in enumerate(range(s + 1, n, b)):
            stop = min(start + b, n)
            size = stop - start
            # B(row, start:stop) H = β e1ᵀ, where Hᴴ times the conjugate of the row is β e1
            here = middle + row + start * step
            line = elements[here : here + (size - 1) * step + 1 : max(1, step)]
            v = v_right[start:stop]
            np.conjugate(line, out=v)
            at, tau = at_right + start * item, at_tau_right + hop * item
            larfg(length[size], at, at + item, one, tau)
            line[:] = 0
            line[0], v[0] = v[0], 1
            # the rows below, to where the band ends: B ← B H
            below = base + (here + 1) * item
            larf(right, length[stop - row - 1], length[size], at, one, tau, below, ld, work)
            # Hᴴ B(start:stop, start) = β e1
            here = middle + start + start * step
            line = elements[here : here + size]
            v = v_left[start:stop]
            v[:] = line
            at, tau = at_left + start * item, at_tau_left + hop * item
            larfg(length[size], at, at + item, one, tau)
            line[:] = 0
            line[0], v[0] = v[0], 1
            across = min(stop + b, n) - start - 1
            if across:
                # the columns to the right, to where the band ends: B ← Hᴴ B
                if not isreal:
                    factor[0] = tau_left[hop].conjugate()
                    tau = at_factor
                larf(left, length[size], length[across], at, one, tau, base + (here + step) * item, ld, work)
            row = start
