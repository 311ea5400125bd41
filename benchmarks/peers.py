"""The same work done by others: NumPy and SciPy, Dask, ScaLAPACK.

Every peer runs in a fresh process, so that thread pools, memory and caches of one do not touch another. It makes its
own matrices, times the routine alone, checks its result, and ends. A peer that cannot run says why; none is left out in
silence.

    python benchmarks/peers.py cholesky 4096 --chunk 1024 --repeats 3
    python benchmarks/peers.py qr 65536x512 --chunk 2048

What they do for the factorizations other than Cholesky's is in ``peers_factorizations.py``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from timing import POWER_ITERATIONS, RANK, Candidate, Missing, Sample, Shape, Timing, alternate

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 3600


class Operation(NamedTuple):
    """What the peers can be asked to do."""

    #: Flops by the shape of the matrix. For spectra, those of the reduction to two diagonals alone: how many come after
    #: it depends on the matrix and on the method.
    flops: Callable[[int, int], float]
    #: What it is called in ``scalapack/driver.c``; None if ScaLAPACK has no such thing.
    scalapack: str | None
    #: Ways of doing it in memory, and with Dask besides the number of BLAS threads; the fastest way counts.
    in_memory: tuple[str, ...] = ("",)
    dask: tuple[str, ...] = ("",)


OPERATIONS: dict[str, Operation] = {
    "matmul": Operation(lambda m, n: 2.0 * n**3, "pdgemm"),
    "cholesky": Operation(lambda m, n: n**3 / 3, "pdpotrf"),
    "lu": Operation(lambda m, n: 2 * n**3 / 3, "pdgetrf"),
    "qr": Operation(lambda m, n: 2 * n**2 * (m - n / 3), "pdgeqrf", dask=("square", "halves")),
    "svdvals": Operation(lambda m, n: 8 * n**3 / 3, "pdgesvd"),
    "svd": Operation(lambda m, n: 8 * n**3 / 3, "pdgesvd_vectors"),
    "eigh": Operation(lambda m, n: 4 * n**3 / 3, "pdsyevd", in_memory=("evr", "evd")),
    "rsvd": Operation(lambda m, n: 2.0 * m * n * RANK * (2 * POWER_ITERATIONS + 2), None, dask=("lazy", "persisted")),
}


def everyone(
    operation: str, shape: Shape, chunk: int, processes: int = 2, blocks: Iterable[int] = (64, 128, 256), data: str = ""
) -> dict[str, Candidate]:
    """All peers for one operation, ready for `alternate`; `data` is a stored matrix, for those that read one."""
    return {
        "NumPy/SciPy": in_memory(operation, shape),
        "Dask": dask(operation, shape, chunk, data),
        "ScaLAPACK": scalapack(operation, shape, blocks, processes),
    }


def in_memory(operation: str, shape: Shape) -> Candidate:
    """NumPy's or SciPy's function on arrays in memory, with all cores."""
    return _fastest("in_memory", operation, shape_text(shape), ways=OPERATIONS[operation].in_memory)


def dask(operation: str, shape: Shape, chunk: int, data: str = "") -> Candidate:
    """Dask array on the threaded scheduler, chunks in memory before and after, or read from a store.

    BLAS runs either on one thread in each task or on all cores in each.
    """
    ways = [f"{threads} {way}" for threads in ("1", "all") for way in OPERATIONS[operation].dask]
    return _fastest("dask", operation, shape_text(shape), str(chunk), data, ways=ways)


def _fastest(*arguments: str, ways: Iterable[str]) -> Candidate:
    """A child that can work in several ways: the first call tries them all, those that follow keep to the fastest."""
    chosen: list[str] = []

    def run() -> Sample | Missing:
        if chosen:
            return child(*arguments, chosen[0])
        best: Sample | None = None
        why: Missing | None = None
        for way in ways:
            outcome = child(*arguments, way)
            if isinstance(outcome, Missing):
                why = why or outcome
            elif best is None or outcome.seconds < best.seconds:
                best, chosen[:] = outcome, [way]
        return best or why or Missing("there is no way to do it")

    return run


def shape_text(shape: Shape) -> str:
    """A shape as the command line has it: ``4096`` or ``65536x512``."""
    return str(shape[0]) if shape[0] == shape[1] else f"{shape[0]}x{shape[1]}"


def parse_shape(text: str) -> Shape:
    """What `shape_text` wrote, or a user."""
    rows, _, columns = text.partition("x")
    return int(rows), int(columns or rows)


def scalapack(operation: str, shape: Shape, blocks: Iterable[int] = (64, 128, 256), processes: int = 2) -> Candidate:
    """ScaLAPACK through the driver in ``scalapack/``; each sample is the best of the block sizes."""
    routine = OPERATIONS[operation].scalapack
    nbs = ",".join(map(str, blocks))

    def run() -> Sample | Missing:
        if routine is None:
            return Missing(f"ScaLAPACK has no {operation}")
        if missing := _build_scalapack():
            return missing
        # Neither bound to cores nor yielding: what is fastest where there are as many cores as processes.
        mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
        mpirun += ["--mca", "mpi_yield_when_idle", "0", "-np", str(processes)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = _capture(
            [*mpirun, "build/driver", routine, shape_text(shape), nbs, "1"], environment, HERE / "scalapack"
        )
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


def serve(arguments: list[str]) -> None:
    """Run one peer and print its record."""
    peer, operation, text, *rest = arguments
    shape = parse_shape(text)
    if peer == "dask" and importlib.util.find_spec("dask") is None:
        print(json.dumps({"missing": "Dask is not installed; pip install 'numpywren[bench]'"}))
        return
    if operation not in ("matmul", "cholesky"):
        import peers_factorizations

        done = getattr(peers_factorizations, peer)(operation, shape, *rest)
    elif peer == "dask":
        done = _dask(operation, shape[0], int(rest[0]), rest[-1].split()[0])
    else:
        done = _in_memory(operation, shape[0])
    if isinstance(done, Missing):
        print(json.dumps({"missing": done.why}))
    else:
        print(json.dumps({**done.record, "seconds": done.seconds, "detail": done.detail}))


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
    parser.add_argument("operation", choices=tuple(OPERATIONS))
    parser.add_argument("shape", type=parse_shape, help="order of the matrices, or their shape, as in 65536x512")
    parser.add_argument("--chunk", type=int, default=2048, help="order of Dask's chunks (default 2048)")
    parser.add_argument("--processes", type=int, default=2, help="of ScaLAPACK (default 2)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", default="", help="the stored matrix of which Dask takes the randomized SVD")
    given = parser.parse_args(arguments)
    peers = everyone(given.operation, given.shape, given.chunk, given.processes, data=given.data)
    results = alternate(peers, given.repeats)
    print(f"{given.operation}, N = {shape_text(given.shape)}, medians of {given.repeats} alternating runs")
    print(table(results, OPERATIONS[given.operation].flops(*given.shape)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        serve(sys.argv[2:])
    else:
        main()
