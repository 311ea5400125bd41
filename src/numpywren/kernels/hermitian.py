"""Whether a matrix is its own conjugate transpose, from pieces, one a pair of tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["asymmetry", "check_hermitian", "worst_asymmetry"]

#: Largest difference between A and Aᴴ, in units of ε times the largest element, that is taken for rounding.
TOLERANCE = 100
#: Order of the blocks that are compared at a time: two of them, one transposed, fit a processor's nearest cache.
_BLOCK = 128


def _pair_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 2 or a != b[::-1]:
        raise ValueError(f"asymmetry got tiles of shapes {a} and {b}; each must have the shape of the other transposed")
    return (2, 1)


@kernel(shape=_pair_shape, flops=lambda a, b: 4.0 * math.prod(a))
def asymmetry(a: NDArray, b: NDArray) -> NDArray:
    """How far a tile is from the conjugate transpose of the one that it should be.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Tile (i, j) of the matrix.
    b : ndarray, shape (n, m)
        Tile (j, i).

    Returns
    -------
    ndarray, shape (2, 1)
        The largest element of both in modulus, and of ``a - bᴴ``; real parts and imaginary parts count by themselves.
    """
    _pair_shape(a.shape, b.shape)
    dtype = common_dtype(a, b)
    largest, difference = 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for top in range(0, a.shape[0], _BLOCK):
            for left in range(0, a.shape[1], _BLOCK):
                here = a[top : top + _BLOCK, left : left + _BLOCK]
                there = b[left : left + _BLOCK, top : top + _BLOCK].conj().T
                largest = max(largest, _largest(here), _largest(there))
                difference = max(difference, _largest(here - there))
    return np.array([[largest], [difference]], dtype, order="F")


def _largest(a: NDArray) -> float:
    """Largest absolute value, of complex numbers that of a part; NaNs are passed over."""
    parts = (a.real, a.imag) if a.dtype.kind == "c" else (a,)
    return max(0.0, *(float(np.fmax(np.fmax.reduce(part, None), -np.fmin.reduce(part, None))) for part in parts))


@kernel(shape=lambda pieces: (2, 1), flops=lambda pieces: 2.0 * len(pieces))
def worst_asymmetry(pieces: Sequence[NDArray]) -> NDArray:
    """The largest of some pairs that `asymmetry` gives, of shape (2, 1), each of the two by itself."""
    every: NDArray = np.hstack([piece.real for piece in pieces]).max(axis=1, keepdims=True)
    return every.astype(common_dtype(*pieces), order="F")


@kernel(shape=lambda pieces: (1, 1), flops=lambda pieces: 2.0 * len(pieces))
def check_hermitian(pieces: Sequence[NDArray]) -> NDArray:
    """Zero, as a real 1×1 tile, if pairs from `asymmetry` say that the matrix is Hermitian.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (2, 1)

    Raises
    ------
    numpy.linalg.LinAlgError
        If it differs from its conjugate transpose by more than 100 ε times its largest element.
    """
    largest, difference = (float(each) for each in np.hstack([piece.real for piece in pieces]).max(axis=1))
    dtype = common_dtype(*pieces)
    allowed = TOLERANCE * float(np.finfo(dtype).eps) * largest
    if difference > allowed:
        word = "Hermitian" if dtype.kind == "c" else "symmetric"
        raise np.linalg.LinAlgError(
            f"the matrix is not {word}: it differs from its {'conjugate ' * (word == 'Hermitian')}transpose by "
            f"{difference:.3g}, and rounding explains {allowed:.3g}; if only one triangle of it is filled, fill the "
            "other, and if it is noise, pass (A + A.H) / 2"
        )
    return np.zeros((1, 1), dtype.type(0).real.dtype)
