"""Rates of the tile kernels on one thread, beside gemm's, and whether they leave the GIL alone.

    python benchmarks/bench_kernels.py --sizes 1024 2048 --repeats 5

The kernels run in turn, and the table shows medians. By default time is the processor time of the one thread, which
other processes on the machine disturb little; ``--clock wall`` takes what the clock on the wall says.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import kernel_candidates
import numpy as np
import numpy.typing as npt

from numpywren.kernels import blas, lapack
from numpywren.kernels.capsule import LETTERS, address
from numpywren.kernels.gemm import gemm
from numpywren.kernels.potrf import potrf
from numpywren.kernels.syrk import syrk
from numpywren.kernels.threads import single_threaded_blas
from numpywren.kernels.trsm import trsm

CLOCKS = {"cpu": time.thread_time, "wall": time.perf_counter}

#: Share of gemm's rate that each kernel must reach (float64, tiles of 1024 and 2048).
GOALS = {"syrk": 0.85, "trsm R L C": 0.70, "trsm L L N": 0.70, "trsm L L C": 0.70, "trsm R L N": 0.70, "potrf": 0.60}
GOALS |= kernel_candidates.GOALS


class Row(NamedTuple):
    """One kernel at one size."""

    kernel: str
    n: int
    dtype: str
    gflops: float
    #: Rate relative to gemm's, in the same precision and at the same size.
    of_gemm: float
    goal: float | None
    releases_gil: bool


def candidates(n: int, dtype: np.dtype[Any]) -> dict[str, tuple[float, Callable[[], object]]]:
    """Flops (on real numbers) and a call of each kernel, and of the plain BLAS and LAPACK routines for comparison."""
    rng = np.random.default_rng(0)

    def draw(rows: int, columns: int) -> npt.NDArray[Any]:
        imaginary = 1j * rng.standard_normal((rows, columns)) if dtype.kind == "c" else 0
        return np.asfortranarray((rng.standard_normal((rows, columns)) + imaginary).astype(dtype))

    a, b = draw(n, n), draw(n, n)
    definite = np.asfortranarray(a @ a.conj().T + n * np.eye(n, dtype=dtype))
    factor = potrf(definite)
    letter, work = LETTERS[dtype], np.empty((n, n), dtype, order="F")

    def plain_trsm() -> None:
        work[...] = b
        blas.trsm(letter, "R", "L", "C", "N", n, n, address(factor), n, address(work), n)

    def plain_potrf() -> None:
        work[...] = definite
        lapack.potrf(letter, "L", n, address(work), n)

    shape = (n, n)
    half, third = trsm.flops(shape, shape), potrf.flops(shape)
    calls: dict[str, tuple[float, Callable[[], object]]] = {
        "gemm": (gemm.flops(shape, shape), lambda: gemm(a, b)),
        "gemm T": (gemm.flops(shape, shape), lambda: gemm(a, b, transb="C")),
        "syrk": (syrk.flops(shape), lambda: syrk(a)),
        "trsm R L C": (half, lambda: trsm(b, factor, side="R", trans="C")),
        "trsm R L N": (half, lambda: trsm(b, factor, side="R")),
        "trsm L L N": (half, lambda: trsm(b, factor)),
        "trsm L L C": (half, lambda: trsm(b, factor, trans="C")),
        "potrf": (third, lambda: potrf(definite)),
        "BLAS trsm": (half, plain_trsm),
        "LAPACK potrf": (third, plain_potrf),
        **kernel_candidates.factorizations(n, draw),
    }
    real = 4.0 if dtype.kind == "c" else 1.0
    return {name: (flops * real, call) for name, (flops, call) in calls.items()}


def longest_silence(call: Callable[[], object]) -> float:
    """Share of a call's time during which another Python thread could not run, at most."""
    ticks: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0002)

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    call()
    end = time.perf_counter()
    stop.set()
    ticker.join()
    inside = [begin, *(t for t in ticks if begin < t < end), end]
    return max(after - before for before, after in itertools.pairwise(inside)) / (end - begin)


def measure(n: int, dtype: np.dtype[Any], repeats: int, clock: Callable[[], float]) -> list[Row]:
    """Time all kernels at one size, in alternation, on one thread."""
    with single_threaded_blas():
        calls = candidates(n, dtype)
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        names = list(calls)
        for repeat in range(repeats):
            # Each round starts with another kernel, so that none always finds the memory that the same one left behind.
            first = 3 * repeat % len(names)
            for name in names[first:] + names[:first]:
                call = calls[name][1]
                start = clock()
                call()
                seconds[name].append(clock() - start)
        silent = {name: all(longest_silence(call) > 0.6 for _ in range(4)) for name, (_, call) in calls.items()}
    rates = {name: flops / max(statistics.median(seconds[name]), 1e-9) for name, (flops, _) in calls.items()}
    return [
        Row(name, n, dtype.name, rate * 1e-9, rate / rates["gemm"], GOALS.get(name), not silent[name])
        for name, rate in rates.items()
    ]


def table(rows: list[Row]) -> str:
    """Lay the rows out as text."""
    lines = [f"{'kernel':14}{'tile':>6} {'dtype':12}{'GFLOP/s':>9}{'of gemm':>9}{'goal':>7}  GIL"]
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:.0%}"
        gil = "released" if row.releases_gil else "HELD"
        lines.append(f"{row.kernel:14}{row.n:6} {row.dtype:12}{row.gflops:9.1f}{row.of_gemm:9.0%}{goal:>7}  {gil}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description="Rates of the tile kernels on one thread.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048], help="orders of the tiles")
    parser.add_argument("--dtypes", nargs="+", default=["float64"], choices=[str(dtype) for dtype in LETTERS])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="cpu")
    parser.add_argument("--json", action="store_true", help="print one record a line instead of the table")
    given = parser.parse_args(arguments)
    rows = [
        row
        for dtype in given.dtypes
        for n in given.sizes
        for row in measure(n, np.dtype(dtype), given.repeats, CLOCKS[given.clock])
    ]
    print("\n".join(json.dumps(row._asdict()) for row in rows) if given.json else table(rows))
    return rows


if __name__ == "__main__":
    main()
