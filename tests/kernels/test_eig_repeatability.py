"""Kernels of eigenproblems give the same bits for the same input, wherever in memory it and their work space lie.

Several tiles of one task must fit each other: reflectors of one run and a band of another may differ in sign where
rounding decides.
"""

from __future__ import annotations

import numpy as np
import pytest
from kernels.test_kernel_repeatability import placed

from numpywren.kernels.hb2st import hb2st
from numpywren.kernels.he2hb import he2hb_panel
from numpywren.kernels.heevd import heevd
from numpywren.kernels.hemm import hemm, her2k
from numpywren.kernels.laed import laed2, laed3, laed4, merged, merged_ends
from numpywren.kernels.ormtr import ormtr
from numpywren.kernels.stedc import stedc_piece, tridiagonal
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.kernels.threads import single_threaded_blas


def several(results):
    return results if isinstance(results, tuple) else (results,)


def cases(draw):
    n, band = 131, 17
    packed, z, v, tau = draw(2 * band + 1, n), draw(n, 21), draw(n, 40) / 9, draw(8, 40) / 9
    packed[band + 1 :] = 0
    tau = np.asfortranarray(tau)
    f = sweep_factors(v, tau, band=band, first=0)
    square, below, wide = draw(67, 67), draw(43, 67), draw(67, 20)
    pieces = [tridiagonal(packed, packed, start=start, stop=stop) for start, stop in ((0, 65), (65, n))]
    left, right = map(stedc_piece, pieces)
    begun = laed2(pieces[0], [left[0]], [right[0]])
    merge = laed3(*begun, *([x] for x in laed4(*begun, part=0, parts=1)))
    ends = merged_ends(*merge, [left[0]], [right[0]], start=5, stop=60)
    return {
        "hb2st": lambda place: hb2st(place(packed), band=band, first=0, count=50),
        "sweep_factors": lambda place: sweep_factors(place(v), place(tau), band=band, first=0),
        "sweeps": lambda place: sweeps([place(z)], [place(v)], [place(f)], band=band, group=40, top=0),
        "he2hb_panel": lambda place: he2hb_panel([place(square), place(below)], [], [], band=16, at=1),
        "hemm": lambda place: hemm(place(square), place(wide)),
        "her2k": lambda place: her2k(place(wide), place(wide)),
        "stedc_piece": lambda place: stedc_piece(place(pieces[1])),
        "merged": lambda place: merged(place(left[1]), *map(place, merge), place(ends), row=0, start=5),
        "heevd": lambda place: heevd(place(square), first=0, count=60),
        "ormtr": lambda place: ormtr(
            place(z), [place(z[:80]), place(z[80:])], [place(z[:21])], tiles=3, ratio=1, top=0
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "hb2st",
        "sweep_factors",
        "sweeps",
        "he2hb_panel",
        "hemm",
        "her2k",
        "stedc_piece",
        "merged",
        "heevd",
        "ormtr",
    ],
)
def test_same_bits(draw, name):
    rng = np.random.default_rng(1)
    run = cases(draw)[name]
    kept = []
    with single_threaded_blas():
        want = [result.copy() for result in several(run(lambda x: placed(x, 0)))]
        for _ in range(6):
            kept.append(np.empty(int(rng.integers(1, 5000)), np.uint8))  # moves what is allocated next
            got = several(run(lambda x: placed(x, int(rng.integers(8)))))
            assert [result.tobytes("F") for result in got] == [result.tobytes("F") for result in want]
