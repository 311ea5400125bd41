"""One task's expression with every index worked out: what a worker evaluates.

Nodes hold tiles, kernels and numbers, and nothing of the program's. An empty sum is zero: it vanishes from ``+`` and
``-``, makes a product with it empty, and is left as ``SumOf(())`` only where nothing else is, meaning a tile of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from numpywren.lambdapack.evaluate import bindings, holds, number, tile_at
from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Call,
    Choice,
    Flipped,
    Listing,
    Minus,
    Scaled,
    Sum,
    TileExpression,
)
from numpywren.lambdapack.kernel import Kernel
from numpywren.lambdapack.tile import Tile

__all__ = [
    "Add",
    "Adjoint",
    "Apply",
    "Multiply",
    "Negate",
    "Node",
    "Read",
    "Scale",
    "Subtract",
    "SumOf",
    "Transpose",
    "resolve",
]


class Read(NamedTuple):
    """The tile itself."""

    tile: Tile


class Apply(NamedTuple):
    """Result of a kernel; an argument that is a tuple is a list of tiles."""

    kernel: Kernel
    args: tuple[Node | tuple[Node, ...], ...]
    options: Mapping[str, int | float | complex | str | bool]


class Add(NamedTuple):
    """``left + right``."""

    left: Node
    right: Node


class Subtract(NamedTuple):
    """``left - right``."""

    left: Node
    right: Node


class Multiply(NamedTuple):
    """The matrix product ``left @ right``."""

    left: Node
    right: Node


class Scale(NamedTuple):
    """``factor * x``."""

    factor: int | float | complex
    x: Node


class Transpose(NamedTuple):
    """``x.T``."""

    x: Node


class Adjoint(NamedTuple):
    """``x.H``."""

    x: Node


class Negate(NamedTuple):
    """``-x``."""

    x: Node


class SumOf(NamedTuple):
    """Sum of the terms, from the first to the last."""

    terms: tuple[Node, ...]


Node: TypeAlias = Read | Apply | Add | Subtract | Multiply | Scale | Transpose | Adjoint | Negate | SumOf

EMPTY = SumOf(())


class Resolver(NamedTuple):
    """What expressions of one program are resolved with."""

    kernels: Mapping[str, Kernel]
    scalars: Mapping[str, Any]

    def tile(self, value: TileExpression, around: dict[str, int]) -> Node:
        """Resolve an expression whose value is a tile."""
        match value:
            case Access():
                return Read(tile_at(value, around))
            case Choice(condition, then, otherwise):
                return self.tile(then if holds(condition, around) else otherwise, around)
            case Call(kernel, arguments, options):
                given = {option.name: self.option(option.value, around) for option in options}
                return Apply(self.kernels[kernel], tuple([self.argument(part, around) for part in arguments]), given)
            case Arithmetic(op, left, right):
                return join(op, self.tile(left, around), self.tile(right, around))
            case Sum(term, clauses):
                terms = tuple(self.terms(term, clauses, around))
                return SumOf(terms)
            case Scaled(factor, operand):
                inner = self.tile(operand, around)
                return inner if inner == EMPTY else Scale(number(factor, around, self.scalars), inner)
            case Minus(operand):
                inner = self.tile(operand, around)
                return inner if inner == EMPTY else Negate(inner)
            case Flipped(how, operand):
                inner = self.tile(operand, around)
                return inner if inner == EMPTY else Transpose(inner) if how == "T" else Adjoint(inner)

    def terms(self, term: TileExpression, clauses: tuple[Any, ...], around: dict[str, int]) -> Iterator[Node]:
        """Terms of a sum that are not themselves empty."""
        for bound in bindings(clauses, around):
            node = self.tile(term, bound)
            if node != EMPTY:
                yield node

    def argument(self, value: Argument, around: dict[str, int]) -> Node | tuple[Node, ...]:
        """Resolve an argument of a kernel."""
        if not isinstance(value, Listing):
            return self.tile(value, around)
        return tuple([self.tile(item, bound) for bound in bindings(value.clauses, around) for item in value.items])

    def option(self, value: Any, around: dict[str, int]) -> Any:
        """Resolve an option of a kernel."""
        return value if isinstance(value, str | bool) else number(value, around, self.scalars)


def join(op: str, left: Node, right: Node) -> Node:
    """Combine two tiles, either of which may be an empty sum."""
    if op == "@":
        return EMPTY if EMPTY in (left, right) else Multiply(left, right)
    if right == EMPTY:
        return left
    if left == EMPTY:
        return right if op == "+" else Negate(right)
    return Add(left, right) if op == "+" else Subtract(left, right)


def resolve(
    value: TileExpression, kernels: Mapping[str, Kernel], scalars: Mapping[str, Any], environment: dict[str, int]
) -> Node:
    """Work out every index of an expression.

    Parameters
    ----------
    value : TileExpression
        The expression.
    kernels : mapping of str to Kernel
        Kernels by the names that the expression uses.
    scalars : mapping of str to number
        Values of scalar parameters.
    environment : dict of str to int
        Sizes and loop variables.

    Returns
    -------
    Node
        The expression with nothing left to look up.

    Raises
    ------
    ValueError
        If index arithmetic has no integer for an answer.
    """
    return Resolver(kernels, scalars).tile(value, environment)
