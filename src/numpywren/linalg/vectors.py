"""Products and norms of vectors that lie along an axis of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.kernels.powers import COUNT, LARGEST, POWER, SMALLEST
from numpywren.kernels.sketch import TYPES
from numpywren.linalg.arguments import tiles_along
from numpywren.linalg.function import function
from numpywren.linalg.products import inner_splits
from numpywren.matrix import Array, Partition, asarray, broadcast_to, grouped, normal_axes, zeros

__all__ = ["cross", "vecdot", "vector_norm"]

_ONE = {"one": Partition(1, 1)}


def _pair(name: str, x1: Any, x2: Any, axis: int) -> tuple[Array, Array, tuple[int, ...], int]:
    """Two arrays as matrices with the vectors in rows, the shape of both broadcast, and the axis there.

    An axis that is not negative counts from the front of both, which then need as many dimensions.
    """
    A, B = asarray(x1), asarray(x2)
    if axis >= 0 and A.ndim != B.ndim:
        raise ValueError(
            f"{name} got axis={axis} for shapes {A.shape} and {B.shape}; count it from the last axis, as a negative "
            "number"
        )
    back = {normal_axes(name, axis, array.ndim)[0] - array.ndim for array in (A, B)}.pop()
    if A.shape[back] != B.shape[back]:
        raise ValueError(f"{name} got shapes {A.shape} and {B.shape}; both need the same length along axis {axis}")
    try:
        wide = np.broadcast_shapes(A.shape, B.shape)
    except ValueError:
        raise ValueError(
            f"{name} got shapes {A.shape} and {B.shape}; axes other than {axis} must be equal, or 1, or missing"
        ) from None
    at = len(wide) + back
    others = [place for place in range(len(wide)) if place != at]
    return grouped(A, others, (at,), wide=wide), grouped(B, others, (at,), wide=wide), wide, at


@function(Array)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Request:
    """Inner products of vectors: Σ conj(a(i)) b(i) along an axis.

    Parameters
    ----------
    x1, x2 : Array or array_like
        Their other axes are broadcast.
    axis : int, default: -1
        Along which the vectors lie, from -N to -1 with N the smaller number of dimensions. For arrays of as many
        dimensions it may be counted from the front.

    Returns
    -------
    Array or numpy scalar
        A number for two vectors.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Notes
    -----
    2 m n flops for m pairs of n numbers. Products of single precision are summed in double inside a tile. The program
    is `numpywren.algorithms.vecdot`.
    """
    A, B, wide, at = _pair("vecdot", x1, x2, axis)
    shape = wide[:at] + wide[at + 1 :]
    if shape:
        returned, vectors = Returned("D", shape=None if len(shape) == 1 else shape), frozenset({"D"})
    else:
        returned, vectors = Returned("D", scalar=True), frozenset()
    return Request(
        "vecdot",
        algorithms.vecdot,
        {"A": A, "B": B},
        (returned,),
        sizes={"splits": inner_splits(tiles_along(A, 0), tiles_along(A, 1))},
        cuts=_ONE,
        vectors=vectors,
    )


@function(Array)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Request:
    """Vector products of vectors of three numbers.

    Parameters
    ----------
    x1, x2 : Array or array_like
        Of length 3 along `axis`; other axes are broadcast.
    axis : int, default: -1
        As for `vecdot`.

    Returns
    -------
    Array
        Of the shape to which both are broadcast.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Notes
    -----
    The program is `numpywren.algorithms.cross`.
    """
    A, B, wide, at = _pair("cross", x1, x2, axis)
    if wide[at] != 3:
        raise ValueError(f"cross got vectors of length {wide[at]} along axis {axis}; it wants 3")
    last = len(wide) - 1
    others = [place for place in range(len(wide)) if place != at]
    shape = (*(wide[place] for place in others), 3)
    axes = None if at == last else (*range(at), last, *range(at, last))
    return Request(
        "cross",
        algorithms.cross,
        {"A": A, "B": B},
        (Returned("C", shape=None if len(shape) == 2 else shape, axes=axes),),
        cuts={"n": Partition(3, 3)},
    )


@function(Array)
def vector_norm(
    x: Any,
    /,
    *,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    ord: float = 2,  # noqa: A002 - the standard's name
) -> Request:
    """Norms of vectors along axes of an array.

    Parameters
    ----------
    x : Array or array_like
    axis : int, tuple of int or None, default: None
        Along which the vectors lie; several axes, or all for None, are one vector.
    keepdims : bool, default: False
        Keep these axes, with length 1.
    ord : int or float, default: 2
        p of ``(Σ |x(i)|ᵖ)^(1/p)``, for negative p too; inf for the largest, -inf for the smallest ``|x(i)|``; 0 for the
        number of elements that are not zero.

    Returns
    -------
    Array or numpy scalar
        Real, in the precision of `x`; a number where no axis is left. The norm of a vector without elements is 0, or
        inf for negative `ord`.

    Raises
    ------
    ValueError
        If an axis is out of range, or `ord` is NaN.

    Notes
    -----
    One pass, in double precision, scaled so that no power overflows or vanishes. The programs are in
    `numpywren.algorithms.vectors`.

    References
    ----------
    BLAS: ``nrm2``, ``asum``.
    """
    X = asarray(x)
    if isinstance(ord, str | complex) or math.isnan(ord):
        raise ValueError(f"vector_norm got ord={ord!r}; it must be a real number, inf or -inf")
    reduced = tuple(range(X.ndim)) if axis is None else normal_axes("vector_norm", axis, X.ndim)
    kept = [place for place in range(X.ndim) if place not in reduced]
    shape = tuple(1 if place in reduced else length for place, length in enumerate(X.shape))
    if not keepdims:
        shape = tuple(X.shape[place] for place in kept)
    if math.prod(X.shape[place] for place in reduced) == 0:
        # a vector of one number with the same norm
        one = zeros((1,), dtype=X.dtype) if ord >= 0 else asarray(np.full(1, np.inf, X.dtype))
        X = broadcast_to(one, (*(X.shape[place] for place in kept), 1))
        kept, reduced = list(range(X.ndim - 1)), (X.ndim - 1,)
    kind = {math.inf: LARGEST, -math.inf: SMALLEST, 0: COUNT}.get(ord, POWER)
    sizes = {"kind": kind}
    if kept:
        program, A = algorithms.norm_rows, grouped(X, kept, reduced)
        sizes["splits"] = inner_splits(tiles_along(A, 0), tiles_along(A, 1))
        returned = Returned("N", shape=None if len(shape) == 1 else shape)
    else:
        program = algorithms.norm_all
        A = X if X.ndim <= 2 else grouped(X, range(X.ndim - 1), (X.ndim - 1,))
        returned = Returned("N", scalar=True, real=True, shape=shape or None)
    return Request(
        "vector_norm",
        program,
        {"A": A},
        (returned,),
        sizes=sizes,
        scalars={"power": float(ord) if kind == POWER else 0.0, "code": TYPES.index(X.dtype)},
        cuts=_ONE,
        vectors=frozenset({"N"} if kept else ()),
        dtypes={"N": np.empty(0, X.dtype).real.dtype},
    )
