"""Singular value decompositions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix, square_side, tiles_along
from numpywren.linalg.function import function
from numpywren.linalg.qr import Cuts as QRCuts
from numpywren.linalg.qr import qr_sizes
from numpywren.linalg.randomized import randomized_svd_request
from numpywren.matrix import Array, Partition, eye

__all__ = ["Plan", "either_way", "plan_of", "svd", "svdvals"]

#: Widest band, in columns.
BAND = 128
#: Sweeps of bulge chasing in a task, at least, and number of such tasks, at most.
GROUP, GROUPS = 256, 64
#: Largest tile where that leaves no more than so many a side, and largest matrix for which one task is quicker than two
#: stages.
TILE, TILES, DIRECT = 512, 32, 512
#: Most tiles in a column of them.
ROWS = 512
#: How many times as many rows as columns make it worth while to start with a QR factorization.
TALL = 5 / 3


class Plan(NamedTuple):
    """How a matrix with at least as many rows as columns is decomposed."""

    rows: Partition
    columns: Partition
    #: Sizes of the programs `gesvd` and `gesvd_values` that the grid does not give.
    sizes: dict[str, int]
    #: Whether a QR factorization comes first.
    by_qr: bool = False


def plan_of(A: Array) -> Plan:
    """Decide how A, with at least as many rows as columns, is cut for `gesvd`."""
    m, n = A.shape[-2:]
    direct = m <= DIRECT and tiles_along(A, -2) <= 1 and tiles_along(A, -1) <= 1
    return Plan(*_stages(m, n, max(1, m) if direct else _chunk(A), direct))


def plan_of_tall(A: Array) -> Plan | None:
    """Decide how A, with at least as many rows as columns, is cut for `gesvd_tall`; None if `gesvd` is better."""
    m, n = A.shape[-2:]
    rows, columns = A.chunks[-2:]
    direct = n <= min(columns, DIRECT)
    if not n or not ((rows < m and direct) or TALL * n <= m):
        return None
    _, cut, sizes = _stages(n, n, n if direct else _chunk(A), direct)
    cuts = QRCuts(Partition(m, max(rows, n, -(-m // ROWS)) if direct else cut.chunk), cut, cut)
    return Plan(cuts.m, cut, {**sizes, **qr_sizes(cuts, A.dtype)}, by_qr=True)


def either_way(a: Array) -> tuple[Array, dict[str, Partition], dict[str, int]]:
    """For programs that go by `gesvd` or by `gesvd_tall`, as their size `tall` says.

    Returns
    -------
    tall : Array
        A matrix or its conjugate transpose, whichever is no wider than tall.
    cuts : dict of str to Partition
    sizes : dict of str to int
    """
    tall = _upright(a)
    plan = plan_of_tall(tall) or plan_of(tall)
    sizes = {"fan": 1, "depth": 1, **plan.sizes, "tall": int(plan.by_qr)}
    del sizes["direct"]
    return tall, {"m": plan.rows, "n": plan.columns}, sizes


def _upright(a: Array) -> Array:
    return a.H if a.shape[-2] < a.shape[-1] else a


def _chunk(A: Array) -> int:
    """Side of square tiles: that of the tiles that there are, within limits."""
    return max(1, min(square_side(A), TILE), -(-A.shape[-1] // TILES))


def _stages(m: int, n: int, chunk: int, direct: bool) -> tuple[Partition, Partition, dict[str, int]]:
    """Rows and columns, cut so that panels end with tiles, and the sizes of the two stages."""
    width = max(1, min(BAND, chunk // 2))
    chunk = chunk if direct else chunk // width * width
    sweeps = max(1, n - 1)
    group = max(GROUP, -(-sweeps // GROUPS))
    sizes = {
        "direct": int(direct),
        "width": width,
        "panels": -(-chunk // width),
        "tile": chunk,
        "groups": -(-sweeps // group),
        "group": group,
    }
    return Partition(m, chunk), Partition(n, chunk), sizes


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.empty(0, dtype).real.dtype


@function(tuple)
def svd(
    x: Any,
    /,
    *,
    full_matrices: bool = True,
    check_finite: bool = True,
    k: int | None = None,
    n_oversamples: int = 10,
    n_iter: int = 2,
    seed: int | None = None,
) -> Request:
    """Singular value decomposition: A = U diag(S) Vᴴ.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    full_matrices : bool, default: True
        Return square U and Vh; else the columns of U and rows of Vh that belong to singular values.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.
    k : int, optional
        Find only the leading k singular values and vectors, approximately, by random sketches; `full_matrices` is then
        of no effect.
    n_oversamples, n_iter, seed
        With `k`: more columns of the sketch, power iterations, and what the random numbers start from; see
        `numpywren.linalg.randomized`.

    Returns
    -------
    U : Array, shape (..., m, m), or (..., m, min(m, n))
    S : Array, shape (..., min(m, n))
        Singular values, real, in descending order; each to within a few units in the last place of the largest.
    Vh : Array, shape (..., n, n), or (..., min(m, n), n)

    Raises
    ------
    numpy.linalg.LinAlgError
        If it does not converge; so it is with infinities and NaNs where they are not checked for.
    ValueError
        If `x` is no matrix, or holds infinities or NaNs; or one of the last three arguments is given without `k`.
    MemoryBoundError
        If a task does not fit in a worker: the one that decomposes a bidiagonal matrix takes five times the memory of
        an n × n matrix, n being the smaller dimension.

    Notes
    -----
    Two stages: A is reduced to a band by panels of reflectors, tile by tile (8 n³/3 flops for square A, nearly all of
    them matrix products); the band to a bidiagonal matrix by bulge chasing; divide and conquer decomposes that; and
    both sets of reflectors are applied to strips of its vectors (10 n³). A matrix of one tile of at most 512 goes
    to LAPACK at once. Signs (for complex matrices, phases) of pairs of vectors are as they come. Tiles of the
    result are square; a matrix of up to 16384 has them no longer than 512. The programs are in
    `numpywren.algorithms.gesvd`.

    References
    ----------
    A. Haidar, J. Kurzak, P. Luszczek, "An improved parallel singular value algorithm and its implementation for
    multicore hardware", SC 2013. M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the bidiagonal SVD", SIAM
    J. Matrix Anal. Appl. 16 (1995).

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> U, S, Vh = nw.linalg.svd([[3.0, 0.0], [4.0, 5.0]])
    >>> np.asarray(S).round(6)
    array([6.708204, 2.236068])
    """
    if k is not None:
        return randomized_svd_request(x, k, n_oversamples, n_iter, seed, check_finite=check_finite)
    if (n_oversamples, n_iter, seed) != (10, 2, None):
        raise ValueError(
            "svd got n_oversamples, n_iter or seed, which are for sketches of leading singular values: give k"
        )
    A = matrix("svd", "x", x)
    wide = A.shape[-2] < A.shape[-1]
    tall = _upright(A)
    full = full_matrices and tall.shape[-2] > tall.shape[-1]
    plan = (None if full else plan_of_tall(tall)) or plan_of(tall)
    left = plan.rows if full else plan.columns
    program, inputs, sizes = algorithms.gesvd, {"A": tall}, {**plan.sizes, "full": int(full)}
    cuts = {"m": plan.rows, "n": plan.columns, "k": left, "one": Partition(1, 1)}
    if not plan.columns.length:
        program, sizes = algorithms.gesvd_empty, {}
        inputs["I"] = eye(left.length, dtype=A.dtype, chunks=left.chunk)
    elif plan.by_qr:
        program, sizes = algorithms.gesvd_tall, plan.sizes
        del cuts["k"]
    u, v = Returned("U"), Returned("V", transposed=True, conjugated=True)
    if wide:
        u, v = Returned("V"), Returned("U", transposed=True, conjugated=True)
    return Request(
        "svd",
        program,
        inputs,
        (u, Returned("S"), v),
        sizes=sizes,
        cuts=cuts,
        vectors=frozenset({"S"}),
        dtypes={"S": _real(A.dtype)},
        check_finite=check_finite,
        fields=("U", "S", "Vh"),
    )


@function(Array)
def svdvals(x: Any, /, *, check_finite: bool = True) -> Request:
    """Singular values of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., min(m, n))
        Real, in descending order.

    Raises
    ------
    numpy.linalg.LinAlgError
        If it does not converge; so it is with infinities and NaNs where they are not checked for.
    ValueError
        If `x` is no matrix, or holds infinities or NaNs.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    The first stages of `svd`, at 8 n³/3 flops for square `x`, which keep nothing for vectors; then the dqds algorithm.

    References
    ----------
    As of `svd`; B. N. Parlett, O. A. Marques, "An implementation of the dqds algorithm (positive case)", Linear Algebra
    Appl. 309 (2000).
    """
    A = matrix("svdvals", "x", x)
    tall = _upright(A)
    plan = plan_of_tall(tall) or plan_of(tall)
    return Request(
        "svdvals",
        algorithms.gesvd_values_tall if plan.by_qr else algorithms.gesvd_values,
        {"A": tall},
        (Returned("S"),),
        sizes=plan.sizes,
        cuts={"m": plan.rows, "n": plan.columns, "one": Partition(1, 1)},
        vectors=frozenset({"S"}),
        dtypes={"S": _real(A.dtype)},
        check_finite=check_finite,
    )
