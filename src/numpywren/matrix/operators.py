"""Arithmetic on arrays: the operators are `Array`'s, what they do is filled in by `numpywren.linalg`."""

from __future__ import annotations

import numbers
import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpywren.matrix.array import Array

__all__ = ["Arithmetic", "Operators", "install"]


class Operators(Protocol):
    """What the operators of `Array` do. One operand of two may be a NumPy array; a factor is a number.

    A module with functions of these names will do.
    """

    def matmul(self, left: Any, right: Any, /) -> Array:
        """Matrix product."""

    def add(self, left: Any, right: Any, /) -> Array:
        """Sum, element by element."""

    def subtract(self, left: Any, right: Any, /) -> Array:
        """Difference, element by element."""

    def multiply(self, x: Array, alpha: complex, /) -> Array:
        """Product with a number."""


_installed: Operators | None = None


def install(operators: Operators) -> None:
    """Make these the operators of every `Array`."""
    global _installed
    _installed = operators


def _operators() -> Operators:
    if _installed is None:
        raise TypeError("arithmetic on arrays needs `import numpywren`, which says what the operators do")
    return _installed


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Number | np.number | np.bool_)


class Arithmetic:
    """Operators of `Array`; each starts a run and returns its result."""

    #: NumPy leaves an operation with one of its own arrays on the left to us.
    __array_ufunc__ = None

    def __matmul__(self: Any, other: Any) -> Any:
        return _operators().matmul(self, other) if _is_operand(other) else NotImplemented

    def __rmatmul__(self: Any, other: Any) -> Any:
        return _operators().matmul(other, self) if _is_operand(other) else NotImplemented

    def __add__(self: Any, other: Any) -> Any:
        return _operators().add(self, other) if _is_term(other) else NotImplemented

    def __radd__(self: Any, other: Any) -> Any:
        return _operators().add(other, self) if _is_term(other) else NotImplemented

    def __sub__(self: Any, other: Any) -> Any:
        return _operators().subtract(self, other) if _is_term(other) else NotImplemented

    def __rsub__(self: Any, other: Any) -> Any:
        return _operators().subtract(other, self) if _is_term(other) else NotImplemented

    def __mul__(self: Any, other: Any) -> Any:
        if _is_operand(other):
            raise TypeError("arrays are multiplied by numbers; for the matrix product write A @ B")
        return _operators().multiply(self, other) if _is_number(other) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self: Any, other: Any) -> Any:
        return _operators().multiply(self, _reciprocal(other, self.dtype)) if _is_number(other) else NotImplemented

    def __neg__(self: Any) -> Any:
        return _operators().multiply(self, -1)

    def __pos__(self: Any) -> Any:
        return self


def _reciprocal(number: Any, dtype: np.dtype[Any]) -> Any:
    """One over a number; over a NumPy scalar in the type in which NumPy divides arrays of `dtype` by it."""
    if isinstance(number, np.generic):
        wide = np.result_type(dtype, number).type
        one, divisor = wide(1), wide(number)
    elif number:
        return 1 / number
    else:
        wide = np.complex128 if isinstance(number, complex) else np.float64
        one, divisor = wide(1), wide(number)
    if not divisor:
        # of the line with the division, past this function and the operator
        warnings.warn("divide by zero encountered in divide", RuntimeWarning, stacklevel=3)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = one / divisor
    return found if isinstance(number, np.generic) else found.item()


def _is_operand(value: Any) -> bool:
    return isinstance(value, Arithmetic | np.ndarray)


def _is_term(value: Any) -> bool:
    """Whether it can be added.

    Raises
    ------
    TypeError
        If it is a number, of which it is not plain to what it would be added.
    """
    if _is_number(value):
        raise TypeError(
            f"arrays are added to arrays, not to a number: for A + {value} I write nw.linalg.add_diagonal(A, {value}), "
            f"for {value} in each element A + np.full(1, {value})"
        )
    return _is_operand(value)
