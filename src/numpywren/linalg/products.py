"""Products, sums and multiples: what the operators of `Array` do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.job.workers import slots_in_all
from numpywren.linalg.arguments import strong_dtypes, tiles_along
from numpywren.linalg.function import function
from numpywren.matrix import Array, asarray, broadcast_to, grouped

__all__ = ["add", "inner_splits", "matmul", "multiply", "product_splits", "subtract"]

#: Tiles of the product for each slot below which the inner dimension is split.
FEW = 2


def inner_splits(output_tiles: int, inner_tiles: int) -> int:
    """In how many parts to cut the inner dimension so that there is something to do for everybody; a power of two."""
    splits = 1
    while output_tiles * splits < FEW * slots_in_all() and 2 * splits <= inner_tiles:
        splits *= 2
    return splits


def product_splits(A: Array, B: Array) -> int:
    """The same, for the product of two matrices, or of two stacks of them."""
    problems = max(math.prod(A.shape[:-2]), math.prod(B.shape[:-2]))
    columns = tiles_along(B, -1) if B.ndim > 1 else 1
    return inner_splits(problems * tiles_along(A, -2) * columns, tiles_along(A, -1))


@function(Array)
def matmul(x1: Any, x2: Any, /) -> Request:
    """Matrix product.

    Parameters
    ----------
    x1 : Array or array_like, shape (..., m, k) or (k,)
    x2 : Array or array_like, shape (..., k, n) or (k,)
        Leading axes are broadcast. A vector on the left is a row, one on the right a column.

    Returns
    -------
    Array, shape (..., m, n); (..., n) or (..., m) where one of them is a vector; or numpy scalar for two vectors
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
    if A.shape[-1] != B.shape[-2 if B.ndim > 1 else 0]:
        raise ValueError(
            f"matmul got shapes {A.shape} and {B.shape}; the last dimension of the first must be the last but one "
            "of the second, or its only one"
        )
    returned = Returned("C")
    if A.ndim == B.ndim == 1:
        A, B, returned = grouped(A, (), (0,)), grouped(B, (0,), ()), Returned("C", scalar=True)
    elif A.ndim == 1:  # aᵀ B is Bᵀ a
        A, B = B.mT, A
    return Request(
        "matmul",
        algorithms.gemm,
        {"A": A, "B": B},
        (returned,),
        sizes={"splits": product_splits(A, B)},
        vectors=frozenset({"C"} if B.ndim == 1 else ()),
    )


def _combine(name: str, a: Any, b: Any, alpha: float, beta: float) -> Request:
    A, B = asarray(a), asarray(b)
    try:
        shape = np.broadcast_shapes(A.shape, B.shape)
    except ValueError:
        raise ValueError(
            f"{name} got shapes {A.shape} and {B.shape}; axes must be equal, or 1, or missing, to be broadcast"
        ) from None
    A, B = broadcast_to(A, shape), broadcast_to(B, shape)
    program = algorithms.axpby if A.ndim > 1 else algorithms.axpby_vector
    return Request(name, program, {"A": A, "B": B}, (Returned("C"),), scalars={"alpha": alpha, "beta": beta})


@function(Array)
def add(x1: Any, x2: Any, /) -> Request:
    """Sum of two arrays, element by element; axes of length 1 are broadcast."""
    return _combine("add", x1, x2, 1, 1)


@function(Array)
def subtract(x1: Any, x2: Any, /) -> Request:
    """Difference of two arrays, element by element; axes of length 1 are broadcast."""
    return _combine("subtract", x1, x2, 1, -1)


@function(Array)
def multiply(x: Any, alpha: complex, /) -> Request:
    """An array times a number.

    Parameters
    ----------
    x : Array or array_like
    alpha : int, float or complex

    Returns
    -------
    Array, shape of `x`
        Of the type to which NumPy promotes `x` and `alpha`: a number of Python takes that of `x`, one of NumPy has one.
    """
    A = asarray(x)
    if not np.isscalar(alpha) or isinstance(alpha, str):
        raise TypeError(f"multiply got {alpha!r}; it multiplies by numbers (for matrix products use @)")
    number: Any = np.asarray(alpha).item()
    program = algorithms.scale if A.ndim > 1 else algorithms.scale_vector
    return Request(
        "multiply",
        program,
        {"A": A},
        (Returned("C"),),
        scalars={"alpha": number},
        dtypes=strong_dtypes(A, alpha, "A", "C"),
    )
