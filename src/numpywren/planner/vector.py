"""All tasks of a kind at once: index expressions, conditions and loops over arrays of values instead of numbers.

The meaning is that of `numpywren.lambdapack.evaluate`; where that raises, as for a division by zero, these give 0, as
such rows belong to branches that are not taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack.arithmetic import total_divide, total_log2, total_modulo, total_power
from numpywren.lambdapack.evaluate import COMPARE
from numpywren.lambdapack.ir import (
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
    Name,
    Negative,
    Not,
)

__all__ = ["Columns", "Integers", "expand", "holds", "values"]

Integers: TypeAlias = NDArray[np.int64]
#: Sizes, the same in every row, and loop variables, with a value for each row.
Columns: TypeAlias = Mapping[str, "int | Integers"]

_COMPARE: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def values(index: Index, columns: Columns) -> Any:
    """Values of an index expression: an array, or a number where no loop variable has a part in it."""
    match index:
        case Int(value):
            return value
        case Name(name):
            return columns[name]
        case Binary(op, left, right):
            return _binary(op, values(left, columns), values(right, columns))
        case Negative(operand):
            return -values(operand, columns)
        case Extreme(which, operands):
            found = [values(operand, columns) for operand in operands]
            if all(type(each) is int for each in found):
                return min(found) if which == "min" else max(found)
            choose = np.minimum if which == "min" else np.maximum
            result = found[0]
            for other in found[1:]:
                result = choose(result, other)
            return result
        case Log2(operand):
            return _log2(values(operand, columns))


def _binary(op: str, left: Any, right: Any) -> Any:
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    if type(left) is int and type(right) is int:
        return total_power(left, right) if op == "**" else (total_divide if op == "//" else total_modulo)(left, right)
    left, right = np.asarray(left), np.asarray(right)
    if op == "**":
        return np.where(right >= 0, np.power(left, np.maximum(right, 0)), 0)
    safe = np.where(right == 0, 1, right)
    return np.where(right == 0, 0, left // safe if op == "//" else left % safe)


def _log2(operand: Any) -> Any:
    if type(operand) is int:
        return total_log2(operand)
    # exact below 2**53, and indices are far below
    above = np.maximum(np.asarray(operand), 1)
    _, exponent = np.frexp((above - 1).astype(np.float64))
    return exponent.astype(np.int64)


def holds(condition: Condition, columns: Columns) -> Any:
    """Where a condition is true."""
    match condition:
        case Compare(op, left, right):
            one, other = values(left, columns), values(right, columns)
            return (COMPARE if type(one) is int and type(other) is int else _COMPARE)[op](one, other)
        case Junction(op, operands):
            found = [holds(operand, columns) for operand in operands]
            result = found[0]
            for other in found[1:]:
                result = result & other if op == "and" else result | other
            return result
        case Not(operand):
            decided = holds(operand, columns)
            return not decided if isinstance(decided, bool) else ~np.asarray(decided)
    raise AssertionError(condition)


def expand(clauses: tuple[Clause, ...], columns: Columns, rows: int) -> tuple[dict[str, int | Integers], Integers]:
    """Bind the variables of `clauses` in every way in every row.

    Parameters
    ----------
    clauses : tuple of Clause
    columns : mapping of str to int or ndarray of int64
    rows : int
        Length of the arrays in `columns`.

    Returns
    -------
    columns : dict of str to int or ndarray of int64
        With the variables of the loops.
    parents : ndarray of int64
        Number of the row that each new row comes from, ascending; loops run in their order.
    """
    found: dict[str, int | Integers] = dict(columns)
    parents = np.arange(rows)
    for clause in clauses:
        if isinstance(clause, Guard):
            kept = np.broadcast_to(np.asarray(holds(clause.condition, found)), parents.shape)
            if not kept.all():
                found, parents = _take(found, np.flatnonzero(kept)), parents[kept]
            continue
        start, stop, step = (
            np.broadcast_to(np.asarray(values(bound, found), dtype=np.int64), parents.shape)
            for bound in (clause.start, clause.stop, clause.step)
        )
        length = np.maximum(-((start - stop) // np.where(step == 0, 1, step)), 0)
        origin = np.repeat(np.arange(len(parents)), length)
        first = np.cumsum(length) - length
        place = np.arange(len(origin)) - first[origin]
        found, parents = _take(found, origin), parents[origin]
        found[clause.variable] = start[origin] + step[origin] * place
    return found, parents


def _take(columns: Mapping[str, int | Integers], rows: Integers) -> dict[str, int | Integers]:
    return {name: column[rows] if isinstance(column, np.ndarray) else column for name, column in columns.items()}
