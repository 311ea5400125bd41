"""Calls of the factorization kernels at one size, for ``bench_kernels.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from numpywren.kernels.gb2bd import gb2bd
from numpywren.kernels.ge2gb import column_panel
from numpywren.kernels.geqrt import geqrf, geqrt
from numpywren.kernels.getrf import gessm, getrf
from numpywren.kernels.getrf_tournament import tstrf
from numpywren.kernels.hb2st import hb2st
from numpywren.kernels.he2hb import he2hb_panel
from numpywren.kernels.hemm import hemm, her2k
from numpywren.kernels.larfb import larfb
from numpywren.kernels.ormtr import ormtr
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.kernels.tpqrt import tpmqrt, tpqrt

Array = npt.NDArray[Any]
Calls = dict[str, tuple[float, Callable[[], object]]]

#: Widest band, and sweeps in a task of bulge chasing.
BAND, GROUP = 128, 256

#: Share of gemm's rate that kernels must reach (float64, tiles of 1024 and 2048): a panel, and what applies one.
GOALS = {"geqrt": 0.60, "geqrt 2": 0.60, "gemqrt": 0.75, "tpmqrt": 0.75, "ormtr": 0.75, "sweeps": 0.75}


def factorizations(n: int, draw: Callable[[int, int], Array]) -> Calls:
    """Flops and a call of each kernel; ``geqrt 2`` and the like work on two tiles, one on top of the other."""
    a, b, x, y = (draw(n, n) for _ in range(4))
    square = (n, n)
    r1, r2 = np.triu(a), np.triu(b)
    v0, v1, t, _ = geqrt([a, b])
    u, k, _ = tpqrt(r1, r2)
    lu, *_ = getrf([a])
    calls: Calls = {
        "geqrt": (geqrt.flops([square]), lambda: geqrt([a])),
        "geqrt 2": (geqrt.flops([square] * 2), lambda: geqrt([a, b])),
        "geqrf 2": (geqrf.flops([square] * 2), lambda: geqrf([a, b])),
        "gemqrt": (
            larfb.flops(square, [square], square, square, [square], trans="C"),
            lambda: larfb(v0, [v1], t, x, [y], trans="C"),
        ),
        "tpqrt": (tpqrt.flops(square, square), lambda: tpqrt(r1, r2)),
        "tpmqrt": (tpmqrt.flops(square, square, square, [square]), lambda: tpmqrt(u, k, x, [y], trans="C")),
        "getrf": (getrf.flops([square]), lambda: getrf([a])),
        "getrf 2": (getrf.flops([square] * 2), lambda: getrf([a, b])),
        "gessm": (gessm.flops(square, square), lambda: gessm(x, lu)),
        "tstrf": (tstrf.flops(square, square), lambda: tstrf(x, lu)),
    }
    return {**calls, **bands(n, x, a, draw)}


def bands(n: int, x: Array, a: Array, draw: Callable[[int, int], Array]) -> Calls:
    """Reductions to a band and further, and what applies their reflectors to a tile."""
    band = max(2, min(BAND, n // 4))
    count = min(GROUP, n - 1)
    thin, other = draw(n, band), draw(n, band)
    v, t, _ = he2hb_panel([a, x], [], [], band=band, at=0)[1:]
    hermitian = draw(2 * band + 1, n)
    hermitian[band + 1 :] = 0
    hermitian[0] = hermitian[0].real
    upper = draw(3 * band - 1, n)
    _, reflectors, tau = hb2st(hermitian, band=band, first=0, count=count)
    factors = sweep_factors(reflectors, tau, band=band, first=0)
    options = {"band": band, "first": 0, "count": count}
    applied = {"band": band, "group": count, "top": 0}
    return {
        "he2hb_panel": (
            he2hb_panel.flops([(n, n)] * 2, [], [], band=band, at=0),
            lambda: he2hb_panel([a, x], [], [], band=band, at=0),
        ),
        "ge2gb panel": (column_panel.flops([(n, band)] * 2, [], []), lambda: column_panel([thin, other], [], [])),
        "hemm": (hemm.flops((n, n), (n, band)), lambda: hemm(a, thin)),
        "her2k": (her2k.flops((n, band), (n, band)), lambda: her2k(thin, other)),
        "ormtr": (
            ormtr.flops((n, n), [v.shape], [t.shape], tiles=2, ratio=1, top=0),
            lambda: ormtr(x, [v], [t], tiles=2, ratio=1, top=0),
        ),
        "hb2st": (hb2st.flops(hermitian.shape, **options), lambda: hb2st(hermitian, **options)),
        "gb2bd": (gb2bd.flops(upper.shape, **options), lambda: gb2bd(upper, **options)),
        "sweeps": (
            sweeps.flops([x.shape], [reflectors.shape], [factors.shape], **applied),
            lambda: sweeps([x], [reflectors], [factors], **applied),
        ),
    }
