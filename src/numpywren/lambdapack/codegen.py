"""Python syntax trees for index arithmetic, and functions from syntax trees.

Trees are built from a validated program, never from text. Every identifier in them is made here (``v0``, ``s1``,
``divide``), every constant is an integer of the program, and the names of matrices enter as values. What is compiled
can therefore do arithmetic, loop, and call the few functions in `GLOBALS`, which is all that it sees. See
``docs/decisions/language-compiled-dependencies.md``.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from numpywren.lambdapack import arithmetic
from numpywren.lambdapack.ir import (
    Binary,
    Compare,
    Condition,
    Extreme,
    Index,
    Int,
    Junction,
    Log2,
    Name,
    Negative,
    Not,
)
from numpywren.lambdapack.tile import Task, Tile

__all__ = [
    "Arithmetic",
    "assign",
    "constant",
    "function",
    "give",
    "invoke",
    "load",
    "loop",
    "make",
    "pack",
    "statement",
    "when",
]

LOAD: Final = ast.Load()
STORE: Final = ast.Store()

OPERATORS: Final[Mapping[str, ast.operator]] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
}
COMPARISONS: Final[Mapping[str, ast.cmpop]] = {
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
}


def series(low: int, high: int, slope: int, offset: int) -> int:
    """Sum of ``max(0, slope * x + offset)`` over x from `low` to `high`."""
    if slope > 0:
        low = max(low, -(offset // slope))
    elif slope < 0:
        high = min(high, offset // -slope)
    elif offset <= 0:
        return 0
    if high < low:
        return 0
    count = high - low + 1
    return count * offset + slope * ((low + high) * count // 2)


#: Everything that compiled functions can reach.
GLOBALS: Final[Mapping[str, Any]] = {
    "__builtins__": {},
    "range": range,
    "min": min,
    "max": max,
    "len": len,
    "new": tuple.__new__,
    "Tile": Tile,
    "Task": Task,
    "series": series,
    "divide": arithmetic.divide,
    "modulo": arithmetic.modulo,
    "power": arithmetic.power,
    "log2": arithmetic.log2,
    "positive": arithmetic.positive,
    "total_divide": arithmetic.total_divide,
    "total_modulo": arithmetic.total_modulo,
    "total_power": arithmetic.total_power,
    "total_log2": arithmetic.total_log2,
}


def load(name: str) -> ast.expr:
    """Read a variable."""
    return ast.Name(name, LOAD, lineno=1, col_offset=0)


def constant(value: int | None) -> ast.expr:
    """Write an integer."""
    if isinstance(value, int) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value, lineno=1, col_offset=0), lineno=1, col_offset=0)
    return ast.Constant(value, lineno=1, col_offset=0)


def invoke(function: str, *arguments: ast.expr) -> ast.expr:
    """Call one of `GLOBALS`, or a local function."""
    return ast.Call(load(function), list(arguments), [], lineno=1, col_offset=0)


def pack(items: Sequence[ast.expr]) -> ast.expr:
    """Make a tuple."""
    return ast.Tuple(list(items), LOAD, lineno=1, col_offset=0)


def assign(name: str, value: ast.expr) -> ast.stmt:
    """Set a variable."""
    return ast.Assign([ast.Name(name, STORE, lineno=1, col_offset=0)], value, lineno=1, col_offset=0)


def when(test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt] | None = None) -> ast.stmt:
    """Make an ``if``."""
    return ast.If(test, body, orelse or [], lineno=1, col_offset=0)


def loop(name: str, start: ast.expr, stop: ast.expr, step: ast.expr | None, body: list[ast.stmt]) -> ast.stmt:
    """Make a ``for … in range(…)``."""
    bounds = [start, stop] if step is None else [start, stop, step]
    return ast.For(
        ast.Name(name, STORE, lineno=1, col_offset=0), invoke("range", *bounds), body, [], lineno=1, col_offset=0
    )


def function(name: str, arguments: Sequence[str], body: list[ast.stmt]) -> ast.stmt:
    """Make a ``def``."""
    made = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(argument, lineno=1, col_offset=0) for argument in arguments],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    fields: dict[str, Any] = {"type_params": []} if hasattr(ast, "TypeAlias") else {}
    return ast.FunctionDef(name, made, body, [], lineno=1, col_offset=0, **fields)


def statement(value: ast.expr) -> ast.stmt:
    """Evaluate for effect."""
    return ast.Expr(value, lineno=1, col_offset=0)


def give(value: ast.expr | None) -> ast.stmt:
    """Make a ``return``."""
    return ast.Return(value, lineno=1, col_offset=0)


def make(outer: Sequence[str], inner: ast.stmt, values: Mapping[str, Any]) -> Callable[..., Any]:
    """Compile a function that takes the sizes and returns `inner` with them bound.

    Parameters
    ----------
    outer : sequence of str
        Names, made by this package, that stand for the sizes.
    inner : ast.stmt
        A ``def`` named ``f``.
    values : mapping of str to object
        More that `inner` may reach, under names made by this package.

    Returns
    -------
    callable
        Takes the sizes in the order of `outer`.
    """
    holder = function("make", outer, [inner, give(load("f"))])
    module = compile(ast.Module([holder], []), "<numpywren dependencies>", "exec", dont_inherit=True)
    code = next(item for item in module.co_consts if isinstance(item, types.CodeType))
    return types.FunctionType(code, {**GLOBALS, **values})


class Arithmetic:
    """Turns index expressions into syntax trees.

    Parameters
    ----------
    names : dict of str to str
        For each size and variable of the program, the name that stands for it.
    total : bool
        Whether arithmetic without an answer gives 0 instead of raising.
    """

    def __init__(self, names: dict[str, str], *, total: bool) -> None:
        self.names = names
        self.prefix = "total_" if total else ""

    def index(self, index: Index) -> ast.expr:
        """Tree of an index expression."""
        match index:
            case Int(value):
                return constant(value)
            case Name(name):
                return load(self.names[name])
            case Binary("**", left, right):
                return invoke(self.prefix + "power", self.index(left), self.index(right))
            case Binary("//", left, right) if not (isinstance(right, Int) and right.value):
                return invoke(self.prefix + "divide", self.index(left), self.index(right))
            case Binary("%", left, right) if not (isinstance(right, Int) and right.value):
                return invoke(self.prefix + "modulo", self.index(left), self.index(right))
            case Binary(op, left, right):
                return ast.BinOp(self.index(left), OPERATORS[op], self.index(right), lineno=1, col_offset=0)
            case Negative(operand):
                return ast.UnaryOp(ast.USub(), self.index(operand), lineno=1, col_offset=0)
            case Extreme(which, operands):
                return invoke(which, *map(self.index, operands))
            case Log2(operand):
                return invoke(self.prefix + "log2", self.index(operand))

    def condition(self, condition: Condition) -> ast.expr:
        """Tree of a condition."""
        match condition:
            case Compare(op, left, right):
                return self.compare(left, op, right)
            case Junction(op, operands):
                return self.junction([self.condition(operand) for operand in operands], op)
            case Not(operand):
                return ast.UnaryOp(ast.Not(), self.condition(operand), lineno=1, col_offset=0)

    def compare(self, left: Index, op: str, right: Index) -> ast.expr:
        """Tree of a comparison."""
        return ast.Compare(self.index(left), [COMPARISONS[op]], [self.index(right)], lineno=1, col_offset=0)

    @staticmethod
    def junction(tests: list[ast.expr], op: str = "and") -> ast.expr:
        """Tree of several conditions together."""
        if len(tests) == 1:
            return tests[0]
        return ast.BoolOp(ast.And() if op == "and" else ast.Or(), tests, lineno=1, col_offset=0)
