"""From Python syntax to index expressions, conditions, scalars and clauses."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, Literal

from numpywren.lambdapack.evaluate import evaluate
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
from numpywren.lambdapack.scope import Scope

__all__ = ["clauses", "condition", "index", "loop", "scalar"]

LARGEST: Final = 2**53 - 1

ARITHMETIC: Final[dict[type[ast.operator], Literal["+", "-", "*", "//", "%", "**"]]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
COMPARISONS: Final[dict[type[ast.cmpop], Literal["<", "<=", ">", ">=", "==", "!="]]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def index(scope: Scope, node: ast.expr) -> Index:
    """Parse an integer over sizes and loop variables."""
    match node:
        case ast.Constant(value=bool()):
            raise scope.fail(node, f"an index is an integer, not {node.value!r}")
        case ast.Constant(value=int(value)):
            if value > LARGEST:
                raise scope.fail(node, f"an integer of a program is at most {LARGEST}")
            return Int(value)
        case ast.Constant():
            raise scope.fail(node, f"an index is an integer, not {node.value!r}")
        case ast.Name(id=name):
            if name in scope.variables or name in scope.sizes:
                return Name(name)
            if name in scope.views:
                raise scope.fail(node, f"{name!r} is a matrix; an index is made of sizes and loop variables")
            if name in scope.scalars:
                raise scope.fail(
                    node, f"{name!r} is a scalar; an index is made of sizes and loop variables", "annotate it as Size"
                )
            raise scope.unknown(node, name)
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) is ast.Div:
                raise scope.fail(node, "`/` does not give an integer", "write `//`")
            if type(op) not in ARITHMETIC:
                raise scope.fail(node, "an index is made with + - * // % ** min max log2")
            made = Binary(ARITHMETIC[type(op)], index(scope, left), index(scope, right))
            if too_large(made):
                raise scope.fail(node, f"an integer of a program is at most {LARGEST}")
            return made
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = index(scope, operand)
            return Int(-inner.value) if isinstance(inner, Int) else Negative(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return index(scope, operand)
        case ast.Call(func=ast.Name(id="min" | "max" as which), args=args, keywords=[]):
            if len(args) < 2 or any(isinstance(argument, ast.Starred) for argument in args):
                raise scope.fail(node, f"`{which}` takes two or more integers")
            return Extreme("min" if which == "min" else "max", tuple(index(scope, argument) for argument in args))
        case ast.Call(func=ast.Name(id="log2"), args=[argument], keywords=[]):
            return Log2(index(scope, argument))
        case ast.Call():
            raise scope.fail(node, "only min, max and log2 may be called in an index")
        case ast.Subscript():
            raise scope.fail(
                node,
                "an index cannot depend on what a tile holds",
                "use sizes and loop variables: which tasks there are is known before any of them runs",
            )
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            raise scope.fail(node, "a condition is no integer", "use it in an `if`")
        case ast.IfExp():
            raise scope.fail(node, "an index cannot be conditional", "write an `if` statement")
    raise scope.fail(node, "an index is made of integers, sizes and loop variables with + - * // % ** min max log2")


def too_large(made: Index) -> bool:
    """Whether arithmetic on numbers alone gives one that may not be written."""
    try:
        return abs(evaluate(made, {})) > LARGEST
    except KeyError:  # it depends on sizes or variables
        return False
    except ValueError as failure:  # without an answer, which the check says; or a power of too many bits
        return "bits" in str(failure)


def condition(scope: Scope, node: ast.expr) -> Condition:
    """Parse a condition on indices."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            terms = [index(scope, term) for term in (left, *comparators)]
            links: list[Condition] = []
            for at, op in enumerate(ops):
                if type(op) not in COMPARISONS:
                    raise scope.fail(node, "indices are compared with < <= > >= == !=")
                links.append(Compare(COMPARISONS[type(op)], terms[at], terms[at + 1]))
            return links[0] if len(links) == 1 else Junction("and", tuple(links))
        case ast.BoolOp(op=op, values=values):
            operands = tuple(condition(scope, value) for value in values)
            return Junction("and" if isinstance(op, ast.And) else "or", operands)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(condition(scope, operand))
    raise scope.fail(
        node, "a condition compares indices: < <= > >= == != and or not", "for `if n % 2:` write `if n % 2 != 0:`"
    )


def scalar(scope: Scope, node: ast.expr) -> Scalar:
    """Parse a number that is known when the run starts."""
    match node:
        case ast.Constant(value=bool()):
            raise scope.fail(node, f"a factor is a number, not {node.value!r}")
        case ast.Constant(value=int() | float() | complex() as value):
            return Number(value)
        case ast.Name(id=name) if name in scope.scalars:
            return Parameter(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = scalar(scope, operand)
            if isinstance(inner, Number):
                return Number(-inner.value)
            return Whole(index(scope, node)) if isinstance(inner, Whole) else Opposite(inner)
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if has_number(scope, node):
            return Product(scalar(scope, left), scalar(scope, right))
        case ast.BinOp() if has_number(scope, node):
            raise scope.fail(node, "scalars are combined with * and unary - only", "compute the number before the run")
    return Whole(index(scope, node))


def has_number(scope: Scope, node: ast.expr) -> bool:
    """Whether an expression holds a scalar parameter or a number that is no integer."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in scope.scalars:
            return True
        if isinstance(part, ast.Constant) and isinstance(part.value, float | complex):
            return True
    return False


def loop(scope: Scope, variable: ast.expr, iterable: ast.expr) -> Loop:
    """Parse ``variable in range(...)``; the variable means nothing yet."""
    if not isinstance(variable, ast.Name):
        raise scope.fail(variable, "a loop has one variable")
    scope.check_fresh(variable, variable.id)
    match iterable:
        case ast.Call(func=ast.Name(id="range"), args=[_, *_] as args, keywords=[]) if len(args) <= 3:
            bounds = [index(scope, argument) for argument in args]
        case _:
            raise scope.fail(
                iterable, "a loop runs over `range(stop)`, `range(start, stop)` or `range(start, stop, step)`"
            )
    if len(bounds) == 1:
        bounds.insert(0, Int(0))
    step = bounds[2] if len(bounds) == 3 else Int(1)
    if step == Int(0):
        raise scope.fail(args[2], "the step of a range cannot be 0")
    return Loop(variable.id, bounds[0], bounds[1], step, scope.source.span(variable))


@contextmanager
def clauses(scope: Scope, generators: Sequence[ast.comprehension]) -> Iterator[tuple[Clause, ...]]:
    """Parse ``for … in range(…) if …`` of a comprehension; its variables mean something inside the block."""
    with ExitStack() as stack:
        found: list[Clause] = []
        for generator in generators:
            made = loop(scope, generator.target, generator.iter)
            stack.enter_context(scope.binding(made.variable))
            found.append(made)
            found.extend(Guard(condition(scope, test), scope.source.span(test)) for test in generator.ifs)
        yield tuple(found)
