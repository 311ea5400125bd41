"""Products with a Hermitian tile, and Hermitian updates of rank 2 k."""

from __future__ import annotations

import numpy as np

from numpywren.kernels.capsule import LETTERS, NDArray, address, char, common_dtype, integer, routine, scalar
from numpywren.kernels.layout import Shape, check_accumulator, operand
from numpywren.lambdapack.kernel import kernel

__all__ = ["hemm", "her2k"]


def _hemm_shape(a: Shape, b: Shape) -> Shape:
    """Shape of the product."""
    if len(a) != 2 or a[0] != a[1] or len(b) != 2 or b[0] != a[0]:
        raise ValueError(f"hemm got tiles of shapes {a} and {b}; it wants a square matrix and one of as many rows")
    return b


def _hemm_flops(a: Shape, b: Shape) -> float:
    """2 n² k."""
    return 2.0 * a[0] * b[0] * b[1]


def _hemm_accumulate(acc: NDArray, sign: complex, a: NDArray, b: NDArray) -> None:
    """Do ``acc += sign * hemm(a, b)`` in place."""
    check_accumulator(acc, _hemm_shape(a.shape, b.shape), np.result_type(acc.dtype, common_dtype(a, b)))
    _multiply(sign, a, b, 1.0, acc)


def _multiply(alpha: complex, a: NDArray, b: NDArray, beta: float, c: NDArray) -> None:
    """C ← α A B + β C, A given by its lower triangle."""
    m, n = c.shape
    if m == 0 or n == 0:
        return
    letter = LETTERS[c.dtype]
    left, uplo = operand(a, c.dtype), "L"
    if left.trans == "T":
        if letter in "cz":  # the transpose is the conjugate, for which BLAS has no letter here
            left = operand(np.asfortranarray(a), c.dtype)
        else:
            uplo = "U"
    right = operand(b, c.dtype)
    if right.trans == "T":
        right = operand(np.asfortranarray(b), c.dtype)
    routine("blas", letter + ("hemm" if letter in "cz" else "symm"))(
        char("L"),
        char(uplo),
        integer(m),
        integer(n),
        scalar(letter, alpha),
        left.where,
        integer(left.ld),
        right.where,
        integer(right.ld),
        scalar(letter, beta),
        address(c),
        integer(m),
    )


@kernel(shape=_hemm_shape, flops=_hemm_flops, accumulate=_hemm_accumulate)
def hemm(a: NDArray, b: NDArray) -> NDArray:
    """Multiply by a Hermitian tile: C = A B.

    Parameters
    ----------
    a : ndarray, shape (n, n)
        Only the lower triangle is read; the diagonal is taken for real.
    b : ndarray, shape (n, k)

    Returns
    -------
    ndarray, shape (n, k)
        A fresh column-major tile.

    Notes
    -----
    2 n² k flops.
    """
    c = np.empty(_hemm_shape(a.shape, b.shape), common_dtype(a, b), order="F")
    _multiply(1.0, a, b, 0.0, c)
    return c


def _her2k_shape(a: Shape, b: Shape) -> Shape:
    """Shape of the square product."""
    if len(a) != 2 or a != b:
        raise ValueError(f"her2k got tiles of shapes {a} and {b}; it wants two matrices of one shape")
    return (a[0], a[0])


def _her2k_flops(a: Shape, b: Shape) -> float:
    """2 n (n + 1) k."""
    return 2.0 * a[0] * (a[0] + 1) * a[1]


def _her2k_accumulate(acc: NDArray, sign: float, a: NDArray, b: NDArray) -> None:
    """Do ``acc += sign * her2k(a, b)`` in place; touches the lower triangle only, and makes its diagonal real."""
    check_accumulator(acc, _her2k_shape(a.shape, b.shape), np.result_type(acc.dtype, common_dtype(a, b)))
    _update(sign, a, b, 1.0, acc)


def _update(alpha: float, a: NDArray, b: NDArray, beta: float, c: NDArray) -> None:
    """Lower triangle of C ← α (A Bᴴ + B Aᴴ) + β C."""
    n, k = a.shape
    if n == 0 or k == 0:
        return
    letter = LETTERS[c.dtype]
    left, right = (operand(np.asfortranarray(x, dtype=c.dtype), c.dtype) for x in (a, b))
    routine("blas", letter + ("her2k" if letter in "cz" else "syr2k"))(
        char("L"),
        char("N"),
        integer(n),
        integer(k),
        scalar(letter, alpha),
        left.where,
        integer(left.ld),
        right.where,
        integer(right.ld),
        scalar({"c": "s", "z": "d"}.get(letter, letter), beta),
        address(c),
        integer(n),
    )


@kernel(shape=_her2k_shape, flops=_her2k_flops, accumulate=_her2k_accumulate)
def her2k(a: NDArray, b: NDArray) -> NDArray:
    """Lower triangle of A Bᴴ + B Aᴴ.

    Parameters
    ----------
    a, b : ndarray, shape (n, k)

    Returns
    -------
    ndarray, shape (n, n)
        A fresh column-major tile: the lower triangle with a real diagonal, and zeros above it.

    Notes
    -----
    2 n (n + 1) k flops.
    """
    c = np.zeros(_her2k_shape(a.shape, b.shape), common_dtype(a, b), order="F")
    _update(1.0, a, b, 0.0, c)
    return c
