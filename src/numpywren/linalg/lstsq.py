"""Linear least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix, square_side, tolerance
from numpywren.linalg.function import function
from numpywren.linalg.qr import Cuts, qr_cuts, qr_sizes
from numpywren.linalg.svd import DIRECT, plan_of
from numpywren.matrix import Array, Partition, asarray
from numpywren.matrix import zeros as zeros_array

__all__ = ["lstsq"]

_ONE = Partition(1, 1)


def _plan(tall: Array) -> tuple[Cuts, dict[str, int]]:
    """How a matrix with no fewer rows than columns is cut for QR, and its triangle for the SVD; sizes for both."""
    n = tall.shape[-1]
    # a triangle that one task decomposes at once is one tile
    chunk = n if n <= DIRECT else square_side(tall)
    plan = plan_of(zeros_array((n, n), chunks=max(1, chunk), dtype=tall.dtype))
    columns = plan.columns.chunk
    rows = max(tall.chunks[-2], columns) if plan.columns.tiles <= 1 else columns
    cuts = qr_cuts(zeros_array(tall.shape[-2:], chunks=(rows, columns)))
    sizes = {name: size for name, size in plan.sizes.items() if name != "direct"}
    return cuts, {**sizes, "fan": qr_sizes(cuts, tall.dtype)["fan"]}


@function(tuple)
def lstsq(a: Any, b: Any, rcond: float | None = None, *, check_finite: bool = True) -> Request:
    """Least squares: the x of least norm among those that minimize ‖A x - b‖.

    Parameters
    ----------
    a : Array or array_like, shape (m, n)
        Of any rank, with any number of rows and columns. float32, float64, complex64 or complex128; integers count as
        float64.
    b : Array or array_like, shape (m,) or (m, k)
        One right-hand side, or k of them.
    rcond : float, optional
        Singular values of `a` no larger than `rcond` times the largest count as zero. Default: max(m, n) times the
        precision of the type. (NumPy takes that of double precision in any case.) A negative number stands for the
        precision of the type.
    check_finite : bool, default: True
        Raise if `a` or `b` holds infinities or NaNs.

    Returns
    -------
    x : Array, shape (n,) or (n, k)
        The solution.
    residuals : ndarray, shape (1,) or (k,), or (0,)
        Squared norms of b - A x by column; empty where the rank is less than n, or m ≤ n.
    rank : numpy.int64
        How many singular values do not count as zero.
    s : Array, shape (min(m, n),)
        Singular values of `a`, in descending order.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular values cannot be found.
    ValueError
        If shapes do not fit, or numbers are not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    Householder QR of `a`, or of its conjugate transpose where n > m (2 m n² - 2 n³/3 flops for m ≥ n), by a tree where
    it is tall and narrow, then the SVD of the triangle, which decides about the rank. Factorizations and both solutions
    are one run, whose programs are in `numpywren.algorithms.gelss`.

    References
    ----------
    G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., section 5.5. LAPACK: ``gelss``, ``gelsd``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> x, residuals, rank, s = nw.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> np.asarray(x).round(12)
    array([1., 2.])
    """
    A = matrix("lstsq", "a", a)
    if A.ndim != 2:
        raise ValueError(f"lstsq got a of shape {A.shape}; it must be one matrix: take those of a stack one by one")
    m, n = A.shape
    B = asarray(b)
    if B.ndim not in (1, 2) or B.shape[0] != m:
        raise ValueError(
            f"lstsq got a of shape {A.shape} and b of shape {B.shape}; b must be a vector of {m} elements, or a "
            f"matrix of {m} rows"
        )
    dtype = np.result_type(A.dtype, B.dtype)
    eps = float(np.finfo(dtype).eps)
    given = None if rcond is None else tolerance("lstsq", "rcond", rcond)
    rtol = max(m, n) * eps if given is None else eps if given < 0 else given
    real = np.empty(0, dtype).real.dtype
    wide = m < n
    cuts, sizes = _plan(A.H if wide else A)
    right = B.shape[1] if B.ndim == 2 else 1
    # a wide matrix leaves no residuals: none of S, which is of their type
    residuals = Returned("S" if wide else "E", loaded=True, counted="L")
    dtypes = {"S": real, "L": np.dtype(np.int64), "N": np.dtype(np.int64)}
    sizes = sizes if wide else {**sizes, "residuals": right if m > n else 0}
    return Request(
        "lstsq",
        algorithms.gelss_adjoint if wide else algorithms.gelss,
        {"A": A.H if wide else A, "B": B},
        (Returned("X"), residuals, Returned("N", scalar=True), Returned("S")),
        sizes=sizes,
        scalars={"rtol": rtol},
        cuts={"m": cuts.m, "n": cuts.n, "one": _ONE},
        vectors=frozenset({"S", "X"} if B.ndim == 1 else {"S"}) | frozenset(() if wide else {"E"}),
        dtypes=dtypes if wide else {**dtypes, "E": real},
        fields=("x", "residuals", "rank", "s"),
        check_finite=check_finite,
    )
