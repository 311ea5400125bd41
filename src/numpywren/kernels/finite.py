"""Whether a tile holds nothing but numbers."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels.capsule import NDArray
from numpywren.lambdapack.kernel import kernel

__all__ = ["check_finite", "is_finite"]


def is_finite(a: NDArray) -> bool:
    """Tell whether every element is finite; reads the tile once and allocates nothing, unless its sum overflows."""
    # An infinity or a NaN anywhere makes the sum one of them. Finite elements may overflow it too: then look again.
    with np.errstate(over="ignore", invalid="ignore"):
        total = complex(a.sum())
    return (math.isfinite(total.real) and math.isfinite(total.imag)) or bool(np.isfinite(a).all())


@kernel(flops=lambda a: float(math.prod(a)))
def check_finite(a: NDArray) -> NDArray:
    """Return the tile itself if all its elements are finite.

    Parameters
    ----------
    a : ndarray
        The tile. What is returned is this very array, not a copy, and as read-only as it was.

    Raises
    ------
    ValueError
        If it holds an infinity or a NaN; the message is SciPy's.
    """
    if not is_finite(a):
        raise ValueError("array must not contain infs or NaNs")
    return a
