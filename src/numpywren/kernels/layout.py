"""How a tile lies in memory, and what BLAS can take without a copy."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import Address, NDArray, address

__all__ = [
    "Operand",
    "Shape",
    "Trans",
    "check_accumulator",
    "check_choice",
    "column_copy",
    "operand",
    "transposed_shape",
]

Shape: TypeAlias = tuple[int, ...]
Trans: TypeAlias = Literal["N", "T", "C"]

_TRANSPOSED = {"N": "T", "T": "N"}


class Operand(NamedTuple):
    """op(A) in terms that BLAS takes: op(A) is what `trans` makes of the column-major matrix at `where`."""

    where: Address
    ld: int
    trans: str
    #: Keeps the memory alive.
    owner: NDArray


def operand(a: NDArray, dtype: np.dtype[Any], trans: str = "N") -> Operand:
    """Describe op(A) for BLAS, copying only what BLAS cannot read in place.

    Column-major arrays (slices of them too) are used as they are, row-major ones as the transpose of a column-major
    one. What is copied: other strides, other dtypes, and the conjugate of a complex row-major matrix, for which BLAS
    has no letter.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Any strides; may be read-only.
    dtype : dtype
        The precision in which to work.
    trans : {"N", "T", "C"}
        op: nothing, the transpose, the conjugate transpose.
    """
    if a.dtype != dtype or not a.flags.aligned:
        a = np.asfortranarray(a, dtype=dtype) if a.dtype != dtype else a.copy("F")
    real = dtype.kind == "f"
    if real and trans == "C":
        trans = "T"
    ld = _leading_dimension(a)
    if ld is not None:
        return Operand(address(a), ld, trans, a)
    ld = _leading_dimension(a.T)
    if ld is None:
        a = np.asfortranarray(a)
        return Operand(address(a), max(1, a.shape[0]), trans, a)
    if trans == "C":
        # op(A) = conj(M) with M the column-major matrix at hand.
        a = np.conjugate(a.T)
        return Operand(address(a), max(1, a.shape[0]), "N", a)
    return Operand(address(a), ld, _TRANSPOSED[trans], a)


def _leading_dimension(a: NDArray) -> int | None:
    """Elements from one column to the next if `a` is column-major in BLAS's sense, else None."""
    rows: int
    columns: int
    rows, columns = a.shape
    down, across = a.strides
    item = a.itemsize
    if rows > 1 and down != item:
        return None
    if columns <= 1:
        return max(1, rows)
    ld, rest = across // item, across % item
    return ld if not rest and ld >= max(1, rows) else None


def column_copy(a: NDArray, dtype: np.dtype[Any]) -> NDArray:
    """Return a fresh, writable, column-major copy of `a`."""
    copy = fresh(a.shape, dtype)
    np.copyto(copy, a)
    return copy


def transposed_shape(shape: Shape, trans: str) -> Shape:
    """Return the shape of op(A)."""
    return shape if trans == "N" else shape[::-1]


def check_choice(name: str, value: str, choices: str) -> None:
    """Refuse an option that is not one of the letters in `choices`."""
    if len(value) != 1 or value not in choices:
        wanted = ", ".join(repr(c) for c in choices)
        raise ValueError(f"{name}={value!r} came; wanted one of {wanted}")


def check_accumulator(acc: NDArray, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Refuse an accumulator into which a kernel cannot add in place."""
    if acc.shape != shape:
        raise ValueError(f"accumulator of shape {acc.shape} came; the product has shape {shape}")
    if acc.dtype != dtype:
        raise TypeError(
            f"accumulator of dtype {acc.dtype} came; the product has dtype {dtype}: give an accumulator of that"
        )
    if not (acc.flags.f_contiguous and acc.flags.writeable and acc.flags.aligned):
        raise ValueError("the accumulator must be column-major and writable; copy it with np.array(a, order='F')")
