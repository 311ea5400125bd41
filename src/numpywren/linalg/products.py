"""Products, sums and multiples: what the operators of `Array` do."""

from __future__ import annotations

from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.job.workers import slots_in_all
from numpywren.linalg.function import function
from numpywren.matrix import Array, asarray

__all__ = ["add", "matmul", "multiply", "subtract"]

#: Tiles of the product for each slot below which the inner dimension is split.
FEW = 2


def _splits(output_tiles: int, inner_tiles: int) -> int:
    """In how many parts to cut the inner dimension so that there is something to do for everybody; a power of two."""
    splits = 1
    while output_tiles * splits < FEW * slots_in_all() and 2 * splits <= inner_tiles:
        splits *= 2
    return splits


@function(Array)
def matmul(x1: Any, x2: Any, /) -> Request:
    """Matrix product.

    Parameters
    ----------
    x1 : Array or array_like, shape (m, k) or (k,)
    x2 : Array or array_like, shape (k, n) or (k,)

    Returns
    -------
    Array, shape (m, n); (m,) or (n,) where one of them is a vector
        Of the type to which NumPy promotes `x1` and `x2`.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Notes
    -----
    2 m k n flops. Where the product has few tiles and the inner dimension many, as in AᴴA of a tall matrix, the inner
    dimension is split and the parts are added by a tree. The programs are in `numpywren.algorithms.gemm`.
    """
    A, B = asarray(x1), asarray(x2)
    if not (1 <= A.ndim <= 2 and 1 <= B.ndim <= 2) or (A.ndim == B.ndim == 1) or A.shape[-1] != B.shape[0]:
        raise ValueError(
            f"matmul got shapes {A.shape} and {B.shape}; the last dimension of the first must be the first of the "
            "second, and one of them must be a matrix"
        )
    if A.ndim == 1:  # aᵀ B is Bᵀ a
        A, B = B.T, A
    vector = B.ndim == 1
    rows = -(-A.shape[0] // max(1, A.chunks[0]))
    columns = 1 if vector else -(-B.shape[1] // max(1, B.chunks[1]))
    splits = _splits(rows * columns, -(-A.shape[1] // max(1, A.chunks[1])))
    return Request(
        "matmul",
        algorithms.gemm,
        {"A": A, "B": B},
        (Returned("C"),),
        sizes={"splits": splits},
        vectors=frozenset({"C"} if vector else ()),
    )


def _combine(name: str, a: Any, b: Any, alpha: float, beta: float) -> Request:
    A, B = asarray(a), asarray(b)
    if A.shape != B.shape or A.ndim not in (1, 2):
        raise ValueError(f"{name} got shapes {A.shape} and {B.shape}; they must be the same, of one or two dimensions")
    program = algorithms.axpby if A.ndim == 2 else algorithms.axpby_vector
    return Request(name, program, {"A": A, "B": B}, (Returned("C"),), scalars={"alpha": alpha, "beta": beta})


@function(Array)
def add(x1: Any, x2: Any, /) -> Request:
    """Sum of two matrices or vectors of the same shape."""
    return _combine("add", x1, x2, 1, 1)


@function(Array)
def subtract(x1: Any, x2: Any, /) -> Request:
    """Difference of two matrices or vectors of the same shape."""
    return _combine("subtract", x1, x2, 1, -1)


@function(Array)
def multiply(x: Any, alpha: complex, /) -> Request:
    """A matrix or vector times a number.

    Parameters
    ----------
    x : Array or array_like, shape (m, n) or (n,)
    alpha : int, float or complex

    Returns
    -------
    Array, shape of `x`
    """
    A = asarray(x)
    if not np.isscalar(alpha) or isinstance(alpha, str):
        raise TypeError(f"multiply got {alpha!r}; it multiplies by numbers (for matrix products use @)")
    number: Any = np.asarray(alpha).item()
    program = algorithms.scale if A.ndim == 2 else algorithms.scale_vector
    return Request("multiply", program, {"A": A}, (Returned("C"),), scalars={"alpha": number})
