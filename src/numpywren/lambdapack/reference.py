"""The definition of what a program means: run its loops, and look at every task.

Slow on purpose. `dependencies` answers the same questions without visiting every task, and is tested against this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from numpywren.lambdapack.evaluate import bindings, holds, span_of, tile_at
from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Assign,
    Call,
    Choice,
    Flipped,
    For,
    If,
    Kind,
    Listing,
    Matrix,
    Minus,
    Scaled,
    Statement,
    Sum,
)
from numpywren.lambdapack.lower import kinds
from numpywren.lambdapack.tile import Task, Tile

__all__ = ["Reference"]


@dataclass(frozen=True)
class Reference:
    """A program's statements with sizes bound, every task at hand.

    Parameters
    ----------
    body : tuple of Statement
        The statements.
    matrices : tuple of Matrix
        The matrices.
    sizes : mapping of str to int
        Every size.
    """

    body: tuple[Statement, ...]
    matrices: tuple[Matrix, ...]
    sizes: Mapping[str, int]

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of task."""
        return kinds(self.body)

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Every task, in the order in which running the text would come to it."""
        numbers = iter(range(len(self.kinds)))

        def numbered(block: tuple[Statement, ...]) -> list[tuple[Statement, object]]:
            """Statements with the numbers of their kinds."""
            made: list[tuple[Statement, object]] = []
            for statement in block:
                match statement:
                    case Assign():
                        made.append((statement, next(numbers)))
                    case For():
                        made.append((statement, numbered(statement.body)))
                    case If():
                        made.append((statement, (numbered(statement.body), numbered(statement.orelse))))
            return made

        def run(block: object, environment: dict[str, int], values: tuple[int, ...]) -> Iterator[Task]:
            assert isinstance(block, list)
            for statement, inner in block:
                match statement:
                    case Assign():
                        yield Task(inner, values)
                    case For(loop, _):
                        for value in span_of(loop, environment):
                            yield from run(inner, {**environment, loop.variable: value}, (*values, value))
                    case If(condition):
                        yield from run(inner[0 if holds(condition, environment) else 1], environment, values)

        return tuple(run(numbered(self.body), dict(self.sizes), ()))

    def environment(self, task: Task) -> dict[str, int]:
        """Sizes and loop variables of a task."""
        loops = self.kinds[task.kind].loops
        return {**self.sizes, **{loop.variable: value for loop, value in zip(loops, task.values, strict=True)}}

    def reads(self, task: Task) -> tuple[Tile, ...]:
        """Distinct tiles that a task reads, in the order of evaluation."""
        found: dict[Tile, None] = {}
        around = self.environment(task)
        for access, environment in accesses(self.kinds[task.kind].value, around):
            found[tile_at(access, environment)] = None
        return tuple(found)

    def writes(self, task: Task) -> tuple[Tile, ...]:
        """Tiles that a task writes, in the order of its targets."""
        around = self.environment(task)
        return tuple(
            tile_at(target.access, environment)
            for target in self.kinds[task.kind].targets
            for environment in bindings(target.clauses, around)
        )

    def readers(self, tile: Tile) -> tuple[Task, ...]:
        """Tasks that read a tile, in program order."""
        return tuple(task for task in self.tasks if tile in self.reads(task))

    def writer(self, tile: Tile) -> Task | None:
        """The task that writes a tile."""
        return next((task for task in self.tasks if tile in self.writes(task)), None)

    def needs(self, task: Task) -> int:
        """How many of the tiles that a task reads come from other tasks."""
        inputs = {matrix.name for matrix in self.matrices if matrix.role == "input"}
        return sum(tile.matrix not in inputs for tile in self.reads(task))

    def roots(self) -> tuple[Task, ...]:
        """Tasks that wait for nothing, in program order."""
        return tuple(task for task in self.tasks if not self.needs(task))


def accesses(value: Argument, environment: dict[str, int]) -> Iterator[tuple[Access, dict[str, int]]]:
    """Every access in an expression with the variables that it is made with, in the order of evaluation."""
    match value:
        case Access():
            yield value, environment
        case Choice(condition, then, otherwise):
            yield from accesses(then if holds(condition, environment) else otherwise, environment)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from accesses(argument, environment)
        case Arithmetic(_, left, right):
            yield from accesses(left, environment)
            yield from accesses(right, environment)
        case Scaled(_, operand) | Minus(operand) | Flipped(_, operand):
            yield from accesses(operand, environment)
        case Sum(term, clauses):
            for inner in bindings(clauses, environment):
                yield from accesses(term, inner)
        case Listing(items, clauses):
            for inner in bindings(clauses, environment):
                for item in items:
                    yield from accesses(item, inner)
