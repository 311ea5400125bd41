"""Random test matrices, tile by tile, the same however they are cut into tiles."""

from __future__ import annotations

import numpy as np

from numpywren.kernels.capsule import NDArray
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["TYPES", "gaussian"]

#: The types of number, by the code that programs give them.
TYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex64), np.dtype(np.complex128))

#: Rows that one stream of random numbers fills. Tiles begin and end anywhere; streams begin at multiples of this.
BLOCK = 256


def _shape(*, seed: int, part: int, chunk: int, length: int, width: int, code: int) -> Shape:
    return (max(0, min(chunk, length - part * chunk)), width)


@kernel(shape=_shape, flops=lambda **options: float(np.prod(_shape(**options))))
def gaussian(*, seed: int, part: int, chunk: int, length: int, width: int, code: int) -> NDArray:
    """Some rows of a matrix of independent standard normal numbers.

    Parameters
    ----------
    seed : int
        Key of the generator, 0 to 2¹²⁸ - 1.
    part, chunk, length : int
        Which tile of `chunk` rows, and how many rows there are in all.
    width : int
        Columns.
    code : int
        Type of the numbers: where it stands in `TYPES`. Complex ones have independent parts of variance 1/2, float32
        ones are rounded from float64.

    Returns
    -------
    ndarray, shape (rows, width)
        The rows depend on their numbers only, not on how the matrix is cut.

    References
    ----------
    J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
    """
    rows, _ = _shape(seed=seed, part=part, chunk=chunk, length=length, width=width, code=code)
    dtype = TYPES[code]
    parts = 2 if dtype.kind == "c" else 1
    result = np.empty((rows, width), dtype, order="F")
    first = part * chunk
    for block in range(first // BLOCK, -(-(first + rows) // BLOCK) if rows else 0):
        # a stream of its own for each block of rows: the counter's highest word says which
        stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, block]))
        drawn = stream.standard_normal((BLOCK, width * parts))
        values = drawn.view(np.complex128) * np.sqrt(0.5) if parts == 2 else drawn
        start, stop = max(first, block * BLOCK), min(first + rows, (block + 1) * BLOCK)
        result[start - first : stop - first] = values[start - block * BLOCK : stop - block * BLOCK]
    return result
