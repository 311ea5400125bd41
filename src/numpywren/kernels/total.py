"""Sum of all elements of some tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["total"]


def _flops(pieces: tuple[Shape, ...]) -> float:
    return float(sum(map(math.prod, pieces)))


@kernel(shape=lambda pieces: (1, 1), flops=_flops)
def total(pieces: Sequence[NDArray]) -> NDArray:
    """Sum of all elements, as a 1×1 tile.

    Parameters
    ----------
    pieces : list of ndarray
        Added in order, each by NumPy's pairwise summation; at least one.

    Returns
    -------
    ndarray, shape (1, 1)
    """
    dtype = common_dtype(*pieces)
    sums = np.array([piece.sum() for piece in pieces], dtype=dtype)
    return np.full((1, 1), sums.sum(), dtype=dtype, order="F")
