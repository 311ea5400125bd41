"""Sums, differences and multiples of tiles; NumPy lets go of the GIL in each."""

from __future__ import annotations

import math

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["add", "multiply", "scale", "subtract", "zeros"]


def _pair_shape(a: Shape, b: Shape) -> Shape:
    """Shape of an elementwise result; tiles are never broadcast."""
    if a != b:
        raise ValueError(f"got tiles of shapes {a} and {b}; elementwise kernels want equal shapes")
    return a


def _pair_flops(a: Shape, b: Shape) -> float:
    """One an element."""
    return float(math.prod(_pair_shape(a, b)))


def _flops(a: Shape, *, factor: complex = 1.0) -> float:
    """One an element."""
    return float(math.prod(a))


def _apply(ufunc: np.ufunc, a: NDArray, b: NDArray) -> NDArray:
    result = np.empty(_pair_shape(a.shape, b.shape), dtype=common_dtype(a, b), order="F")
    ufunc(a, b, out=result)
    return result


@kernel(shape=_pair_shape, flops=_pair_flops)
def add(a: NDArray, b: NDArray) -> NDArray:
    """Add two tiles of one shape."""
    return _apply(np.add, a, b)


@kernel(shape=_pair_shape, flops=_pair_flops)
def subtract(a: NDArray, b: NDArray) -> NDArray:
    """Subtract the second of two tiles of one shape from the first."""
    return _apply(np.subtract, a, b)


@kernel(shape=_pair_shape, flops=_pair_flops)
def multiply(a: NDArray, b: NDArray) -> NDArray:
    """Multiply two tiles of one shape, element by element."""
    return _apply(np.multiply, a, b)


@kernel(flops=_flops)
def scale(a: NDArray, *, factor: complex) -> NDArray:
    """Multiply a tile by a number.

    Parameters
    ----------
    a : ndarray
        The tile.
    factor : float or complex
        Cast to the tile's dtype, so that a float32 tile stays one.

    Returns
    -------
    ndarray
        A fresh column-major tile of the same shape and dtype.

    Raises
    ------
    TypeError
        If the factor is complex and the tile is not.
    """
    result = np.empty(a.shape, dtype=common_dtype(a), order="F")
    np.multiply(a, in_precision_of(a, factor), out=result)
    return result


def in_precision_of(a: NDArray, factor: complex) -> complex:
    """Return the number as the tile's dtype has it; refuse one that it cannot hold."""
    if a.dtype.kind == "c":
        return complex(factor)
    if complex(factor).imag:
        raise TypeError(f"a complex number, {factor}, came for a tile of dtype {a.dtype}; convert the tile with astype")
    return complex(factor).real


@kernel()
def zeros(a: NDArray) -> NDArray:
    """Tile of zeros of the shape and dtype of `a`, whose elements are not read."""
    return np.zeros(a.shape, dtype=common_dtype(a), order="F")
