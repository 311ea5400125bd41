"""Reflectors of bulge chasing, applied in blocks.

Sweep s of a reduction with bandwidth b leaves the reflectors H(s,h) = I - τ v vᴴ, h = 0, 1, …; H(s,h) acts on the rows
from s + 1 + h b on, b of them or as many as there are. The product that they stand for is Q = Π_s Π_h H(s,h).

They are kept by groups of consecutive sweeps: column c of a group's `v` holds sweep s = first + c, all its reflectors
one below the other with their leading ones, and `tau[h, c]` the factor of hop h.

Reflectors of one sweep commute, and so do any two that share no row. What is left of the order is this: for s < s',
H(s,h) stands left of H(s',h), and H(s,h+1) left of H(s',h). So the reflectors of a few consecutive sweeps at one hop
make one block reflector, whose vectors form a parallelogram, and within these sweeps the blocks of later hops stand
left of those of earlier ones. A block shares no row with one of earlier sweeps at a later hop, so that all blocks of a
group at one hop may be taken before those at the hop that stands next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, char, common_dtype, integer, routine
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["hop_count", "hop_rows", "sweep_factors", "sweeps"]

#: Sweeps in a block, at most: wider ones waste more on the corners of the parallelogram, narrower ones more on gemm.
BLOCK = 32


def hop_count(n: int, band: int, sweep: int) -> int:
    """Number of reflectors of a sweep."""
    return max(0, -(-(n - 1 - sweep) // band))


def hop_rows(n: int, band: int, sweep: int, hop: int) -> tuple[int, int]:
    """First row of a reflector, and the row after its last."""
    start = sweep + 1 + hop * band
    return min(start, n), min(start + band, n)


def _width(band: int) -> int:
    """Sweeps in a block. More than the band would join reflectors that do not commute as they must."""
    return max(1, min(BLOCK, band // 4))


class _Parallelogram:
    """Makes a dense matrix, with zeros around, of the vectors of one hop of some sweeps of a group."""

    def __init__(self, v: NDArray, band: int, first: int) -> None:
        width = _width(band)
        self.v, self.band, self.first = v, band, first
        self.space = np.empty((band + width - 1, width), v.dtype, order="F")
        down, across = np.ogrid[: band + width - 1, :width]
        self.mask = np.asfortranarray(((across <= down) & (down < across + band)).astype(v.real.dtype))

    def __call__(self, start: int, stop: int, hop: int) -> tuple[int, NDArray]:
        """The first row, and the vectors of the sweeps in columns `start` to `stop`, in memory that is used again."""
        n = self.v.shape[0]
        top, _ = hop_rows(n, self.band, self.first + start, hop)
        _, bottom = hop_rows(n, self.band, self.first + stop - 1, hop)
        m, k = bottom - top, stop - start
        block = self.space[:m, :k]
        np.multiply(self.v[top:bottom, start:stop], self.mask[:m, :k], out=block)
        return top, block


def _blocks(n: int, band: int, first: int, count: int) -> list[tuple[int, int, int]]:
    """Blocks of a group (first column, last column + 1, hop), as they stand from the left.

    Of two neighbours at one hop the rows are mostly the same, and still in the cache.
    """
    starts = range(0, count, _width(band))
    return [
        (start, min(start + _width(band), count), hop)
        for hop in reversed(range(hop_count(n, band, first)))
        for start in starts
        if hop < hop_count(n, band, first + start)
    ]


def _factors_shape(v: Shape, tau: Shape, *, band: int, first: int) -> Shape:
    """Shape of the products side by side."""
    if len(v) != 2 or len(tau) != 2 or v[1] != tau[1]:
        raise ValueError(
            f"sweep_factors got shapes {v} and {tau}; it wants as many columns of reflectors as of factors"
        )
    return (min(band + _width(band) - 1, v[0]), tau[0] * v[1])


def _factors_flops(v: Shape, tau: Shape, *, band: int, first: int) -> float:
    """About 3 b g² a block of g reflectors of length b."""
    return 3.0 * tau[0] * v[1] * _width(band) * band


@kernel(shape=_factors_shape, flops=_factors_flops)
def sweep_factors(v: NDArray, tau: NDArray, *, band: int, first: int) -> NDArray:
    """Second factors of the block reflectors of a group of sweeps: W = V T in I - V T Vᴴ.

    Parameters
    ----------
    v : ndarray, shape (n, sweeps)
    tau : ndarray, shape (hops, sweeps)
        The reflectors as this module describes.
    band : int
        Bandwidth: length of a reflector.
    first : int
        Number of the first sweep.

    Returns
    -------
    ndarray, shape (up to band + block - 1, hops · sweeps)
        W of the block that begins with column c, at hop h, in the columns from h · sweeps + c on, its first row on top.

    References
    ----------
    LAPACK: ``larft``.
    """
    dtype = common_dtype(v, tau)
    letter, (n, count) = LETTERS[dtype], v.shape
    factors = np.zeros(_factors_shape(v.shape, tau.shape, band=band, first=first), dtype, order="F")
    width = _width(band)
    vectors = _Parallelogram(np.asarray(v, dtype), band, first)
    larft = routine("lapack", letter + "larft")
    scales, t = np.zeros(width, dtype), np.zeros((width, width), dtype, order="F")
    ld, at_v, at_t, at_scales = len(vectors.space), address(vectors.space), address(t), address(scales)
    for start, stop, hop in _blocks(n, band, first, count):
        m = len(vectors(start, stop, hop)[1])
        scales[: stop - start] = tau[hop, start:stop]
        # reflectors that begin below the last row are none; LAPACK must not see more vectors than rows
        k = min(stop - start, m)
        larft(char("F"), char("C"), integer(m), integer(k), at_v, integer(ld), at_scales, at_t, integer(width))
        w = address(factors) + factors.itemsize * len(factors) * (hop * count + start)
        blas.gemm(letter, "N", "N", m, k, k, 1.0, at_v, ld, at_t, width, 0.0, w, len(factors))
    return factors


def _shape(
    pieces: tuple[Shape, ...], vs: tuple[Shape, ...], fs: tuple[Shape, ...], *, band: int, group: int, top: int
) -> Shape:
    """Shape of the strip."""
    return (sum(piece[0] for piece in pieces), pieces[0][1])


def _flops(
    pieces: tuple[Shape, ...], vs: tuple[Shape, ...], fs: tuple[Shape, ...], *, band: int, group: int, top: int
) -> float:
    """4 n w for each reflector of length n."""
    n, w = sum(piece[0] for piece in pieces), pieces[0][1]
    return sum(4.0 * w * max(0, n - 1 - s) for s in range((top + 1 - len(vs)) * group, (top + 1) * group))


@kernel(shape=_shape, flops=_flops)
def sweeps(
    pieces: Sequence[NDArray], vs: Sequence[NDArray], fs: Sequence[NDArray], *, band: int, group: int, top: int
) -> NDArray:
    """Multiply a strip of columns from the left by the reflectors of groups of sweeps: Z ← Q Z.

    Parameters
    ----------
    pieces : list of ndarray, each of w columns
        The strip, in one piece or more, on top of one another.
    vs : list of ndarray, each of shape (n, sweeps)
        The reflectors of the groups `top`, `top` - 1, … in this order, which is that in which they are applied.
    fs : list of ndarray
        What `sweep_factors` made of each of them.
    band : int
        Bandwidth: length of a reflector.
    group : int
        Sweeps of a group; the last group may have fewer.
    top : int
        Number of the first group given.

    Returns
    -------
    ndarray, shape (n, w)
        A fresh column-major tile.

    Notes
    -----
    4 w flops an element of a reflector, and a quarter of that for the corners of the parallelograms: all of it gemm.

    References
    ----------
    A. Haidar, P. Luszczek, J. Dongarra, "New algorithm for computing eigenvectors of the symmetric eigenvalue
    problem", IPDPSW 2014.
    """
    n, w = sum(map(len, pieces)), pieces[0].shape[1]
    if len(vs) != len(fs) or any(len(v) != n for v in vs) or any(piece.shape[1] != w for piece in pieces):
        raise ValueError(
            f"sweeps got pieces of shapes {[piece.shape for piece in pieces]}, reflectors of shapes "
            f"{[v.shape for v in vs]} and {len(fs)} tiles of factors; it wants pieces of one width, reflectors of as "
            f"many rows as the pieces have together, and factors for each"
        )
    dtype = common_dtype(*pieces, *vs, *fs)
    # Rows of Z are contiguous here, so that what a block reaches is one piece of memory.
    rows = fresh((w, n), dtype)
    row = 0
    for piece in pieces:
        _transpose(piece, rows[:, row : row + len(piece)])
        row += len(piece)
    inner = fresh((w, _width(band)), dtype)
    for position, (v, f) in enumerate(zip(vs, fs, strict=True) if w else ()):
        first, count = (top - position) * group, v.shape[1]
        vectors = _Parallelogram(
            np.asarray(v, dtype) if dtype.kind == "f" else np.conjugate(v, dtype=dtype), band, first
        )
        factors = np.asfortranarray(f, dtype)
        for start, stop, hop in reversed(_blocks(n, band, first, count)):
            row, block = vectors(start, stop, hop)
            column = hop * count + start
            _apply(rows, row, block, factors[:, column : column + stop - start], inner)
    result = fresh((n, w), dtype)
    _transpose(rows, result)
    return result


def _transpose(a: NDArray, out: NDArray) -> None:
    """Write the transpose, in pieces that fit the cache."""
    side = 128
    for i in range(0, a.shape[0], side):
        for j in range(0, a.shape[1], side):
            out[j : j + side, i : i + side] = a[i : i + side, j : j + side].T


def _apply(z: NDArray, row: int, first: NDArray, second: NDArray, inner: NDArray) -> None:
    """Z(:, row:) ← Z(:, row:) (I - X Yᵀ), where X, `first`, and Y, `second`, reach.

    With conj(V) and W this is Z ← Q Z for the transpose of Z.
    """
    letter, item, w = LETTERS[z.dtype], z.itemsize, len(z)
    # V keeps zeros beyond the rows that are there, so of its columns only the first k count
    m, k = len(first), min(first.shape)
    ldx, ldy = first.strides[1] // item, second.strides[1] // item
    at = address(z) + row * w * item
    blas.gemm(letter, "N", "N", w, k, m, 1.0, at, w, address(first), ldx, 0.0, address(inner), w)
    blas.gemm(letter, "N", "T", w, m, k, -1.0, address(inner), w, address(second), ldy, 1.0, at, w)
