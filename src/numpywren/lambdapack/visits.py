"""Compiled functions that follow the text: which tasks there are, and which tiles each reads and writes.

Unlike the searches of `dependencies` these evaluate the program's own expressions for tasks that exist, so arithmetic
without an answer raises ValueError.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from numpywren.lambdapack import codegen
from numpywren.lambdapack.codegen import Arithmetic, constant, function, invoke, load, pack, statement, when
from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Assign,
    Call,
    Choice,
    Clause,
    Flipped,
    For,
    Guard,
    If,
    Int,
    Kind,
    Listing,
    Loop,
    Minus,
    Negative,
    Scaled,
    Statement,
    Sum,
    Target,
)
from numpywren.lambdapack.ir import Arithmetic as TileArithmetic
from numpywren.lambdapack.solver import is_positive

__all__ = ["tasks", "tiles_read", "tiles_written"]

Maker = Callable[..., Callable[..., Any]]


class Writer:
    """Builds one function.

    Parameters
    ----------
    sizes : sequence of str
        Sizes of the program.
    tick : callable, optional
        Called with the loop at each pass through one.
    """

    def __init__(self, sizes: Sequence[str], tick: Callable[[Loop], None] | None = None) -> None:
        self.outer = tuple(f"s{at}" for at in range(len(sizes)))
        self.arithmetic = Arithmetic(dict(zip(sizes, self.outer, strict=True)), total=False)
        self.matrices: dict[str, str] = {}
        self.variables = 0
        self.tick = tick
        self.ticks: dict[str, Callable[[], None]] = {}

    def variable(self, name: str) -> str:
        """Name for a loop variable; the same variable of another loop gets another."""
        made = f"v{self.variables}"
        self.variables += 1
        self.arithmetic.names[name] = made
        return made

    def loop(self, loop: Loop, body: Callable[[], list[ast.stmt]]) -> ast.stmt:
        """Make a loop around what `body` makes with its variable known."""
        index = self.arithmetic.index
        step = None
        if loop.step != Int(1):
            if isinstance(loop.step, Negative):
                step = invoke("positive", index(loop.step.operand))
                step = ast.UnaryOp(ast.USub(), step, lineno=1, col_offset=0)
            else:
                step = index(loop.step)
                if not loop.descending and not is_positive(loop.step):
                    step = invoke("positive", step)
        start, stop = index(loop.start), index(loop.stop)
        variable, counting = self.variable(loop.variable), []
        if self.tick is not None:
            name = f"t{len(self.ticks)}"
            self.ticks[name] = functools.partial(self.tick, loop)
            counting = [statement(invoke(name))]
        return codegen.loop(variable, start, stop, step, [*counting, *body()])

    def within(self, clauses: tuple[Clause, ...], body: Callable[[], list[ast.stmt]]) -> list[ast.stmt]:
        """Make the loops and conditions of `clauses` around what `body` makes."""
        if not clauses:
            return body()
        first, rest = clauses[0], clauses[1:]
        if isinstance(first, Guard):
            return [when(self.arithmetic.condition(first.condition), self.within(rest, body))]
        return [self.loop(first, lambda: self.within(rest, body))]

    def tile(self, access: Access) -> ast.expr:
        """Make a tile; the name of its matrix comes from outside."""
        matrix = self.matrices.setdefault(access.matrix, f"m{len(self.matrices)}")
        index = pack([self.arithmetic.index(part) for part in access.index])
        return invoke("new", load("Tile"), pack([load(matrix), index]))

    def reads(self, value: Argument) -> list[ast.stmt]:
        """Statements that enter each tile read as a key of ``found``."""
        match value:
            case Access():
                place = ast.Subscript(load("found"), self.tile(value), ast.Store(), lineno=1, col_offset=0)
                return [ast.Assign([place], constant(None), lineno=1, col_offset=0)]
            case Choice(condition, then, otherwise):
                return [
                    when(self.arithmetic.condition(condition), self.reads(then) or [empty()], self.reads(otherwise))
                ]
            case Call(arguments=arguments):
                return [made for argument in arguments for made in self.reads(argument)]
            case TileArithmetic(_, left, right):
                return self.reads(left) + self.reads(right)
            case Scaled(_, operand) | Minus(operand) | Flipped(_, operand):
                return self.reads(operand)
            case Sum(term, clauses):
                return self.within(clauses, lambda: self.reads(term) or [empty()])
            case Listing(items, clauses):
                return self.within(clauses, lambda: [made for item in items for made in self.reads(item)] or [empty()])

    def write(self, target: Target) -> list[ast.stmt]:
        """Statements that pass each tile written to ``found``."""
        return self.within(target.clauses, lambda: [statement(invoke("found", self.tile(target.access)))])

    def make(self, arguments: Sequence[str], body: list[ast.stmt]) -> Maker:
        """Compile the function."""
        names = {**self.ticks, **{made: matrix for matrix, made in self.matrices.items()}}
        return codegen.make(self.outer, function("f", arguments, body), names)


def empty() -> ast.stmt:
    """Make a ``pass``."""
    return ast.Pass(lineno=1, col_offset=0)


def tiles_read(sizes: Sequence[str], kind: Kind, tick: Callable[[Loop], None] | None = None) -> Maker:
    """Compile ``f(*values, found)``, which enters the tiles that a task reads into the dict `found`."""
    writer = Writer(sizes, tick)
    arguments = [writer.variable(loop.variable) for loop in kind.loops]
    return writer.make([*arguments, "found"], writer.reads(kind.value) or [empty()])


def tiles_written(sizes: Sequence[str], kind: Kind, tick: Callable[[Loop], None] | None = None) -> Maker:
    """Compile ``f(*values, found)``, which passes the tiles that a task writes to `found`."""
    writer = Writer(sizes, tick)
    arguments = [writer.variable(loop.variable) for loop in kind.loops]
    body = [made for target in kind.targets for made in writer.write(target)]
    return writer.make([*arguments, "found"], body)


def tasks(sizes: Sequence[str], body: tuple[Statement, ...], tick: Callable[[Loop], None] | None = None) -> Maker:
    """Compile the generator ``f()`` of all tasks in program order."""
    writer = Writer(sizes, tick)
    numbers = 0

    def block(statements: tuple[Statement, ...], around: tuple[str, ...]) -> list[ast.stmt]:
        nonlocal numbers
        made: list[ast.stmt] = []
        for inner in statements:
            match inner:
                case Assign():
                    values = pack([load(writer.arithmetic.names[name]) for name in around])
                    task = invoke("new", load("Task"), pack([constant(numbers), values]))
                    made.append(statement(ast.Yield(task, lineno=1, col_offset=0)))
                    numbers += 1
                case For(loop, within):
                    path = (*around, loop.variable)
                    made.append(writer.loop(loop, lambda within=within, path=path: block(within, path)))  # type: ignore[misc]
                case If(condition, within, orelse):
                    test = writer.arithmetic.condition(condition)
                    made.append(when(test, block(within, around), block(orelse, around) if orelse else []))
        return made or [empty()]

    found = block(body, ())
    if not numbers:
        # Without a yield it would be no generator.
        found = [when(constant(0), [statement(ast.Yield(constant(None), lineno=1, col_offset=0))])]
    return writer.make([], found)
