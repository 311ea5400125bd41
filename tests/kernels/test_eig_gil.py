"""Kernels of eigenproblems let go of the GIL, and run side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels import lapack_eig
from numpywren.kernels.hb2st import hb2st
from numpywren.kernels.he2hb import he2hb_panel
from numpywren.kernels.heevd import heevd
from numpywren.kernels.hemm import hemm, her2k
from numpywren.kernels.ormtr import ormtr
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.kernels.threads import single_threaded_blas


def drawn(*shape, dtype=np.float64):
    rng = np.random.default_rng(5)
    a = rng.standard_normal(shape)
    return np.asfortranarray((a + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else a).astype(dtype))


def stedc(dtype):
    d, e = drawn(500, dtype=dtype), drawn(499, dtype=dtype)
    return lapack_eig.stedc(d, e, np.empty((500, 500), dtype, order="F"))


def laed4(dtype):
    n = 1_000_000
    d = np.linspace(0, 1, n, dtype=dtype)
    return lapack_eig.laed4(n // 2, d, np.full(n, n**-0.5, dtype), 1.0, np.empty_like(d))


# One call of one routine each: between two calls the GIL would be free anyhow.
ROUTINES = {
    "stedc": (stedc, "fd"),
    "laed4": (laed4, "fd"),
    "sterf": (lambda dtype: lapack_eig.sterf(drawn(3000, dtype=dtype), drawn(2999, dtype=dtype)), "fd"),
    "heevd": (lambda dtype: heevd(drawn(350, 350, dtype=dtype), first=0, count=350), "fdFD"),
    "hemm": (lambda dtype: hemm(drawn(900, 900, dtype=dtype), drawn(900, 900, dtype=dtype)), "dD"),
    "her2k": (lambda dtype: her2k(drawn(900, 900, dtype=dtype), drawn(900, 900, dtype=dtype)), "dD"),
}


@pytest.mark.parametrize(
    ("name", "letter"), [(name, letter) for name, (_, letters) in ROUTINES.items() for letter in letters]
)
def test_routine_releases_the_gil(name, letter):
    assert {*ROUTINES, "check_converged"} >= {*lapack_eig.__all__}, "a routine without a test here"
    with single_threaded_blas():
        assert not held_the_gil(lambda: ROUTINES[name][0](np.dtype(letter)))


def kernels():
    # Large enough that another thread gets its turn while a call lasts, on a busy machine too.
    n, band, group = 1200, 64, 512
    v, tau = drawn(n, group) / 5, np.full((n // band + 1, group), 0.1)
    f = sweep_factors(v, tau, band=band, first=0)
    packed = drawn(2 * 24 + 1, 300)
    packed[24 + 1 :] = 0
    wide, tall, block = drawn(n, 400), drawn(4000, 200), drawn(400, 400)
    return {
        "hb2st": lambda: hb2st(packed, band=24, first=0, count=100)[0],
        "sweep_factors": lambda: sweep_factors(v, tau, band=band, first=0),
        "sweeps": lambda: sweeps([wide], [v], [f], band=band, group=group, top=0),
        "ormtr": lambda: ormtr(wide, [block, block], [block], tiles=3, ratio=1, top=0),
        "he2hb_panel": lambda: he2hb_panel([tall, tall], [], [], band=200, at=0)[0],
    }


@pytest.mark.parametrize("name", kernels())
def test_kernel_leaves_the_gil_to_others(name):
    run = kernels()[name]
    with single_threaded_blas():
        assert not held_the_gil(run)


def test_kernels_side_by_side():
    with single_threaded_blas(), ThreadPoolExecutor(3) as pool:
        alone = {name: run() for name, run in kernels().items()}
        futures = [(name, pool.submit(run)) for _ in range(3) for name, run in kernels().items()]
        assert all(np.array_equal(alone[name], future.result()) for name, future in futures)
