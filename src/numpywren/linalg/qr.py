"""QR factorization."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.job.workers import slots_in_all
from numpywren.linalg.arguments import held_tiles, matrix
from numpywren.linalg.function import function
from numpywren.matrix import Array, Partition, eye

__all__ = ["Cuts", "qr", "qr_cuts", "qr_sizes"]

#: Tiles that a task needs for each tile of its group (V, X, the result, and the same once more while it is written),
#: and those that it needs beside (T, R, one to work in, and those read ahead).
_HELD_PER_TILE, _HELD_BESIDE = 4, 8
#: Groups of tile rows for each slot that would else be idle in a panel.
_GROUPS_PER_SLOT = 2
#: Most panels that are applied at once.
_DEPTH = 4


class Cuts(NamedTuple):
    """How rows, columns and the shorter of both are cut."""

    m: Partition
    n: Partition
    d: Partition


def qr_cuts(a: Array) -> Cuts:
    """How a matrix is cut for QR factorization: into square tiles, but where it is one tile wide, or one high.

    The first tile of a panel must not have fewer rows than the panel columns, if the matrix goes on below it. Chunks
    that are far from square, such as slabs of whole rows, give way to squares of their size.
    """
    m, n = a.shape[-2:]
    rows, columns = (max(1, min(chunk, length)) for chunk, length in zip(a.chunks[-2:], (m, n), strict=True))
    if columns >= n and 2 * rows >= n:
        rows = max(rows, n)
    elif not rows >= m <= columns:
        rows = columns = math.isqrt(rows * columns)
    tall, wide = max(1, min(rows, m)), max(1, min(columns, n))
    return Cuts(Partition(m, tall), Partition(n, wide), Partition(min(m, n), min(tall, wide)))


def qr_sizes(cuts: Cuts, dtype: np.dtype[Any]) -> dict[str, int]:
    """How many tile rows a group has, and how many panels are applied at once.

    Whole panels where a task may hold one, and where there are columns enough to keep all slots busy; else a tree.
    """
    held = held_tiles(cuts.m.chunk * cuts.n.chunk * dtype.itemsize)
    rows = cuts.m.tiles
    groups = -(-_GROUPS_PER_SLOT * slots_in_all() // max(1, cuts.n.tiles))
    fan = max(1, min(-(-rows // groups), (held - _HELD_BESIDE) // _HELD_PER_TILE))
    return {"fan": fan, "depth": max(1, min(_DEPTH, cuts.d.tiles // 4)) if fan >= rows else 1}


@function(tuple)
def qr(x: Any, /, *, mode: Literal["reduced", "complete", "r"] = "reduced", check_finite: bool = True) -> Request:
    """QR factorization: A = Q R, with orthonormal columns in Q and an upper triangular R.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    mode : {"reduced", "complete", "r"}, default: "reduced"
        Whether Q has k = min(m, n) columns, or all m; or to return R alone, which takes half as long or less.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    Q : Array, shape (..., m, k), or (..., m, m) for "complete"
        Not there for mode "r", which returns R and no tuple.
    R : Array, shape (..., k, n), or (..., m, n) for "complete"
        Its diagonal is real, of either sign, as LAPACK's; where panels are not cut for a tree (see Notes) each sign
        is LAPACK's too.

    Raises
    ------
    ValueError
        If numbers are not finite, or `mode` is not known.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    2 m n² - 2 n³/3 flops for R where m ≥ n, and as many again for Q (4 times that for complex numbers). Householder
    reflectors throughout: Q is orthonormal to working precision whatever the matrix.

    A panel, one column of tiles, is factored by one task where memory allows it and the matrix is wide enough to keep
    all workers busy; else by groups of tiles whose triangles are merged by a binary tree, as for tall and narrow
    matrices (TSQR, CAQR). The programs are in `numpywren.algorithms.qr` and `numpywren.algorithms.geqrf`. To apply Q
    without forming it, use `qr_factor`.

    References
    ----------
    J. Demmel, L. Grigori, M. Hoemmen, J. Langou, "Communication-optimal parallel and sequential QR and LU
    factorizations", SIAM J. Sci. Comput. 34 (2012). LAPACK: ``geqrf``, ``orgqr``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> Q, R = nw.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> np.asarray(R).round(12)
    array([[-5. , -2.2],
           [ 0. ,  0.4]])
    """
    A = matrix("qr", "x", x)
    cuts = qr_cuts(A)
    sizes = qr_sizes(cuts, A.dtype)
    if mode == "r":
        return Request(
            "qr", algorithms.geqrf_r, {"A": A}, (Returned("R"),), sizes=sizes, cuts=cuts._asdict(),
            check_finite=check_finite,
        )  # fmt: skip
    if mode == "complete":
        program, side, sizes = algorithms.qr_complete, cuts.m, {**sizes, "d": cuts.d.tiles}
        used = {"m": cuts.m, "n": cuts.n}
    elif mode == "reduced":
        program, side, used = algorithms.qr, cuts.d, cuts._asdict()
    else:
        raise ValueError(f'qr got mode={mode!r}; it knows "reduced", "complete" and "r"')
    return Request(
        "qr",
        program,
        {"A": A, "E": eye(side.length, dtype=np.float32, chunks=side.chunk)},
        (Returned("Q"), Returned("R")),
        sizes=sizes,
        cuts=used,
        fields=("Q", "R"),
        check_finite=check_finite,
    )
