"""What the polar decomposition does with singular values."""

from __future__ import annotations

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["root_scaled"]


def _flops(v: Shape, s: Shape) -> float:
    return float(v[0]) * v[1]


@kernel(shape=lambda v, s: v, flops=_flops)
def root_scaled(v: NDArray, s: NDArray) -> NDArray:
    """Columns of a tile, each times the square root of its singular value: V diag(s)^½.

    Parameters
    ----------
    v : ndarray, shape (m, n)
    s : ndarray, shape (n, 1)
        Real, not negative.

    Returns
    -------
    ndarray, shape (m, n)
        In the type of `v`.
    """
    result = np.empty(v.shape, common_dtype(v), order="F")
    np.multiply(v, np.sqrt(s.real).reshape(1, -1).astype(v.real.dtype), out=result)
    return result
