"""What the operators of `Array` do."""

from __future__ import annotations

from typing import Any

from numpywren.linalg import products
from numpywren.matrix import Array
from numpywren.matrix.operators import install

__all__: list[str] = []


class _Operators:
    """One run an operator."""

    def matmul(self, left: Any, right: Any) -> Array:
        """Matrix product."""
        return products.matmul(left, right)

    def add(self, left: Any, right: Any) -> Array:
        """Sum."""
        return products.add(left, right)

    def subtract(self, left: Any, right: Any) -> Array:
        """Difference."""
        return products.subtract(left, right)

    def scale(self, array: Array, factor: complex) -> Array:
        """Product with a number."""
        return products.multiply(array, factor)


install(_Operators())
