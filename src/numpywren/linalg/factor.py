"""Factorizations."""

from __future__ import annotations

from typing import Any

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import panel_depth, square
from numpywren.linalg.function import function
from numpywren.linalg.pivoting import factor_cuts
from numpywren.matrix import Array

__all__ = ["cholesky"]


@function(Array)
def cholesky(x: Any, /, *, upper: bool = False, check_finite: bool = True) -> Request:
    """Cholesky factor of a Hermitian positive definite matrix: A = L Lᴴ, or A = Uᴴ U.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64. Only the lower triangle is read, or
        the upper one if `upper`.
    upper : bool, default: False
        Return U instead of L.
    check_finite : bool, default: True
        Raise if the triangle holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., n, n)
        The factor, of the type of `x`, its diagonal real and positive. Tiles of the other triangle are not stored and
        read as zeros.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite; ``minor`` is the order of the first leading minor that is not positive.
    ValueError
        If it is not square, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    n³/3 flops (4 times that for complex numbers). The program is `numpywren.algorithms.cholesky`.

    References
    ----------
    A. Buttari, J. Langou, J. Kurzak, J. Dongarra, "A class of parallel tiled linear algebra algorithms for multicore
    architectures", Parallel Computing 35 (2009). LAPACK: ``potrf``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> L = nw.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
    >>> np.asarray(L)
    array([[2., 0.],
           [1., 2.]])
    """
    A = square("cholesky", "x", x)
    rows, _ = factor_cuts(A)
    # the upper triangle of A is the lower one of Aᴴ = A
    return Request(
        "cholesky",
        algorithms.cholesky,
        {"A": A.H if upper else A},
        (Returned("L", transposed=upper, conjugated=upper),),
        sizes={"depth": panel_depth(rows.tiles)},
        cuts={"n": rows},
        check_finite=check_finite,
    )
