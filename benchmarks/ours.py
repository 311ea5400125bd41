"""One timed run of numpywren in a process of its own: tiles on local disk before and after.

    python benchmarks/ours.py cholesky 8192 --chunk 2048 --memory 1GiB

Prints one line of JSON: seconds of the run alone, and the peak of resident memory while it lasted.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import numpywren as nw


def general(i: Any, j: Any, phase: float) -> Any:
    """Entries of a dense matrix without structure that BLAS could notice."""
    return np.cos(0.37 * ((i + 1) * (j + 2) % 1_000_003) + phase)


def positive_definite(i: Any, j: Any, n: int) -> Any:
    """Entries of a symmetric matrix, dominated by its diagonal."""
    return np.cos(0.37 * ((i + 1) * (j + 1) % 1_000_003)) + np.where(i == j, n, 0)


def in_rows(array: nw.Array, x: np.ndarray, rows: int = 1024) -> np.ndarray:
    """Product with a vector, a few rows in memory at a time."""
    n = array.shape[0]
    return np.concatenate([array[i : i + rows, :] @ x for i in range(0, n, rows)])


def reset_peak() -> None:
    """Forget the peak of resident memory so far (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def resident() -> tuple[int, int]:
    """Resident memory now and at its peak, in bytes."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def measure(operation: str, n: int, chunk: int, folder: Path) -> dict[str, Any]:
    """Store the matrices, run, check the result by its product with a vector."""
    shape = (n, n)
    nw.linalg.cholesky(np.eye(8))  # load libraries, as the peers have theirs loaded
    x = np.linspace(-1, 1, n)
    if operation == "matmul":
        a, b = (
            nw.from_function(general, shape, chunks=chunk, args=(phase,)).save(folder / name)
            for name, phase in (("a", 0.0), ("b", 1.0))
        )
    else:
        a = nw.from_function(positive_definite, shape, chunks=chunk, args=(n,)).save(folder / "a")
    before, _ = resident()
    reset_peak()
    start = time.perf_counter()
    result = a @ b if operation == "matmul" else nw.linalg.cholesky(a)
    seconds = time.perf_counter() - start
    _, peak = resident()
    if operation == "matmul":
        wanted, got = in_rows(a, in_rows(b, x)), in_rows(result, x)
    else:
        lower = [result[:, j : j + 1024].T @ x for j in range(0, n, 1024)]
        wanted, got = in_rows(a, x), in_rows(result, np.concatenate(lower))
    error = float(np.max(np.abs(wanted - got)) / np.max(np.abs(wanted)))
    if not error < 1e-12 * n:
        raise RuntimeError(f"wrong result of {operation}: relative error {error:.1e}")
    return {
        "seconds": seconds,
        "peak_bytes": peak,
        "before_bytes": before,
        "max_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "detail": f"tiles of {chunk}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operation", choices=("matmul", "cholesky"))
    parser.add_argument("n", type=int)
    parser.add_argument("--chunk", type=int, default=2048)
    parser.add_argument("--memory", help="bound of the worker, as in 1GiB")
    parser.add_argument("--folder", help="where the tiles go (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        nw.config.set({"store": f"{folder}/scratch", "progress": False})
        if given.memory:
            nw.config.set({"worker.memory": given.memory})
        print(json.dumps(measure(given.operation, given.n, given.chunk, Path(folder))))


if __name__ == "__main__":
    main()
