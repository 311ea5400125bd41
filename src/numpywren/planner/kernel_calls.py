"""Calls of the kernels on tiles of one length, to measure how fast a machine computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpywren.kernels.gb2bd import gb2bd
from numpywren.kernels.ge2gb import column_panel
from numpywren.kernels.gemm import gemm
from numpywren.kernels.geqrt import geqrt
from numpywren.kernels.gesdd import gesdd
from numpywren.kernels.getrf import gessm, getrf
from numpywren.kernels.getrf_tournament import tstrf
from numpywren.kernels.hb2st import hb2st
from numpywren.kernels.he2hb import he2hb_panel
from numpywren.kernels.heevd import heevd
from numpywren.kernels.hemm import hemm, her2k
from numpywren.kernels.larfb import larfb
from numpywren.kernels.laswp import gather, put, take
from numpywren.kernels.lu_parts import lower_factor, permutation, upper_factor
from numpywren.kernels.ormtr import ormtr
from numpywren.kernels.potrf import potrf
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.kernels.syrk import syrk
from numpywren.kernels.tpqrt import tpmqrt, tpqrt
from numpywren.kernels.trmm import trmm
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack import Kernel

__all__ = ["MOVING", "KernelCall", "kernel_calls"]

#: Kernels that only move numbers, each of which counts as an operation: far slower than those that compute.
MOVING = frozenset({"gather", "lower_factor", "permutation", "put", "take", "upper_factor"})
#: Tiles of a column between which rows are moved.
COLUMN = 4

#: Widest band, and sweeps in a task of bulge chasing.
BAND, GROUP = 128, 256

Tile = NDArray[np.float64]


class KernelCall(NamedTuple):
    """One kernel with operands."""

    kernel: str
    flops: float
    call: Callable[[], Any]


def kernel_calls(n: int, seed: int = 0) -> Iterator[KernelCall]:
    """Each kernel that does a good part of some function's work, on tiles of length `n`, in float64.

    Where a sum of products is kept in one accumulator, as in a task, it is here too.
    """
    draw = _Draw(n, seed)
    square = (n, n)
    a, b, c = draw(n, n), draw(n, n), draw(n, n)
    definite = np.asfortranarray(a @ a.T + n * np.eye(n))
    lower = potrf(definite)
    yield KernelCall("gemm", gemm.flops(square, square), lambda: _added(gemm, c, a, b))
    yield KernelCall("axpy", float(n * n), lambda: np.add(c, a, out=c))
    yield KernelCall("syrk", syrk.flops(square), lambda: _added(syrk, c, a))
    yield KernelCall("hemm", hemm.flops(square, square), lambda: _added(hemm, c, definite, b))
    yield KernelCall("her2k", her2k.flops(square, square), lambda: _added(her2k, c, a, b))
    yield KernelCall("trmm", trmm.flops(square, square), lambda: trmm(lower, b))
    yield KernelCall("trsm", trsm.flops(square, square), lambda: trsm(b, lower, side="R", trans="C"))
    yield KernelCall("potrf", potrf.flops(square), lambda: potrf(definite))
    yield from _orthogonal(n, a, b)
    lu, *_ = getrf([a])
    yield KernelCall("getrf", getrf.flops([square] * 2), lambda: getrf([a, b]))
    yield KernelCall("gessm", gessm.flops(square, square), lambda: gessm(b, lu))
    yield KernelCall("tstrf", tstrf.flops(square, square), lambda: tstrf(b, lu))
    yield from _moved(n, draw)
    yield from _banded(n, draw)
    # of pieces that are small beside a tile, as they come at the ends of divide and conquer
    m = max(n // 2, 2)
    small = np.asfortranarray(definite[:m, :m])
    yield KernelCall("heevd", heevd.flops((m, m), first=0, count=m), lambda: heevd(small, first=0, count=m))
    yield KernelCall("gesdd", gesdd.flops((m, m)), lambda: gesdd(small))


def _added(kernel: Kernel, total: Tile, *operands: Any, **options: int) -> None:
    assert kernel.accumulate is not None
    total *= 0.5  # stays finite however often it is added to
    kernel.accumulate(total, -1, *operands, **options)


def _orthogonal(n: int, a: Tile, b: Tile) -> Iterator[KernelCall]:
    square = (n, n)
    upper, other = np.triu(a), np.triu(b)
    v, w, t, _ = geqrt([a, b])
    u, k, _ = tpqrt(upper, other)
    yield KernelCall("geqrt", geqrt.flops([square] * 2), lambda: geqrt([a, b]))
    flops = larfb.flops(square, [square], square, square, [square], trans="C")
    yield KernelCall("larfb", flops, lambda: larfb(v, [w], t, a, [b], trans="C"))
    yield KernelCall("tpqrt", tpqrt.flops(square, square), lambda: tpqrt(upper, other))
    flops = tpmqrt.flops(square, square, square, [square])
    yield KernelCall("tpmqrt", flops, lambda: tpmqrt(u, k, a, [b], trans="C"))


def _moved(n: int, draw: _Draw) -> Iterator[KernelCall]:
    """Rows on their way between the tiles of a column, and what is made of its factors."""
    column, square = [draw(n, n) for _ in range(COLUMN)], (n, n)
    lu, *_, pivots = getrf(column)
    here, there, total = column[0], column[1], draw(n, n)
    order = draw.order(COLUMN * n)
    have, want = order[:n, None], draw.order(COLUMN * n)[:n, None]
    whole = np.arange(n)[:, None]
    flops = put.flops(square, square, pivots.shape, tile=1)
    yield KernelCall("put", flops, lambda: put(there, here, pivots, tile=1))
    flops = take.flops(square, pivots.shape, tile=1)
    yield KernelCall("take", flops, lambda: _added(take, total, there, pivots, tile=1))
    flops = gather.flops(square, have.shape, want.shape)
    yield KernelCall("gather", flops, lambda: _added(gather, total, there, have, want))
    yield KernelCall("lower_factor", lower_factor.flops(square), lambda: lower_factor(lu))
    yield KernelCall("upper_factor", upper_factor.flops(square), lambda: upper_factor(lu))
    flops = permutation.flops(whole.shape, want.shape)
    yield KernelCall("permutation", flops, lambda: permutation(whole, want))


def _banded(n: int, draw: _Draw) -> Iterator[KernelCall]:
    """Reductions to a band and further, and what applies their reflectors to a tile."""
    band, count = max(2, min(BAND, n // 4)), min(GROUP, n - 1)
    x, y, thin, slim = draw(n, n), draw(n, n), draw(n, band), draw(n, band)
    v, t, _ = he2hb_panel([x, y], [], [], band=band, at=0)[1:]
    hermitian, upper = draw(2 * band + 1, n), draw(3 * band - 1, n)
    hermitian[band + 1 :] = 0
    _, reflectors, tau = hb2st(hermitian, band=band, first=0, count=count)
    factors = sweep_factors(reflectors, tau, band=band, first=0)
    options = {"band": band, "first": 0, "count": count}
    applied = {"band": band, "group": count, "top": 0}
    tiles = {"tiles": 2, "ratio": 1, "top": 0}
    flops = he2hb_panel.flops([x.shape] * 2, [], [], band=band, at=0)
    yield KernelCall("he2hb_panel", flops, lambda: he2hb_panel([x, y], [], [], band=band, at=0))
    flops = column_panel.flops([thin.shape] * 2, [], [])
    yield KernelCall("column_panel", flops, lambda: column_panel([thin, slim], [], []))
    flops = ormtr.flops(x.shape, [v.shape], [t.shape], **tiles)
    yield KernelCall("ormtr", flops, lambda: ormtr(x, [v], [t], **tiles))
    yield KernelCall("hb2st", hb2st.flops(hermitian.shape, **options), lambda: hb2st(hermitian, **options))
    yield KernelCall("gb2bd", gb2bd.flops(upper.shape, **options), lambda: gb2bd(upper, **options))
    flops = sweeps.flops([x.shape], [reflectors.shape], [factors.shape], **applied)
    yield KernelCall("sweeps", flops, lambda: sweeps([x], [reflectors], [factors], **applied))


class _Draw:
    """Tiles of random numbers, and random orders."""

    def __init__(self, n: int, seed: int) -> None:
        self._rng = np.random.default_rng((seed, n))

    def __call__(self, rows: int, columns: int) -> Tile:
        return np.asfortranarray(self._rng.standard_normal((rows, columns)))

    def order(self, count: int) -> NDArray[np.int64]:
        return self._rng.permutation(count)
