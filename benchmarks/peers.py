"""The same work done by others: NumPy and SciPy, Dask, ScaLAPACK.

Every peer runs in a fresh process, so that thread pools, memory and caches of one do not touch another. It makes its
own matrices, times the routine alone, checks its result, and ends. A peer that cannot run says why; none is left out in
silence.

    python benchmarks/peers.py cholesky 4096 --chunk 1024 --repeats 3
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 3600

#: What the peers can do: flops of each operation on matrices of order n, and ScaLAPACK's name for it.
OPERATIONS: dict[str, tuple[Callable[[int], float], str]] = {
    "matmul": (lambda n: 2.0 * n**3, "pdgemm"),
    "cholesky": (lambda n: n**3 / 3, "pdpotrf"),
}


class Sample(NamedTuple):
    """One run of one peer."""

    seconds: float
    #: How it was run, where there was a choice.
    detail: str = ""
    #: Whatever else its process said.
    record: Mapping[str, Any] = MappingProxyType({})


class Missing(NamedTuple):
    """A peer that could not run."""

    why: str

    def __str__(self) -> str:
        return f"missing: {self.why}"


class Timing(NamedTuple):
    """All runs of one candidate."""

    #: Median.
    seconds: float
    runs: tuple[float, ...]
    detail: str = ""


Candidate: TypeAlias = Callable[[], "Sample | Missing | float"]


def alternate(candidates: Mapping[str, Candidate], repeats: int = 3) -> dict[str, Timing | Missing]:
    """Run candidates in turn, again and again, so that a change of the machine's load touches all of them.

    Parameters
    ----------
    candidates : mapping of str to callable
        Each runs once and returns its seconds, a `Sample`, or why it is `Missing`.
    repeats : int, default 3
        How often each runs. One that is missing is not asked again.

    Returns
    -------
    dict of str to (Timing or Missing)
        Medians, in the order of the candidates.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in candidates}
    missing: dict[str, Missing] = {}
    for _ in range(repeats):
        for name, run in candidates.items():
            if name in missing:
                continue
            outcome = run()
            if isinstance(outcome, Missing):
                missing[name] = outcome
            else:
                samples[name].append(outcome if isinstance(outcome, Sample) else Sample(outcome))
    return {name: missing.get(name) or _summary(samples[name]) for name in candidates}


def _summary(samples: list[Sample]) -> Timing:
    runs = tuple(sample.seconds for sample in samples)
    return Timing(statistics.median(runs), runs, samples[-1].detail)


def everyone(operation: str, n: int, chunk: int, processes: int = 2) -> dict[str, Candidate]:
    """All peers for one operation, ready for `alternate`."""
    return {
        "NumPy/SciPy": in_memory(operation, n),
        "Dask": dask(operation, n, chunk),
        "ScaLAPACK": scalapack(operation, n, processes=processes),
    }


def in_memory(operation: str, n: int) -> Candidate:
    """NumPy's matmul or SciPy's cholesky on arrays in memory, with all cores."""

    def run() -> Sample | Missing:
        return child("in_memory", operation, str(n))

    return run


def dask(operation: str, n: int, chunk: int) -> Candidate:
    """Dask array on the threaded scheduler, chunks in memory before and after.

    BLAS runs either on one thread in each task or on all cores in each; the first call tries both, and the faster one
    is kept for the calls that follow, and named in the sample's detail.
    """
    chosen: list[str] = []

    def run() -> Sample | Missing:
        if chosen:
            return child("dask", operation, str(n), str(chunk), chosen[0])
        outcomes = {threads: child("dask", operation, str(n), str(chunk), threads) for threads in ("1", "all")}
        best: Sample | None = None
        for threads, outcome in outcomes.items():
            if isinstance(outcome, Missing):
                return outcome
            if best is None or outcome.seconds < best.seconds:
                best, chosen[:] = outcome, [threads]
        assert best is not None
        return best

    return run


def scalapack(operation: str, n: int, blocks: Iterable[int] = (64, 128, 256), processes: int = 2) -> Candidate:
    """ScaLAPACK through the driver in ``scalapack/``; each sample is the best of the block sizes."""
    routine = OPERATIONS[operation][1]
    nbs = ",".join(map(str, blocks))

    def run() -> Sample | Missing:
        if missing := _build_scalapack():
            return missing
        # Neither bound to cores nor yielding: what is fastest where there are as many cores as processes.
        mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
        mpirun += ["--mca", "mpi_yield_when_idle", "0", "-np", str(processes)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = _capture([*mpirun, "build/driver", routine, str(n), nbs, "1"], environment, HERE / "scalapack")
        if isinstance(done, Missing):
            return done
        best = min((json.loads(line) for line in done.splitlines() if line.startswith("{")), key=lambda r: r["seconds"])
        rows, columns = best["grid"]
        return Sample(
            best["seconds"], f"nb={best['nb']}, grid {rows}×{columns}, {best['blas_config'].split(' NO_')[0]}"
        )

    return run


def _build_scalapack() -> Missing | None:
    if shutil.which("mpirun") is None:
        return Missing("mpirun is not installed; apt-get install openmpi-bin libscalapack-openmpi-dev libopenblas-dev")
    built = subprocess.run(["sh", "scalapack/build.sh"], cwd=HERE, capture_output=True, text=True, check=False)
    return Missing(" ".join((built.stderr or built.stdout).split())) if built.returncode else None


def child(*arguments: str, script: Path | None = None) -> Sample | Missing:
    """Run one candidate in a fresh interpreter; its last line of output is a record in JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [str(script)] if script else [str(HERE / "peers.py"), "--peer"]
    done = _capture([sys.executable, *command, *arguments], environment, HERE)
    if isinstance(done, Missing):
        return done
    record = json.loads(done.splitlines()[-1])
    return Missing(record["missing"]) if "missing" in record else Sample(record["seconds"], record["detail"], record)


def _capture(command: list[str], environment: dict[str, str], folder: Path) -> str | Missing:
    try:
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return Missing(f"did not end within {TIMEOUT_S} s")
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return Missing(f"exit status {done.returncode}: {lines[-1] if lines else 'no output'}")
    return done.stdout


# What runs in the child.


def _matrices(operation: str, n: int) -> tuple[Any, Any]:
    """Matrices to work on: two general ones, or a positive definite one and None."""
    import numpy as np

    rng = np.random.default_rng(1)
    a = rng.random((n, n))
    if operation == "matmul":
        return a, rng.random((n, n))
    a -= 0.5
    # Symmetric without a second matrix in memory, and dominated by its diagonal.
    for i in range(0, n, 512):
        for j in range(0, i, 512):
            a[j : j + 512, i : i + 512] = a[i : i + 512, j : j + 512].T
        corner = a[i : i + 512, i : i + 512]
        corner += corner.T.copy()
        corner /= 2
    a[np.arange(n), np.arange(n)] += n
    return a, None


def _check(operation: str, a: Any, b: Any, result: Any, x: Any, ax: Any) -> None:
    """Refuse a wrong result, by its product with one vector."""
    import numpy as np

    if operation == "matmul":
        want, got = a @ (b @ x), result(x)
    else:
        want, got = ax, result(x)
    error = float(np.max(np.abs(want - got)) / np.max(np.abs(want)))
    if not error < 1e-12 * len(x):
        raise RuntimeError(f"wrong result of {operation}: relative error {error:.1e}")


def _in_memory(operation: str, n: int) -> Sample:
    import numpy as np
    import scipy.linalg

    a, b = _matrices(operation, n)
    x = np.linspace(-1, 1, n)
    if operation == "matmul":
        start = time.perf_counter()
        c = a @ b
        seconds = time.perf_counter() - start
        _check(operation, a, b, lambda v: c @ v, x, None)
        return Sample(seconds, f"NumPy {np.__version__}")
    ax = a @ x
    start = time.perf_counter()
    # The transpose of a symmetric matrix is column-major: factored in place, without a copy.
    factor = scipy.linalg.cholesky(a.T, lower=True, overwrite_a=True, check_finite=False)
    seconds = time.perf_counter() - start
    _check(operation, a, b, lambda v: factor @ (factor.T @ v), x, ax)
    return Sample(seconds, f"SciPy {scipy.__version__}")


def _dask(operation: str, n: int, chunk: int, blas_threads: str) -> Sample:
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped]

    dask: Any = importlib.import_module("dask")
    array: Any = importlib.import_module("dask.array")
    a, b = _matrices(operation, n)
    x = np.linspace(-1, 1, n)
    blocks = array.from_array(a, chunks=chunk)
    limit = 1 if blas_threads == "1" else None
    with dask.config.set(scheduler="threads"), threadpoolctl.threadpool_limits(limit, user_api="blas"):
        if operation == "matmul":
            lazy = blocks @ array.from_array(b, chunks=chunk)
        else:
            lazy = array.linalg.cholesky(blocks, lower=True)
        start = time.perf_counter()
        done = lazy.persist()
        seconds = time.perf_counter() - start
        ax = a @ x
        if operation == "matmul":
            _check(operation, a, b, lambda v: (done @ v).compute(), x, ax)
        else:
            _check(operation, a, b, lambda v: (done @ (done.T @ v)).compute(), x, ax)
    per_task = "one BLAS thread a task" if blas_threads == "1" else "all BLAS threads in each task"
    return Sample(seconds, f"Dask {dask.__version__}, chunks of {chunk}, {per_task}")


def _serve(arguments: list[str]) -> None:
    """Run one peer and print its record."""
    peer, operation, n, *rest = arguments
    if peer == "dask" and importlib.util.find_spec("dask") is None:
        print(json.dumps({"missing": "Dask is not installed; pip install 'numpywren[bench]'"}))
        return
    sample = _in_memory(operation, int(n)) if peer == "in_memory" else _dask(operation, int(n), int(rest[0]), rest[1])
    print(json.dumps({"seconds": sample.seconds, "detail": sample.detail}))


def table(results: Mapping[str, Timing | Missing], flops: float) -> str:
    """Lay results out as text: seconds, rate, and time relative to the first candidate that ran."""
    first = next((timing.seconds for timing in results.values() if isinstance(timing, Timing)), math.nan)
    lines = []
    for name, result in results.items():
        if isinstance(result, Missing):
            lines.append(f"{name:14} {result}")
        else:
            rate = flops / result.seconds * 1e-9
            lines.append(
                f"{name:14} {result.seconds:9.3f} s {rate:7.1f} GFLOP/s  ×{result.seconds / first:.2f}  {result.detail}"
            )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Time the peers beside each other.")
    parser.add_argument("operation", choices=OPERATIONS)
    parser.add_argument("n", type=int, help="order of the matrices")
    parser.add_argument("--chunk", type=int, default=2048, help="order of Dask's chunks (default 2048)")
    parser.add_argument("--processes", type=int, default=2, help="of ScaLAPACK (default 2)")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    results = alternate(everyone(given.operation, given.n, given.chunk, given.processes), given.repeats)
    print(f"{given.operation}, N = {given.n}, medians of {given.repeats} alternating runs")
    print(table(results, OPERATIONS[given.operation][0](given.n)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        _serve(sys.argv[2:])
    else:
        main()
