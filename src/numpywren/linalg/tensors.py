"""Products of arrays of any number of dimensions: each is one matrix product on views."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.function import function
from numpywren.linalg.products import product_splits
from numpywren.matrix import Array, asarray, grouped, normal_axes

__all__ = ["matrix_transpose", "outer", "tensordot"]


def matrix_transpose(x: Any, /) -> Array:
    """Transpose of a matrix, or of each matrix of a stack.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)

    Returns
    -------
    Array, shape (..., n, m)
        A view: nothing runs, no number is moved.

    Raises
    ------
    ValueError
        If `x` has less than two dimensions.
    """
    return asarray(x).mT


@function(Array)
def outer(x1: Any, x2: Any, /) -> Request:
    """Outer product of two vectors: C(i, j) = a(i) b(j).

    Parameters
    ----------
    x1 : Array or array_like, shape (m,)
    x2 : Array or array_like, shape (n,)

    Returns
    -------
    Array, shape (m, n)
        Of the type to which NumPy promotes both.

    Raises
    ------
    ValueError
        If one of them is no vector.

    Notes
    -----
    The program is `numpywren.algorithms.outer`.
    """
    A, B = asarray(x1), asarray(x2)
    if A.ndim != 1 or B.ndim != 1:
        raise ValueError(f"outer got shapes {A.shape} and {B.shape}; it wants two vectors")
    return Request("outer", algorithms.outer, {"A": A, "B": B}, (Returned("C"),))


@function(Array)
def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Request:
    """Sum of products over several axes of two arrays.

    Parameters
    ----------
    x1, x2 : Array or array_like
    axes : int or tuple of two sequences of int, default: 2
        How many of the last axes of `x1` meet as many of the first of `x2`, in order; or the axes of `x1`, and those of
        `x2` that they meet. 0 gives the product of each number with each.

    Returns
    -------
    Array or numpy scalar
        Its axes are the other axes of `x1`, then those of `x2`; a number where there are none.

    Raises
    ------
    ValueError
        If axes that meet differ in length, are out of range, or named twice.

    Notes
    -----
    One product of two matrices that are views of `x1` and `x2`; the result is a view of that product, which is what is
    stored. The program is `numpywren.algorithms.gemm`.
    """
    A, B = asarray(x1), asarray(x2)
    left, right = _meeting(A, B, axes)
    if [A.shape[axis] for axis in left] != [B.shape[axis] for axis in right]:
        raise ValueError(
            f"tensordot got shapes {A.shape} and {B.shape}, whose axes {left} and {right} differ in length"
        )
    rows = [axis for axis in range(A.ndim) if axis not in left]
    columns = [axis for axis in range(B.ndim) if axis not in right]
    shape = (*(A.shape[axis] for axis in rows), *(B.shape[axis] for axis in columns))
    inputs = {"A": grouped(A, rows, left), "B": grouped(B, right, columns)}
    if not shape:
        returned = Returned("C", scalar=True)
    else:
        returned = Returned("C", shape=None if len(rows) == len(columns) == 1 else shape)
    return Request("tensordot", algorithms.gemm, inputs, (returned,), sizes={"splits": product_splits(**inputs)})


def _meeting(a: Array, b: Array, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, Sequence):
        if len(axes) != 2:
            raise ValueError(f"tensordot got axes={axes!r}; it wants an integer, or a pair of sequences of axes")
        left, right = (normal_axes("tensordot", one, array.ndim) for one, array in zip(axes, (a, b), strict=True))
        if len(left) != len(right):
            raise ValueError(f"tensordot got axes={axes!r}; as many axes of the first must meet axes of the second")
        return left, right
    count = operator.index(axes)
    if not 0 <= count <= min(a.ndim, b.ndim):
        raise ValueError(f"tensordot got axes={count} for shapes {a.shape} and {b.shape}")
    return tuple(range(a.ndim - count, a.ndim)), tuple(range(count))
