"""Polar decomposition."""

from __future__ import annotations

from typing import Any, Literal

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix
from numpywren.linalg.function import function
from numpywren.linalg.svd import either_way

__all__ = ["polar"]


@function(tuple)
def polar(a: Any, side: Literal["right", "left"] = "right", *, check_finite: bool = True) -> Request:
    """Polar decomposition: A = U P (side "right"), or A = P U (side "left").

    Parameters
    ----------
    a : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    side : {"right", "left"}, default: "right"
        On which side of U the factor P stands.
    check_finite : bool, default: True
        Raise if `a` holds infinities or NaNs.

    Returns
    -------
    U : Array, shape (..., m, n)
        With orthonormal columns if m ≥ n, else with orthonormal rows.
    P : Array, shape (..., n, n) for side "right", (..., m, m) for side "left"
        Hermitian, positive semidefinite.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular value decomposition does not converge.
    ValueError
        If `a` is no matrix or not finite, or `side` is not known.
    MemoryBoundError
        If a task does not fit in a worker; see `svd`.

    Notes
    -----
    By the singular value decomposition A = W diag(S) Vᴴ: U = W Vᴴ, and P is V diag(S) Vᴴ or W diag(S) Wᴴ. So it is
    defined, though not unique, for any A. The programs are in `numpywren.algorithms.polar`.

    References
    ----------
    N. J. Higham, *Functions of Matrices*, SIAM 2008, chapter 8.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> U, P = nw.linalg.polar([[0.0, -2.0], [3.0, 0.0]])
    >>> np.asarray(P).round(12)
    array([[3., 0.],
           [0., 2.]])
    """
    A = matrix("polar", "a", a)
    if side not in ("right", "left"):
        raise ValueError(f"polar got side={side!r}; it must be 'right' or 'left'")
    tall, cuts, sizes = either_way(A)
    wide = A.shape[-2] < A.shape[-1]
    # A = U P makes Aᴴ = P Uᴴ
    program = algorithms.polar_left if (side == "left") != wide else algorithms.polar_right
    return Request(
        "polar",
        program,
        {"A": tall},
        (Returned("W", transposed=wide, conjugated=wide), Returned("P")),
        sizes=sizes,
        cuts=cuts,
        fields=("U", "P"),
        check_finite=check_finite,
    )
