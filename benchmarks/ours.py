"""One timed run of numpywren in a process of its own: tiles on local disk before and after.

    python benchmarks/ours.py cholesky 8192 --chunk 2048 --memory 1GiB
    python benchmarks/ours.py qr 65536x512 --chunk 1024
    python benchmarks/ours.py stored 200000x4000 --folder /tmp/tall
    python benchmarks/ours.py rsvd 200000x4000 --data /tmp/tall/a --memory 1GiB

Prints one line of JSON: seconds of the run alone, and the peak of resident memory while it lasted.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from peers import parse_shape, shape_text
from timing import OVERSAMPLES, POWER_ITERATIONS, WANTED, Shape

import numpywren as nw


def general(i: Any, j: Any, phase: float) -> Any:
    """Entries of a dense matrix without structure that BLAS could notice."""
    return np.cos(0.37 * ((i + 1) * (j + 2) % 1_000_003) + phase)


def symmetric(i: Any, j: Any) -> Any:
    """Entries of a symmetric matrix with eigenvalues of both signs."""
    return np.cos(0.37 * ((i + 1) * (j + 1) % 1_000_003))


def positive_definite(i: Any, j: Any, n: int) -> Any:
    """Entries of a symmetric matrix, dominated by its diagonal."""
    return symmetric(i, j) + np.where(i == j, n, 0)


def of_low_rank(i: Any, j: Any, left: np.ndarray, right: np.ndarray) -> Any:
    """Entries of a product, and some noise."""
    return left[i[:, 0]] @ right[:, j[0]] + 3e-7 * general(i, j, 0.0)


def falling(shape: Shape) -> np.ndarray:
    """Singular values of the matrix that `stored` makes."""
    return 0.9 ** np.arange(min(80, *shape))


def stored(shape: Shape, chunk: Shape, folder: Path) -> None:
    """Save a matrix with known leading singular values."""
    rng = np.random.default_rng(0)
    s = falling(shape)
    left, right = (np.linalg.qr(rng.standard_normal((length, len(s))))[0] for length in shape)
    nw.from_function(of_low_rank, shape, chunks=chunk, args=(left * s, right.T)).save(folder / "a")


def in_rows(array: nw.Array, x: np.ndarray, part: Callable[[Any, int], Any] = lambda block, i: block) -> np.ndarray:
    """Product of a matrix, or of a part of it, with a vector, a few rows in memory at a time."""
    rows = range(0, array.shape[0], 1024)
    return np.concatenate([part(array[i : i + 1024, :], i) @ x for i in rows])


def transposed(array: nw.Array, x: np.ndarray) -> np.ndarray:
    """Product of the transpose of a matrix with a vector, a few rows in memory at a time."""
    return sum(array[i : i + 1024, :].T @ x[i : i + 1024] for i in range(0, array.shape[0], 1024))


def reset_peak() -> None:
    """Forget the peak of resident memory so far (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def resident() -> tuple[int, int]:
    """Resident memory now and at its peak, in bytes."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


class Work(NamedTuple):
    """What is timed."""

    #: Entries of its matrices, and the arguments of each.
    matrices: Callable[[Shape], list[tuple[Any, tuple[Any, ...]]]]
    run: Callable[..., Any]
    #: From the matrices and the result: two vectors that should be the same.
    check: Callable[..., tuple[Any, Any]]


def checked_lu(a: nw.Array, result: Any, x: np.ndarray) -> tuple[Any, Any]:
    """P A x and L U x."""
    want = in_rows(a, x)
    for row, other in enumerate(result.piv):
        want[[row, other]] = want[[other, row]]
    ux = in_rows(result.lu, x, lambda block, i: np.triu(block, i))
    return want, ux + in_rows(result.lu, ux, lambda block, i: np.tril(block, i - 1))


def checked_svd(a: nw.Array, result: Any, x: np.ndarray) -> tuple[Any, Any]:
    """A x and U S Vᴴ x."""
    return in_rows(a, x), in_rows(result.U, np.asarray(result.S) * in_rows(result.Vh, x))


def checked_eigh(a: nw.Array, result: Any, x: np.ndarray) -> tuple[Any, Any]:
    """A x and V W Vᴴ x."""
    v = result.eigenvectors
    return in_rows(a, x), in_rows(v, np.asarray(result.eigenvalues) * transposed(v, x))


def squares(a: nw.Array) -> float:
    """Sum of the squares of all entries."""
    return float(sum(np.sum(a[i : i + 1024, :] ** 2) for i in range(0, a.shape[0], 1024)))


def one_general(shape: Shape) -> list[tuple[Any, tuple[Any, ...]]]:
    """A matrix without structure."""
    return [(general, (0.0,))]


WORK: dict[str, Work] = {
    "matmul": Work(
        lambda shape: [(general, (0.0,)), (general, (1.0,))],
        lambda a, b: a @ b,
        lambda a, b, result, x: (in_rows(a, in_rows(b, x)), in_rows(result, x)),
    ),
    "cholesky": Work(
        lambda shape: [(positive_definite, (shape[0],))],
        lambda a: nw.linalg.cholesky(a),
        lambda a, result, x: (in_rows(a, x), in_rows(result, transposed(result, x))),
    ),
    "lu": Work(one_general, lambda a: nw.linalg.lu_factor(a), checked_lu),
    "qr": Work(
        one_general,
        lambda a: nw.linalg.qr(a, mode="r"),
        lambda a, r, x: (transposed(a, in_rows(a, x)), transposed(r, in_rows(r, x))),
    ),
    "svdvals": Work(
        one_general,
        lambda a: nw.linalg.svdvals(a),
        lambda a, s, x: (squares(a), np.sum(np.asarray(s) ** 2)),
    ),
    "svd": Work(one_general, lambda a: nw.linalg.svd(a, full_matrices=False), checked_svd),
    "eigh": Work(lambda shape: [(symmetric, ())], lambda a: nw.linalg.eigh(a), checked_eigh),
}


def measure(operation: str, shape: Shape, chunk: Shape, folder: Path, data: str | None) -> dict[str, Any]:
    """Store the matrices, run, check the result by its product with a vector."""
    nw.linalg.cholesky(np.eye(8))  # load libraries, as the peers have theirs loaded
    if operation == "rsvd":
        return measure_rsvd(shape, nw.open(data))
    work, x = WORK[operation], np.linspace(-1, 1, shape[1])
    arrays = [
        nw.from_function(entries, shape, chunks=chunk, args=args).save(folder / f"input{number}")
        for number, (entries, args) in enumerate(work.matrices(shape))
    ]
    record, result = timed(lambda: work.run(*arrays))
    want, got = work.check(*arrays, result, x)
    error = float(np.max(np.abs(want - got)) / np.max(np.abs(want)))
    if not error < 1e-12 * max(shape):
        raise RuntimeError(f"wrong result of {operation}: relative error {error:.1e}")
    return {**record, "detail": f"tiles of {shape_text(chunk)}"}


def measure_rsvd(shape: Shape, a: nw.Array) -> dict[str, Any]:
    """Leading singular values and vectors of what `stored` made."""
    options = {"k": WANTED, "n_oversamples": OVERSAMPLES, "n_iter": POWER_ITERATIONS, "seed": 0}
    record, result = timed(lambda: nw.linalg.svd(a, full_matrices=False, **options))
    wanted = falling(shape)[:WANTED]
    error = float(np.max(np.abs(np.asarray(result.S) / wanted - 1)))
    if a.shape != shape or not error < 0.01:
        raise RuntimeError(f"wrong result of rsvd of shape {a.shape}: relative error {error:.1e}")
    return {**record, "detail": f"tiles of {' × '.join(map(str, a.chunks))}, greatest relative error {error:.0e}"}


def timed(run: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    """Seconds and memory that a call takes, and what it returns."""
    before, _ = resident()
    reset_peak()
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    _, peak = resident()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak, "before_bytes": before, "max_bytes": most}, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operation", choices=(*WORK, "rsvd", "stored"))
    parser.add_argument("shape", type=parse_shape, help="order of the matrices, or their shape, as in 65536x512")
    parser.add_argument(
        "--chunk", type=parse_shape, default=(2048, 2048), help="order of tiles, or their shape as in 4096x512"
    )
    parser.add_argument("--memory", help="bound of the worker, as in 1GiB")
    parser.add_argument("--folder", help="where the tiles go (default: a temporary folder)")
    parser.add_argument("--data", help="what `stored` made, for rsvd")
    given = parser.parse_args()
    nw.config.set({"progress": False})
    if given.operation == "stored":
        stored(given.shape, given.chunk, Path(given.folder))
        print(json.dumps({"seconds": 0.0, "detail": "saved"}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        nw.config.set({"store": f"{folder}/scratch"})
        if given.memory:
            nw.config.set({"worker.memory": given.memory})
        print(json.dumps(measure(given.operation, given.shape, given.chunk, Path(folder), given.data)))


if __name__ == "__main__":
    main()
