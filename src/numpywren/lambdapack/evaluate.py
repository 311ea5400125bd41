"""What index expressions, conditions and clauses mean: plain evaluation, one node at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from numpywren.lambdapack import arithmetic
from numpywren.lambdapack.ir import (
    Access,
    Binary,
    Clause,
    Compare,
    Condition,
    Extreme,
    Guard,
    Index,
    Int,
    Junction,
    Log2,
    Loop,
    Name,
    Negative,
    Not,
    Number,
    Opposite,
    Parameter,
    Product,
    Scalar,
    Whole,
)
from numpywren.lambdapack.tile import Tile

__all__ = ["Environment", "bindings", "evaluate", "holds", "number", "span_of", "tile_at"]

Environment: TypeAlias = Mapping[str, int]

BINARY: Final[dict[str, Callable[[int, int], int]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": arithmetic.divide,
    "%": arithmetic.modulo,
    "**": arithmetic.power,
}
COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate(index: Index, environment: Environment) -> int:
    """Value of an index expression.

    Raises
    ------
    ValueError
        If the arithmetic has no integer for an answer.
    """
    match index:
        case Int(value):
            return value
        case Name(name):
            return environment[name]
        case Binary(op, left, right):
            return BINARY[op](evaluate(left, environment), evaluate(right, environment))
        case Negative(operand):
            return -evaluate(operand, environment)
        case Extreme(which, operands):
            values = [evaluate(operand, environment) for operand in operands]
            return min(values) if which == "min" else max(values)
        case Log2(operand):
            return arithmetic.log2(evaluate(operand, environment))


def holds(condition: Condition, environment: Environment) -> bool:
    """Whether a condition is true."""
    match condition:
        case Compare(op, left, right):
            return COMPARE[op](evaluate(left, environment), evaluate(right, environment))
        case Junction("and", operands):
            return all(holds(operand, environment) for operand in operands)
        case Junction(_, operands):
            return any(holds(operand, environment) for operand in operands)
        case Not(operand):
            return not holds(operand, environment)
    raise AssertionError(condition)


def span_of(loop: Loop, environment: Environment) -> range:
    """Values that a loop runs through."""
    step = evaluate(loop.step, environment)
    arithmetic.positive(-step if loop.descending else step)
    return range(evaluate(loop.start, environment), evaluate(loop.stop, environment), step)


def bindings(clauses: tuple[Clause, ...], environment: Environment) -> Iterator[dict[str, int]]:
    """Each way to bind the variables of `clauses`, added to `environment`, in the order of the loops."""
    if not clauses:
        yield dict(environment)
        return
    first, rest = clauses[0], clauses[1:]
    if isinstance(first, Guard):
        if holds(first.condition, environment):
            yield from bindings(rest, environment)
        return
    for value in span_of(first, environment):
        yield from bindings(rest, {**environment, first.variable: value})


def number(scalar: Scalar, environment: Environment, scalars: Mapping[str, Any]) -> Any:
    """Value of a scalar expression."""
    match scalar:
        case Number(value):
            return value
        case Parameter(name):
            return scalars[name]
        case Whole(index):
            return evaluate(index, environment)
        case Product(left, right):
            return number(left, environment, scalars) * number(right, environment, scalars)
        case Opposite(operand):
            return -number(operand, environment, scalars)


def tile_at(access: Access, environment: Environment) -> Tile:
    """The tile that an access names."""
    return Tile(access.matrix, tuple([evaluate(index, environment) for index in access.index]))
