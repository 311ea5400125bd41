"""Factorizations as NumPy, SciPy and Dask do them, each run in a process of its own by ``peers.py``.

Matrices are column-major and may be overwritten, so that no peer is timed while it copies. Each result is checked by
its product with one vector, or, where there are only singular values, by the sum of their squares.
"""

from __future__ import annotations

import importlib
import resource
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from timing import OVERSAMPLES, POWER_ITERATIONS, WANTED, Missing, Sample, Shape

FloatArray = npt.NDArray[np.float64]


def matrix(operation: str, shape: Shape) -> FloatArray:
    """A random matrix, symmetric for the eigenproblem."""
    a = np.asfortranarray(np.random.default_rng(1).standard_normal(shape))
    if operation == "eigh":
        a += a.T.copy()
    return a


def check(operation: str, want: Any, got: Any, size: float | None = None) -> None:
    """Refuse a result that is further from what is wanted than rounding takes it."""
    want = np.asarray(want)
    scale = float(np.max(np.abs(want))) if size is None else size
    error = float(np.max(np.abs(want - np.asarray(got)))) / scale
    if not error < 1e-13 * max(100, want.size):
        raise RuntimeError(f"wrong result of {operation}: relative error {error:.1e}")


def in_memory(operation: str, shape: Shape, way: str) -> Sample | Missing:
    """One run of NumPy's or SciPy's function, all cores."""
    import scipy.linalg as sl

    if operation == "rsvd":
        return Missing("the matrix does not fit in the memory that is allowed")
    a = matrix(operation, shape)
    x = np.linspace(-1, 1, shape[1])
    ax, scale = a @ x, float(np.sqrt(a.size))
    normal, squares = a.T @ ax, float(np.sum(a * a))
    start = time.perf_counter()
    if operation == "lu":
        factors = sl.lu_factor(a, overwrite_a=True, check_finite=False)
    elif operation == "qr":
        r = np.linalg.qr(a, mode="r")
    elif operation == "svdvals":
        s = sl.svdvals(a, overwrite_a=True, check_finite=False)
    elif operation == "svd":
        u, s, vh = sl.svd(a, full_matrices=False, overwrite_a=True, check_finite=False)
    else:
        w, v = sl.eigh(a, driver=way, overwrite_a=True, check_finite=False)
    seconds = time.perf_counter() - start
    if operation == "lu":
        solved = sl.lu_solve(factors, ax)
        check(operation, ax, matrix(operation, shape) @ solved, scale * float(np.linalg.norm(solved)))
    elif operation == "qr":
        check(operation, normal, r.T @ (r @ x))
    elif operation == "svdvals":
        check(operation, squares, np.sum(s * s))
    elif operation == "svd":
        check(operation, ax, u @ (s * (vh @ x)))
    else:
        check(operation, ax, v @ (w * (v.T @ x)))
    detail = {"lu": "getrf", "qr": "NumPy", "eigh": way}.get(operation, "gesdd")
    return Sample(seconds, detail)


def dask(operation: str, shape: Shape, chunk: str, data: str, way: str) -> Sample | Missing:
    """One run of Dask, with `way` as in ``"1 lazy"``: BLAS threads a task, and how."""
    import threadpoolctl  # type: ignore[import-untyped]

    if operation in ("svdvals", "svd", "eigh"):
        return Missing("Dask has no eigh, and no SVD of an array that is cut both ways")
    library: Any = importlib.import_module("dask")
    threads, _, how = way.partition(" ")
    limit = 1 if threads == "1" else None
    with library.config.set(scheduler="threads"), threadpoolctl.threadpool_limits(limit, user_api="blas"):
        if operation == "rsvd":
            seconds, detail = _dask_rsvd(data, how)
        else:
            seconds, detail = _dask_dense(operation, shape, int(chunk), how)
    per_task = "one BLAS thread a task" if threads == "1" else "all BLAS threads in each task"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Sample(seconds, f"Dask {library.__version__}, {detail}, {per_task}", {"max_bytes": peak})


def _dask_dense(operation: str, shape: Shape, chunk: int, how: str) -> tuple[float, str]:
    array: Any = importlib.import_module("dask.array")
    a = matrix(operation, shape)
    x = np.linspace(-1, 1, shape[1])
    if operation == "lu":
        blocks = array.from_array(a, chunks=chunk)
        start = time.perf_counter()
        p, low, up = importlib.import_module("dask").persist(*array.linalg.lu(blocks))
        seconds = time.perf_counter() - start
        check(operation, a @ x, (p @ (low @ (up @ x))).compute())
        return seconds, f"chunks of {chunk}"
    # Its QR takes one column of chunks, which should be no wider than high: square ones, or two halves of the matrix.
    rows = max(chunk, shape[1]) if how == "square" else -(-shape[0] // 2)
    blocks = array.from_array(a, chunks=(rows, shape[1]))
    _, lazy = array.linalg.qr(blocks)
    start = time.perf_counter()
    r = lazy.compute()
    seconds = time.perf_counter() - start
    check(operation, a.T @ (a @ x), r.T @ (r @ x))
    return seconds, f"chunks of {rows} × {shape[1]}"


def _dask_rsvd(data: str, how: str) -> tuple[float, str]:
    array: Any = importlib.import_module("dask.array")
    a = array.from_zarr(data)
    start = time.perf_counter()
    lazy = array.linalg.svd_compressed(
        a, WANTED, n_power_iter=POWER_ITERATIONS, n_oversamples=OVERSAMPLES, seed=0, compute=how == "persisted"
    )
    u, s, _ = importlib.import_module("dask").compute(*lazy)
    seconds = time.perf_counter() - start
    if u.shape != (a.shape[0], WANTED) or not np.all(np.diff(s) <= 0):
        raise RuntimeError(f"svd_compressed gave U of shape {u.shape} and singular values {s}")
    return seconds, f"{how}, chunks of {' × '.join(map(str, a.chunksize))}, largest singular value {s[0]:.6g}"
