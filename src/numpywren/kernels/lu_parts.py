"""What is read off a factored panel: its triangles, its exchanges, its permutation, its determinant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.pivots import exchanges, tiles_and_rows
from numpywren.lambdapack.kernel import kernel

__all__ = [
    "determinant",
    "diagonal_product",
    "exchanged_rows",
    "log_determinant",
    "lower_factor",
    "permutation",
    "upper_factor",
]

#: How many numbers of modulus 1/2 to 1 may be multiplied before the product could vanish in double precision.
_SAFE = 512
#: An exponent at which every number has overflown or vanished.
_FAR = 100_000


@kernel(shape=lambda lu: (lu[0], min(lu)))
def lower_factor(lu: NDArray) -> NDArray:
    """L of a packed m×n tile: m×min(m, n), with ones on its diagonal."""
    m, n = lu.shape
    factor = np.asfortranarray(np.tril(lu[:, : min(m, n)], -1))
    np.einsum("ii->i", factor[: min(m, n)])[...] = 1
    return factor


@kernel(shape=lambda lu: (min(lu), lu[1]))
def upper_factor(lu: NDArray) -> NDArray:
    """U of a packed m×n tile: min(m, n)×n."""
    m, n = lu.shape
    return np.asfortranarray(np.triu(lu[: min(m, n)]))


@kernel(shape=lambda pivots, *, count, height, panel: (count, 1))
def exchanged_rows(pivots: NDArray, *, count: int, height: int, panel: int) -> NDArray:
    """LAPACK's pivots of a panel: the row of the matrix with which each of its rows was exchanged, counted from 0.

    Parameters
    ----------
    pivots : ndarray of int64, shape (m0, 2)
    count : int
        How many pivots there are; at most m0.
    height : int
        Rows of a tile.
    panel : int
        Number of the panel.

    Returns
    -------
    ndarray of int64, shape (count, 1)
    """
    swaps = np.array(exchanges(pivots[:count, 0].tolist()), dtype=np.int64).reshape(-1, 1)
    tiles, rows = tiles_and_rows(swaps)
    return (panel + tiles) * height + rows


@kernel(shape=lambda have, want: (math.prod(have), math.prod(want)))
def permutation(have: NDArray, want: NDArray) -> NDArray:
    """A tile of a permutation matrix: one where the number of the row is that of the column.

    Parameters
    ----------
    have, want : ndarray of int64, shapes (p, 1) and (q, 1)
        Numbers of rows and of columns, ascending those of rows, all different.

    Returns
    -------
    ndarray of float32, shape (p, q)
    """
    numbers, wanted = have.reshape(-1), want.reshape(-1)
    result = np.zeros((numbers.size, wanted.size), np.float32, order="F")
    if numbers.size:
        rows = np.searchsorted(numbers, wanted).clip(max=numbers.size - 1)
        columns = np.flatnonzero(numbers[rows] == wanted)
        result[rows[columns], columns] = 1
    return result


@kernel(results=2, shape=lambda lu, pivots: ((1, 1), (1, 1)), flops=lambda lu, pivots: float(min(lu)))
def diagonal_product(lu: NDArray, pivots: NDArray) -> tuple[NDArray, NDArray]:
    """What a panel gives to the determinant: x · 2ᵉ, which neither overflows nor vanishes.

    Parameters
    ----------
    lu : ndarray, shape (n, n)
        A packed diagonal tile.
    pivots : ndarray of int64, shape (n, 2)

    Returns
    -------
    x : ndarray, shape (1, 1)
        Product of U's diagonal times the sign of the exchanges, its modulus from 1/2 to 1, or zero, or not finite.
    e : ndarray of int64, shape (1, 1)
    """
    dtype = common_dtype(lu)
    diagonal = lu.diagonal().astype(np.result_type(dtype, np.float64))
    odd = sum(place != t for t, place in enumerate(exchanges(pivots[: diagonal.size, 0].tolist()))) % 2
    x, e = _scaled_product(diagonal)
    return np.full((1, 1), -x if odd else x, dtype), np.full((1, 1), e, np.int64)


def _scaled_product(factors: NDArray) -> tuple[Any, int]:
    """Product of numbers as x · 2ᵉ, with the modulus of x from 1/2 to 1."""
    parts, e = _normalized(factors)
    product = np.ones((), factors.dtype)
    with np.errstate(invalid="ignore"):  # what is not finite stays so
        for start in range(0, len(parts), _SAFE):
            product, more = _normalized(product * parts[start : start + _SAFE].prod())
            e += more
    return product, e


def _normalized(x: NDArray) -> tuple[NDArray, int]:
    """Numbers divided by powers of two, so that moduli are from 1/2 to 1, and the sum of the exponents."""
    exponents = np.frexp(np.abs(x))[1]  # 0 for zero, and for what is not finite
    result = np.empty_like(x)
    result.real = np.ldexp(x.real, -exponents)
    if np.iscomplexobj(x):
        result.imag = np.ldexp(x.imag, -exponents)
    return result, int(exponents.sum(dtype=np.int64))


def _joined(parts: Sequence[NDArray], exponents: Sequence[NDArray]) -> tuple[Any, int, np.dtype[Any]]:
    dtype = common_dtype(*parts) if parts else np.dtype(np.float64)
    wide = np.result_type(dtype, np.float64)
    x, e = _scaled_product(np.array([part[0, 0] for part in parts], dtype=wide))
    return x, e + sum(int(exponent[0, 0]) for exponent in exponents), dtype


@kernel(shape=lambda parts, exponents: (1, 1))
def determinant(parts: Sequence[NDArray], exponents: Sequence[NDArray]) -> NDArray:
    """Product of the x · 2ᵉ of all panels, 1×1; infinite where it overflows, 1 where there are none."""
    x, e, dtype = _joined(parts, exponents)
    e = max(-_FAR, min(e, _FAR))
    result = np.empty((1, 1), dtype)
    with np.errstate(over="ignore", under="ignore"):
        result.real = np.ldexp(x.real, e)
        if dtype.kind == "c":
            result.imag = np.ldexp(x.imag, e)
    return result


@kernel(results=2, shape=lambda parts, exponents: ((1, 1), (1, 1)))
def log_determinant(parts: Sequence[NDArray], exponents: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """The product of the x · 2ᵉ of all panels as its sign and the logarithm of its modulus.

    Returns
    -------
    sign : ndarray, shape (1, 1)
        Of modulus 1, or 0.
    logabs : ndarray, shape (1, 1)
        Real; minus infinity where the sign is 0.
    """
    x, e, dtype = _joined(parts, exponents)
    size = np.abs(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        sign = x / size if size != 0 else x
        logarithm = np.log(size) + e * np.log(2.0)
    return np.full((1, 1), sign, dtype), np.full((1, 1), logarithm, np.empty(0, dtype).real.dtype)
