"""Every routine of BLAS and LAPACK runs without the GIL, and two of them run side by side."""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numpywren.kernels import blas, lapack
from numpywren.kernels.capsule import LETTERS, address
from numpywren.kernels.elementwise import add
from numpywren.kernels.finite import check_finite
from numpywren.kernels.gemm import gemm
from numpywren.kernels.potrf import potrf
from numpywren.kernels.syrk import syrk
from numpywren.kernels.threads import single_threaded_blas
from numpywren.kernels.trsm import trsm

N = 1400


def longest_silence(call):
    """Share of a call's time that passed between two ticks of another Python thread, at most."""
    ticks: list[float] = []
    started, stop = threading.Event(), threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            started.set()
            time.sleep(0.0005)

    ticker = threading.Thread(target=tick)
    ticker.start()
    started.wait()
    begin = time.perf_counter()
    call()
    end = time.perf_counter()
    stop.set()
    ticker.join()
    inside = [begin, *(t for t in ticks if begin < t < end), end]
    return max(b - a for a, b in itertools.pairwise(inside)) / (end - begin)


def held_the_gil(call):
    # A busy machine may starve the ticking thread for a while, but not during most of each of many calls; a call that
    # holds the GIL is silent every time.
    return all(longest_silence(call) > 0.6 for _ in range(40))


@pytest.fixture(scope="module")
def tiles():
    rng = np.random.default_rng(7)
    made = {}
    for dtype, letter in LETTERS.items():
        n = N if letter in "sd" else N // 2
        a = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if letter in "cz" else 0)
        t = np.eye(n) * 50 + np.tril(a)
        made[letter] = n, np.asfortranarray(a.astype(dtype)), np.asfortranarray(t.astype(dtype))
    return made


# One call of one routine each: between two calls the GIL would be free anyhow.
ROUTINES = {
    "gemm": lambda letter, n, a, t, out: blas.gemm(
        letter, "N", "N", n, n, n, 1.0, address(a), n, address(t), n, 0.0, address(out), n
    ),
    "syrk": lambda letter, n, a, t, out: blas.syrk(letter, "L", "N", n, n, 1.0, address(a), n, 0.0, address(out), n),
    "trsm": lambda letter, n, a, t, out: blas.trsm(letter, "L", "L", "N", "N", n, n, address(t), n, address(out), n),
    "potrf": lambda letter, n, a, t, out: lapack.potrf(letter, "L", n, address(out), n),
}


@pytest.mark.parametrize("letter", "sdcz")
@pytest.mark.parametrize("name", ROUTINES)
def test_routine_releases_the_gil(tiles, name, letter):
    n, a, t = tiles[letter]
    out = np.asfortranarray(np.eye(n, dtype=a.dtype))
    assert {*ROUTINES, "lacpy"} == {*blas.__all__, *lapack.__all__}, "a routine without a test here"
    with single_threaded_blas():
        assert not held_the_gil(lambda: ROUTINES[name](letter, n, a, t, out))


def test_lacpy_releases_the_gil():
    # It does no arithmetic, so a call that takes long enough to measure needs a large matrix.
    a = np.ones((5000, 4000), dtype=np.float32, order="F")
    out = np.empty_like(a)
    assert not held_the_gil(lambda: lapack.lacpy("s", "A", *a.shape, address(a), 5000, address(out), 5000))


def test_the_measure_notices_a_held_gil():
    held = ctypes.PyDLL(None).usleep
    assert held_the_gil(lambda: held(100_000))
    assert not held_the_gil(lambda: ctypes.CDLL(None).usleep(100_000))


KERNELS = {
    "gemm": lambda a, t: gemm(a, t),
    "gemm transposed": lambda a, t: gemm(a, t, transa="C"),
    "syrk": lambda a, t: syrk(a),
    "trsm": lambda a, t: trsm(a, t),
    "potrf": lambda a, t: potrf(t),
    "add": lambda a, t: add(a, t),
    "check_finite": lambda a, t: check_finite(a),
}


@pytest.mark.parametrize("name", KERNELS)
def test_two_threads_get_what_one_gets(tiles, name):
    _, a, t = tiles["d"]
    a, t = np.asfortranarray(a[:500, :500]), np.asfortranarray(t[:500, :500])
    run = KERNELS[name]
    with single_threaded_blas(), ThreadPoolExecutor(2) as pool:
        alone = run(a, t)
        together = list(pool.map(lambda _: run(a, t), range(8)))
    assert all(np.array_equal(alone, result) for result in together)


def test_different_kernels_side_by_side(tiles):
    _, a, t = tiles["d"]
    a, t = np.asfortranarray(a[:300, :300]), np.asfortranarray(t[:300, :300])
    with single_threaded_blas(), ThreadPoolExecutor(3) as pool:
        alone = {name: run(a, t) for name, run in KERNELS.items()}
        futures = [(name, pool.submit(run, a, t)) for _ in range(10) for name, run in KERNELS.items()]
        assert all(np.array_equal(alone[name], future.result()) for name, future in futures)
