"""Norms, traces and diagonals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix, strong_dtypes
from numpywren.linalg.function import function
from numpywren.linalg.spectrum import spectral_request
from numpywren.linalg.vectors import vector_norm
from numpywren.matrix import DTYPES, Array, Partition, asarray, matrix_dtype

__all__ = ["add_diagonal", "diagonal", "matrix_norm", "norm", "trace"]

Order = Literal["fro", "nuc", 1, -1, 2, -2] | float

_ONE = {"one": Partition(1, 1)}


#: Orders of norms of matrices that take one pass, and the programs of `numpywren.algorithms` that do.
_PROGRAMS = {
    "fro": "norm_fro",
    1: "norm_one",
    -1: "norm_minus_one",
    np.inf: "norm_inf",
    -np.inf: "norm_minus_inf",
}
#: Those that need singular values.
_SPECTRAL = {2: "norm_two", -2: "norm_minus_two", "nuc": "norm_nuclear"}


def _norm(name: str, x: Any, ord: Any, *, keepdims: bool = False) -> Request:  # noqa: A002 - NumPy's name
    A = matrix(name, "x", x)
    shape = (*A.shape[:-2], 1, 1) if keepdims else None
    if ord in _SPECTRAL:
        return spectral_request(name, getattr(algorithms, _SPECTRAL[ord]), A, shape=shape)
    program = _PROGRAMS.get("fro" if ord is None else ord)
    if program is None:
        raise ValueError(f"{name} got ord={ord!r}; it knows {', '.join(map(repr, [*_PROGRAMS, *_SPECTRAL]))}")
    returned = Returned("N", scalar=True, real=True, shape=shape)
    return Request(name, getattr(algorithms, program), {"A": A}, (returned,), cuts=_ONE)


@function(np.floating)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Order = "fro") -> Request:  # noqa: A002 - the standard's name
    """Norm of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
    keepdims : bool, default: False
        Keep the last two axes, with length 1.
    ord : {"fro", "nuc", 1, -1, 2, -2, inf, -inf}, default: "fro"
        Frobenius norm; nuclear norm, the sum of singular values; largest or smallest column sum of absolute values;
        largest or smallest singular value; largest or smallest row sum of absolute values.

    Returns
    -------
    numpy.floating; ndarray of shape (...) for a stack, or (..., 1, 1)
        In the precision of `x`; NaN if `x` holds one. 0 for a matrix without elements.

    Raises
    ------
    ValueError
        If `x` is no matrix, or `ord` is not known.

    numpy.linalg.LinAlgError
        If singular values are wanted, and there are NaNs or infinities, or the algorithm does not converge.

    Notes
    -----
    One pass over the tiles; singular values take the flops of `svdvals`. The Frobenius norm is scaled so that no square
    overflows.

    References
    ----------
    LAPACK: ``lange``, ``lassq``.
    """
    return _norm("matrix_norm", x, ord, keepdims=keepdims)


@function(np.floating)
def norm(a: Any, ord: Order | None = None) -> Request:  # noqa: A002 - SciPy's name
    """Norm of a matrix or of a vector, as `scipy.linalg.norm`.

    Parameters
    ----------
    a : Array or array_like, shape (m, n) or (n,)
    ord : {None, "fro", "nuc", 1, -1, 2, -2, inf, -inf} for a matrix, None or a real number for a vector
        As for `matrix_norm` and `vector_norm`; None is the Frobenius norm, or the Euclidean one.

    Returns
    -------
    numpy.floating
        In the precision of `a`.

    Raises
    ------
    ValueError
        If `ord` is not known.
    """
    A = asarray(a)
    if A.ndim == 2:
        return _norm("norm", A, ord)
    if A.ndim != 1:
        raise ValueError(f"norm got an array of shape {A.shape}; it must be a vector or a matrix")
    order: Any = 2 if ord is None else ord
    return replace(vector_norm.request(A, ord=order), name="norm")


def _along(name: str, x: Any, offset: int) -> tuple[Array, dict[str, Partition], dict[str, int], int]:
    """A matrix turned so that its diagonal starts in the first row, and how to cut it."""
    A = matrix(name, "x", x)
    if offset < 0:
        A, offset = A.mT, -offset
    m, n = A.shape[-2:]
    chunk = max(1, min(A.chunks[-2:]))
    length = max(0, min(m, n - offset))
    cuts = {"m": Partition(m, chunk), "n": Partition(n, chunk), "d": Partition(length, chunk), **_ONE}
    return A, cuts, {"skip": offset // chunk, "offset": offset % chunk}, length


@function(Array)
def diagonal(x: Any, /, *, offset: int = 0) -> Request:
    """The diagonal of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
    offset : int, default: 0
        Above the main diagonal if positive, below it if negative.

    Returns
    -------
    Array, shape (..., k)
        A copy, not a view.
    """
    A, cuts, sizes, _ = _along("diagonal", x, offset)
    return Request(
        "diagonal", algorithms.diagonal, {"A": A}, (Returned("D"),), sizes=sizes, cuts=cuts, vectors=frozenset({"D"})
    )


@function(np.generic)  # type: ignore[type-abstract]
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Request:
    """Sum of a diagonal of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
    offset : int, default: 0
        Above the main diagonal if positive, below it if negative.
    dtype : dtype, optional
        Type in which to sum, and of the sum: float32, float64, complex64 or complex128. Default: that of `x`.

    Returns
    -------
    numpy.number; ndarray of shape (...) for a stack

    Raises
    ------
    TypeError
        If `x` is complex and `dtype` is not, or `dtype` is none of these.
    """
    A, cuts, sizes, _ = _along("trace", x, offset)
    sizes = {**sizes, "d": cuts.pop("d").tiles}
    wanted = A.dtype if dtype is None else matrix_dtype(dtype)
    if dtype is not None and wanted != np.dtype(dtype).newbyteorder("="):
        raise TypeError(
            f"trace got dtype={np.dtype(dtype)}; it sums in {', '.join(DTYPES)}: leave dtype out, and convert"
        )
    if not np.can_cast(A.dtype, wanted, "same_kind"):
        raise TypeError(f"trace cannot sum {A.dtype} in {wanted} without losing the imaginary part")
    return Request(
        "trace",
        algorithms.trace,
        {"A": A},
        (Returned("T", scalar=True),),
        sizes=sizes,
        cuts=cuts,
        dtypes=dict.fromkeys(("A", "T"), wanted),
    )


@function(Array)
def add_diagonal(x: Any, alpha: complex, /) -> Request:
    """A + alpha I, as for a nugget or a ridge.

    Parameters
    ----------
    x : Array or array_like, shape (n, n)
    alpha : float or complex

    Returns
    -------
    Array, shape (n, n)
        Of the type to which NumPy promotes `x` and `alpha`: a number of Python takes that of `x`, one of NumPy has one.
    """
    A = matrix("add_diagonal", "x", x)
    return Request(
        "add_diagonal",
        algorithms.add_diagonal,
        {"A": A},
        (Returned("C"),),
        scalars={"alpha": alpha},
        dtypes=strong_dtypes(A, alpha, "A", "C"),
    )
