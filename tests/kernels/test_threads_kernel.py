from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import threadpoolctl

from numpywren.kernels.threads import single_threaded_blas


def counts():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    with single_threaded_blas():  # loads SciPy's BLAS, so that it is counted
        pass
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = counts()
        if set(before) != {2}:
            pytest.fail(f"this BLAS cannot run on two threads: {before}")
        yield


@pytest.mark.usefixtures("two_threads")
def test_one_thread_inside_and_what_was_before_outside():
    with single_threaded_blas():
        assert set(counts()) == {1}
        with single_threaded_blas():
            assert set(counts()) == {1}
        assert set(counts()) == {1}
    assert set(counts()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_restored_after_a_failure():
    with pytest.raises(ZeroDivisionError), single_threaded_blas():
        _ = 1 / 0
    assert set(counts()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_restored_once_the_last_of_many_threads_leaves():
    seen = []

    def hold(seconds):
        with single_threaded_blas():
            time.sleep(seconds)
            seen.append(counts())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [0.001 * (i % 5) for i in range(64)]))
    assert {count for each in seen for count in each} == {1}
    assert set(counts()) == {2}


def test_finds_the_blas_of_scipy_before_anyone_loaded_it():
    script = """
import threadpoolctl
from numpywren.kernels.threads import single_threaded_blas
with single_threaded_blas():
    info = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    assert info and all(library["num_threads"] == 1 for library in info), info
    import scipy.linalg.cython_blas
    assert len(threadpoolctl.threadpool_info()) == len(info)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_cheap_after_the_first_use():
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        with single_threaded_blas():
            pass
        best = min(best, time.perf_counter() - start)
    assert best < 0.001


@pytest.mark.usefixtures("two_threads")
def test_any_thread_may_set_the_limit_after_another_did():
    with single_threaded_blas():
        pass

    def inside():
        with single_threaded_blas():
            return counts()

    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(inside).result()) == {1}
    assert set(counts()) == {2}
