"""Reflectors of bulge chasing, applied in blocks.

Sweep s of a reduction with bandwidth b leaves the reflectors H(s,h) = I - τ v vᴴ, h = 0, 1, …; H(s,h) acts on the rows
from s + 1 + h b on, b of them or as many as there are. The product that they stand for is Q = Π_s Π_h H(s,h).

They are kept by groups of consecutive sweeps: column c of a group's `v` holds sweep s = first + c, all its reflectors
one below the other with their leading ones, and `tau[h, c]` the factor of hop h.

Reflectors of one sweep commute, and so do any two that share no row. What is left of the order is this: for s < s',
H(s,h) stands left of H(s',h), and H(s,h+1) left of H(s',h). So the reflectors of a few consecutive sweeps at one hop
make one block reflector, whose vectors form a parallelogram, and within these sweeps the blocks of later hops stand
left of those of earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, char, common_dtype, integer, routine
from numpywren.kernels.layout import Shape, column_copy
from numpywren.lambdapack.kernel import kernel

__all__ = ["hop_count", "hop_rows", "sweep_factors", "sweeps"]

#: Sweeps in a block, at most: wider ones waste more on the corners of the parallelogram, narrower ones more on gemm.
BLOCK = 64


def hop_count(n: int, band: int, sweep: int) -> int:
    """Number of reflectors of a sweep."""
    return max(0, -(-(n - 1 - sweep) // band))


def hop_rows(n: int, band: int, sweep: int, hop: int) -> tuple[int, int]:
    """First row of a reflector, and the row after its last."""
    start = sweep + 1 + hop * band
    return min(start, n), min(start + band, n)


def _width(band: int) -> int:
    """Sweeps in a block. More than the band would join reflectors that do not commute as they must."""
    return max(1, min(BLOCK, band // 2))


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


def _blocks(n: int, band: int, first: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Blocks of a group (first column, last column + 1, hops), as they stand from the left."""
    width = _width(band)
    for start in range(0, count, width):
        yield start, min(start + width, count), hop_count(n, band, first + start)


def _factors_shape(v: Shape, tau: Shape, *, band: int, first: int) -> Shape:
    """Shape of the factors side by side."""
    if len(v) != 2 or len(tau) != 2 or v[1] != tau[1]:
        raise ValueError(
            f"sweep_factors got shapes {v} and {tau}; it wants as many columns of reflectors as of factors"
        )
    return (min(_width(band), v[1]), tau[0] * v[1])


def _factors_flops(v: Shape, tau: Shape, *, band: int, first: int) -> float:
    """About b g² a block of g reflectors of length b."""
    return float(tau[0]) * v[1] * _width(band) * band


@kernel(shape=_factors_shape, flops=_factors_flops)
def sweep_factors(v: NDArray, tau: NDArray, *, band: int, first: int) -> NDArray:
    """Triangular factors of the block reflectors of a group of sweeps: I - V T Vᴴ.

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
    ndarray, shape (block, hops · sweeps)
        T of the block that begins with column c, at hop h, in the columns from h · sweeps + c on.

    References
    ----------
    LAPACK: ``larft``.
    """
    dtype = common_dtype(v, tau)
    n, count = v.shape
    factors = np.zeros(_factors_shape(v.shape, tau.shape, band=band, first=first), dtype, order="F")
    width = _width(band)
    vectors = _Parallelogram(np.asarray(v, dtype), band, first)
    larft = routine("lapack", LETTERS[dtype] + "larft")
    forward, columns = char("F"), char("C")
    ld, ldt = integer(vectors.space.shape[0]), integer(max(1, factors.shape[0]))
    scales = np.zeros(width, dtype)
    for start, stop, hops in _blocks(n, band, first, count):
        for hop in range(hops):
            _, block = vectors(start, stop, hop)
            scales[: stop - start] = tau[hop, start:stop]
            # reflectors that begin below the last row are none; LAPACK must not see more vectors than rows
            k = min(stop - start, block.shape[0])
            t = address(factors) + factors.itemsize * factors.shape[0] * (hop * count + start)
            larft(forward, columns, integer(block.shape[0]), integer(k), address(block), ld, address(scales), t, ldt)
    return factors


def _shape(z: Shape, vs: tuple[Shape, ...], fs: tuple[Shape, ...], *, band: int, group: int, top: int) -> Shape:
    """Shape of the strip."""
    if len(vs) != len(fs) or any(v[0] != z[0] for v in vs):
        raise ValueError(
            f"sweeps got a strip of shape {z}, reflectors of shapes {vs} and {len(fs)} tiles of factors; it wants "
            f"reflectors of {z[0]} rows, and factors for each"
        )
    return z


def _flops(z: Shape, vs: tuple[Shape, ...], fs: tuple[Shape, ...], *, band: int, group: int, top: int) -> float:
    """4 n w for each reflector of length n."""
    return sum(4.0 * z[1] * max(0, z[0] - 1 - s) for s in range((top + 1 - len(vs)) * group, (top + 1) * group))


@kernel(shape=_shape, flops=_flops)
def sweeps(z: NDArray, vs: Sequence[NDArray], fs: Sequence[NDArray], *, band: int, group: int, top: int) -> NDArray:
    """Multiply a strip of columns from the left by the reflectors of groups of sweeps: Z ← Q Z.

    Parameters
    ----------
    z : ndarray, shape (n, w)
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
    4 w flops an element of a reflector, half as much again for the corners of the parallelograms: all of it gemm.

    References
    ----------
    A. Haidar, P. Luszczek, J. Dongarra, "New algorithm for computing eigenvectors of the symmetric eigenvalue
    problem", IPDPSW 2014.
    """
    _shape(z.shape, tuple(v.shape for v in vs), tuple(f.shape for f in fs), band=band, group=group, top=top)
    dtype = common_dtype(z, *vs, *fs)
    result = column_copy(z, dtype)
    n, w = z.shape
    if math.prod(z.shape) == 0:
        return result
    width = _width(band)
    inner, scaled = fresh((width, w), dtype), fresh((width, w), dtype)
    for position, (v, f) in enumerate(zip(vs, fs, strict=True)):
        first, count = (top - position) * group, v.shape[1]
        vectors = _Parallelogram(np.asarray(v, dtype), band, first)
        factors = np.asfortranarray(f, dtype)
        for start, stop, hops in reversed(list(_blocks(n, band, first, count))):
            for hop in range(hops):
                row, block = vectors(start, stop, hop)
                t = factors[:, hop * count + start : hop * count + stop]
                _apply(result, row, block, t, inner, scaled)
    return result


def _apply(z: NDArray, row: int, v: NDArray, t: NDArray, inner: NDArray, scaled: NDArray) -> None:
    """Z(row:, :) ← (I - V T Vᴴ) Z(row:, :), where V reaches."""
    letter, item = LETTERS[z.dtype], z.itemsize
    n, w = z.shape
    m, k = v.shape[0], min(v.shape)
    ldi, ldv, ldt = inner.shape[0], v.strides[1] // item, t.strides[1] // item
    at = address(z) + row * item
    # V keeps zeros beyond the rows that are there, so of its columns only the first k count.
    blas.gemm(letter, "C", "N", k, w, m, 1.0, address(v), ldv, at, n, 0.0, address(inner), ldi)
    blas.gemm(letter, "N", "N", k, w, k, 1.0, address(t), ldt, address(inner), ldi, 0.0, address(scaled), ldi)
    blas.gemm(letter, "N", "N", m, w, k, -1.0, address(v), ldv, address(scaled), ldi, 1.0, at, n)
