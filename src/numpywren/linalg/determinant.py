"""Determinants."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.lambdapack import Program
from numpywren.linalg.arguments import square
from numpywren.linalg.function import function
from numpywren.linalg.pivoting import factor_cuts, panel_tiles
from numpywren.matrix import Partition

__all__ = ["det", "slogdet"]


def _request(name: str, program: Program, x: Any, returned: tuple[Returned, ...], *, check_finite: bool) -> Request:
    A = square(name, "x", x)
    rows, _ = factor_cuts(A)
    return Request(
        name,
        program,
        {"A": A},
        returned,
        sizes={"fan": panel_tiles(rows, rows, A.dtype)},
        cuts={"n": rows, "one": Partition(1, 1)},
        check_finite=check_finite,
    )


def _warn_of_overflow(determinant: Any) -> None:
    if np.isinf(determinant).any():
        # of the line that called `det`, past this function and Function.__call__
        warnings.warn("overflow encountered in det; slogdet has its logarithm", RuntimeWarning, stacklevel=3)


@function(np.generic, warn=_warn_of_overflow)  # type: ignore[type-abstract]
def det(x: Any, /, *, check_finite: bool = True) -> Request:
    """Determinant of a square matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    numpy.number, or ndarray of shape (...)
        In the type of `x`. Infinite, with a `RuntimeWarning`, or zero, where that type cannot hold it: then take
        `slogdet`. Exactly zero if a pivot is; 1 for an empty matrix.

    Raises
    ------
    ValueError
        If the matrix is not square, or not finite.

    Notes
    -----
    2 n³/3 flops (4 times that for complex numbers): the product of the pivots of an LU factorization with row pivoting,
    carried as a fraction and an exponent. The program is `numpywren.algorithms.det`.

    References
    ----------
    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, section 14.6.

    Examples
    --------
    >>> import numpywren as nw
    >>> float(nw.linalg.det([[0.0, 2.0], [3.0, 0.0]]))
    -6.0
    """
    return _request("det", algorithms.det, x, (Returned("D", scalar=True),), check_finite=check_finite)


@function(tuple)
def slogdet(x: Any, /, *, check_finite: bool = True) -> Request:
    """Sign and logarithm of the absolute value of a determinant.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    sign : numpy.number, or ndarray of shape (...)
        Of modulus 1, or 0 if a pivot is exactly zero; in the type of `x`.
    logabsdet : numpy.number, or ndarray of shape (...)
        Real; minus infinity where the sign is 0.

    Raises
    ------
    ValueError
        If the matrix is not square, or not finite.

    Notes
    -----
    2 n³/3 flops (4 times that for complex numbers). The determinant is ``sign * exp(logabsdet)``, and need not be a
    number that can be written. The program is `numpywren.algorithms.slogdet`.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> sign, logabsdet = nw.linalg.slogdet(-1e300 * np.eye(3))
    >>> float(sign), float(logabsdet).__round__(3)
    (-1.0, 2072.327)
    """
    request = _request(
        "slogdet",
        algorithms.slogdet,
        x,
        (Returned("S", scalar=True), Returned("D", scalar=True, real=True)),
        check_finite=check_finite,
    )
    return replace(request, fields=("sign", "logabsdet"))
