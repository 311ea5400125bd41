"""A block of reflectors applied to a column of tiles, in one task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.gemm import gemm
from numpywren.kernels.layout import Shape, check_choice
from numpywren.kernels.trmm import trmm
from numpywren.lambdapack.kernel import kernel

__all__ = ["larfb"]


def _shape(
    v0: Shape, v: Sequence[Shape], t: Shape, x0: Shape, x: Sequence[Shape], *, trans: str = "N"
) -> tuple[Shape, ...]:
    check_choice("trans", trans, "NC")
    widths = {shape[-1] for shape in (v0, *v)}
    if widths != {t[0]} or t[0] != t[1]:
        raise ValueError(f"larfb got V of shapes {[v0, *v]} and T of {t}; T must be square, and V as wide as it is")
    if len(x) > len(v) or any(shape[-1] != x0[-1] for shape in x):
        raise ValueError(
            f"larfb got X of shapes {[x0, *x]} and V of shapes {[v0, *v]}; X must be of one width and have no more "
            "tiles than V"
        )
    return tuple((shape[0], x0[-1]) for shape in (v0, *v))


def _flops(v0: Shape, v: Sequence[Shape], t: Shape, x0: Shape, x: Sequence[Shape], *, trans: str = "N") -> float:
    """4 m k p for k reflectors of m rows and p columns, less the zeros of the trapezoid, and k² p for T."""
    k, p = t[0], x0[-1]
    return 4.0 * (sum(shape[0] for shape in (v0, *v)) * k - k * k / 2) * p + float(k) * k * p


@kernel(results="any", shape=_shape, flops=_flops)
def larfb(
    v0: NDArray, v: Sequence[NDArray], t: NDArray, x0: NDArray, x: Sequence[NDArray], *, trans: str = "N"
) -> tuple[NDArray, ...]:
    """Apply reflectors to tiles on top of one another: X <- op(I - V T Vᴴ) X.

    Parameters
    ----------
    v0 : ndarray, shape (m0, k)
        First tile of V: lower trapezoidal, with explicit zeros above.
    v : list of ndarray, shapes (m1, k), (m2, k), ...
        The other tiles of V.
    t : ndarray, shape (k, k)
        Upper triangular.
    x0 : ndarray, shape (any, p)
        First tile of X. Here and in `x`, rows that a tile has beyond those of V are dropped (they must be zero), and
        those that it lacks are zeros.
    x : list of ndarray, shapes (any, p)
        The other tiles of X; those missing at the end are zeros.
    trans : {"N", "C"}
        op: nothing, or the conjugate transpose.

    Returns
    -------
    tuple of ndarray, shapes (m0, p), (m1, p), ...
        Fresh column-major tiles, as many as V has.

    Notes
    -----
    4 m k p + k² p flops for a V of m rows.
    """
    shapes = _shape(v0.shape, [a.shape for a in v], t.shape, x0.shape, [a.shape for a in x], trans=trans)
    dtype = common_dtype(v0, *v, t, x0, *x)
    # W = op(T) Vᴴ X
    rows = min(x0.shape[0], v0.shape[0])
    W = trmm(v0[:rows], x0[:rows], trans="C")
    if W.dtype != dtype:
        W = W.astype(dtype)
    for a, b in zip(v, x, strict=False):
        rows = min(a.shape[0], b.shape[0])
        gemm.accumulate(W, 1.0, a[:rows], b[:rows], transa="C")  # type: ignore[misc]
    W = trmm(t, W, uplo="U", trans=trans)
    # X <- X - V W
    results = []
    for at, (a, shape) in enumerate(zip((v0, *v), shapes, strict=True)):
        result = fresh(shape, dtype)
        old = x0 if at == 0 else x[at - 1] if at <= len(x) else a[:0]
        rows = min(old.shape[0], shape[0])
        if rows:
            np.copyto(result[:rows], old[:rows])
        result[rows:] = 0
        if at == 0:
            trmm.accumulate(result, -1.0, a, W)  # type: ignore[misc]
        else:
            gemm.accumulate(result, -1.0, a, W)  # type: ignore[misc]
        results.append(result)
    return tuple(results)
