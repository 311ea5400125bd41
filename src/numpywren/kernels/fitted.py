"""A tile with as many rows as another."""

from __future__ import annotations

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["fitted"]


def _shape(x: Shape, like: Shape) -> Shape:
    if len(x) != 2 or len(like) != 2:
        raise ValueError(f"fitted got tiles of shapes {x} and {like}; it wants two matrices")
    return (like[0], x[1])


@kernel(shape=_shape)
def fitted(x: NDArray, like: NDArray) -> NDArray:
    """The first rows of a tile, or the tile with rows of zeros below it: as many rows as another tile has.

    Parameters
    ----------
    x : ndarray, shape (k, n)
    like : ndarray, shape (m, p)
        Only its number of rows counts.

    Returns
    -------
    ndarray, shape (m, n)
        A fresh column-major tile.
    """
    m, n = _shape(x.shape, like.shape)
    result = fresh((m, n), common_dtype(x))
    rows = min(m, x.shape[0])
    np.copyto(result[:rows], x[:rows])
    result[rows:] = 0
    return result
