"""Compiled answers to who reads and who writes what.

For each access of a program a plan of `solver` becomes a plain Python function: given the indices of a tile it solves
or enumerates the loop variables of the tasks that make this access. Functions are compiled when first asked for, once
a program; sizes are bound to them afterwards, so they serve any size. `reference` defines the answers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpywren.lambdapack import codegen
from numpywren.lambdapack.codegen import (
    Arithmetic,
    assign,
    constant,
    function,
    give,
    invoke,
    load,
    pack,
    statement,
    when,
)
from numpywren.lambdapack.ir import (
    Access,
    Clause,
    Guard,
    Index,
    Int,
    Junction,
    Kind,
    Loop,
    Matrix,
    Name,
)
from numpywren.lambdapack.lower import negated, occurrences
from numpywren.lambdapack.solver import (
    AtLeast,
    Check,
    Constraint,
    Enumerate,
    Equal,
    Holds,
    Plan,
    Solve,
    Step,
    add,
    condition_constraints,
    constraints,
    is_positive,
    plan,
    split,
    subtract,
)

__all__ = ["Dependencies", "Scan"]

Maker = Callable[..., Callable[..., Any]]


class Scan(NamedTuple):
    """A compiled search.

    Attributes
    ----------
    make : callable
        Takes the sizes and returns the search.
    ordered : bool
        Whether it finds tasks in program order.
    """

    make: Maker
    ordered: bool


class Dependencies:
    """Compiled functions of one program.

    Parameters
    ----------
    sizes : tuple of str
        Sizes of the program.
    matrices : tuple of Matrix
        Matrices of the program.
    kinds : tuple of Kind
        Kinds of task of the program.
    """

    def __init__(self, sizes: tuple[str, ...], matrices: tuple[Matrix, ...], kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self.inputs = {matrix.name for matrix in matrices if matrix.role == "input"}
        self.size_names = {name: f"s{at}" for at, name in enumerate(sizes)}
        self.outer = tuple(self.size_names.values())
        self.cache: dict[tuple[str, str | int], Any] = {}

    def cached(self, what: str, which: str | int, build: Callable[[], Any]) -> Any:
        """Build something when first asked for it."""
        key = (what, which)
        if key not in self.cache:  # built twice by two threads at worst, to the same effect
            self.cache[key] = build()
        return self.cache[key]

    def readers(self, matrix: str) -> tuple[Scan, ...]:
        """Searches ``f(*index, found, first)`` that pass keyed readers of a tile to `found`; one if `first`."""
        return self.cached("readers", matrix, lambda: self._scans(self._read_accesses(), matrix, self._collect))  # type: ignore[no-any-return]

    def writer(self, matrix: str) -> tuple[Scan, ...]:
        """Searches ``f(*index)`` that return the writer of a tile, or None."""
        return self.cached("writer", matrix, lambda: self._scans(self._write_accesses(), matrix, self._return))  # type: ignore[no-any-return]

    def roots(self, kind: int) -> Scan | None:
        """Generator ``f()`` of keyed tasks of a kind that may read only inputs; None if there are none."""
        return self.cached("roots", kind, lambda: self._root_scan(self.kinds[kind]))  # type: ignore[no-any-return]

    def count(self, kind: int) -> Maker:
        """Count ``f()`` of the tasks of a kind."""
        return self.cached("count", kind, lambda: self._counter(self.kinds[kind]))  # type: ignore[no-any-return]

    def _read_accesses(self) -> list[tuple[Kind, Access, tuple[Clause, ...]]]:
        return [(kind, access, inner) for kind in self.kinds for access, inner in occurrences(kind.value)]

    def _write_accesses(self) -> list[tuple[Kind, Access, tuple[Clause, ...]]]:
        return [(kind, target.access, target.clauses) for kind in self.kinds for target in kind.targets]

    def _scans(
        self,
        accesses: Sequence[tuple[Kind, Access, tuple[Clause, ...]]],
        matrix: str,
        leaf: Callable[[Kind, dict[str, str]], tuple[list[str], list[ast.stmt]]],
    ) -> tuple[Scan, ...]:
        """Compile one search for each distinct access to a matrix."""
        made: list[Scan] = []
        seen: set[tuple[int, tuple[Index, ...], tuple[Clause, ...]]] = set()
        for kind, access, inner in accesses:
            if access.matrix != matrix or (kind.number, access.index, inner) in seen:
                continue
            seen.add((kind.number, access.index, inner))
            targets = [f"t{at}" for at in range(len(access.index))]
            # A name with a blank cannot be one of the program's.
            equations = [(index, Name(f"tile {at}")) for at, index in enumerate(access.index)]
            loops = [clause for clause in (*kind.path, *inner) if isinstance(clause, Loop)]
            found = plan(loops, constraints((*kind.path, *inner), equations), len(kind.loops))
            if found is None:
                continue
            names = self._names(loops) | {f"tile {at}": target for at, target in enumerate(targets)}
            more, body = leaf(kind, names)
            search = function("f", targets + more, emit(found, Arithmetic(names, total=True), body))
            made.append(Scan(codegen.make(self.outer, search, {}), found.ordered))
        return tuple(made)

    def _names(self, loops: Sequence[Loop]) -> dict[str, str]:
        return self.size_names | {loop.variable: f"v{at}" for at, loop in enumerate(loops)}

    def _collect(self, kind: Kind, names: dict[str, str]) -> tuple[list[str], list[ast.stmt]]:
        """Leaf of a search for readers."""
        return ["found", "first"], [
            statement(ast.Call(load("found"), [keyed(kind, names)], [], lineno=1, col_offset=0)),
            when(load("first"), [give(None)]),
        ]

    def _return(self, kind: Kind, names: dict[str, str]) -> tuple[list[str], list[ast.stmt]]:
        """Leaf of a search for the writer."""
        return [], [give(task(kind, names))]

    def _root_scan(self, kind: Kind) -> Scan | None:
        """Search with the conditions under which nothing but inputs is read."""
        wanted = constraints(kind.path)
        for access, inner in occurrences(kind.value):
            if access.matrix not in self.inputs:
                wanted.extend(unread(inner))
        found = plan(kind.loops, wanted)
        if found is None:
            return None
        names = self._names(kind.loops)
        body = [statement(ast.Yield(keyed(kind, names), lineno=1, col_offset=0))]
        search = function("f", [], emit(found, Arithmetic(names, total=True), body) or [give(None)])
        return Scan(codegen.make(self.outer, search, {}), found.ordered)

    def _counter(self, kind: Kind) -> Maker:
        found = plan(kind.loops, constraints(kind.path))
        names = self._names(kind.loops)
        body = [assign("total", constant(0))]
        if found is not None:
            body += count(found.steps, Arithmetic(names, total=True))
        return codegen.make(self.outer, function("f", [], [*body, give(load("total"))]), {})


def task(kind: Kind, names: dict[str, str]) -> ast.expr:
    """Make a task from its loop variables."""
    values = pack([load(names[loop.variable]) for loop in kind.loops])
    return invoke("new", load("Task"), pack([constant(kind.number), values]))


def keyed(kind: Kind, names: dict[str, str]) -> ast.expr:
    """Make a tuple that sorts in program order, with the task as its last item."""
    parts: list[ast.expr] = []
    for position, loop in zip(kind.positions, kind.loops, strict=False):
        value = load(names[loop.variable])
        if loop.descending:
            value = ast.UnaryOp(ast.USub(), value, lineno=1, col_offset=0)
        parts += [constant(position), value]
    return pack([*parts, constant(kind.positions[-1]), task(kind, names)])


def unread(inner: tuple[Clause, ...]) -> list[Constraint]:
    """Constraints, necessary if not sufficient, under which an access behind these clauses is not made."""
    match inner:
        case ():
            return [AtLeast(Int(-1))]
        case (Guard(condition),):
            return list(condition_constraints(negated(condition)))
        case (Loop(_, start, stop, Int(step)),):
            return [AtLeast(subtract(start, stop) if step > 0 else subtract(stop, start))]
    if all(isinstance(clause, Guard) for clause in inner):
        return [
            Holds(Junction("or", tuple(negated(clause.condition) for clause in inner if isinstance(clause, Guard))))
        ]
    return []


def emit(found: Plan, arithmetic: Arithmetic, leaf: list[ast.stmt]) -> list[ast.stmt]:
    """Statements that carry out a plan around `leaf`."""
    body = leaf
    for step in reversed(found.steps):
        body = around(step, arithmetic, body)
    return body


def around(step: Step, arithmetic: Arithmetic, body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements that carry out one step around `body`."""
    match step:
        case Check(constraints=wanted):
            return [when(arithmetic.junction([test(constraint, arithmetic) for constraint in wanted]), body)]
        case Solve(variable, numerator, Int(1)):
            return [assign(arithmetic.names[variable], arithmetic.index(numerator)), *body]
        case Solve(variable, numerator, denominator):
            name = arithmetic.names[variable]
            up, down = arithmetic.index(numerator), arithmetic.index(denominator)
            divides = ast.Compare(
                invoke("total_modulo", load(name), down), [ast.Eq()], [constant(0)], lineno=1, col_offset=0
            )
            quotient = assign(name, invoke("total_divide", load(name), arithmetic.index(denominator)))
            return [assign(name, up), when(divides, [quotient, *body])]
        case Enumerate():
            before, start, stop, stride = bounds(step, arithmetic)
            return [*before, codegen.loop(arithmetic.names[step.variable], start, stop, stride, body)]
    raise AssertionError(step)


def test(constraint: Constraint, arithmetic: Arithmetic) -> ast.expr:
    """Expression that is true where a constraint holds."""
    match constraint:
        case Equal(zero):
            return comparison(zero, "==", arithmetic)
        case AtLeast(natural):
            return comparison(natural, ">=", arithmetic)
        case Holds(condition):
            return arithmetic.condition(condition)
    offset = arithmetic.index(subtract(Name(constraint.variable), constraint.origin))
    rest = invoke("total_modulo", offset, arithmetic.index(constraint.step))
    return ast.Compare(rest, [ast.Eq()], [constant(0)], lineno=1, col_offset=0)


def comparison(index: Index, op: str, arithmetic: Arithmetic) -> ast.expr:
    """Compare an expression with 0; a difference is compared part by part, which is one operation less."""
    from_difference = getattr(index, "op", None) == "-"
    if from_difference:
        return arithmetic.compare(index.left, op, index.right)  # type: ignore[union-attr]
    return arithmetic.compare(index, op, Int(0))


def extreme(which: str, operands: tuple[Index, ...], arithmetic: Arithmetic) -> ast.expr:
    """The largest or smallest of one or more."""
    if len(operands) == 1:
        return arithmetic.index(operands[0])
    return invoke(which, *map(arithmetic.index, operands))


def bounds(step: Enumerate, arithmetic: Arithmetic) -> tuple[list[ast.stmt], ast.expr, ast.expr, ast.expr | None]:
    """Preparation, start, stop and step of the range that enumerates a variable."""
    first, last = (step.uppers, step.lowers) if step.descending else (step.lowers, step.uppers)
    nearest, farthest = ("min", "max") if step.descending else ("max", "min")
    if len(last) == 1:
        stop = arithmetic.index(add(last[0], Int(-1 if step.descending else 1)))
    else:
        off: ast.operator = ast.Sub() if step.descending else ast.Add()
        stop = ast.BinOp(extreme(farthest, last, arithmetic), off, constant(1), lineno=1, col_offset=0)
    start = extreme(nearest, first, arithmetic)
    if step.origin is None:
        return [], start, stop, constant(-1) if step.descending else None
    width = "w" + arithmetic.names[step.variable]
    size = arithmetic.index(step.step)
    before = [
        assign(
            width, size if is_positive(step.step) and isinstance(step.step, Int) else invoke("max", size, constant(1))
        )
    ]
    if first != (step.origin,):
        # The first value at or past the bound that is a whole number of steps from the origin: by floor division.
        origin = arithmetic.index(step.origin)
        gap = ast.BinOp(arithmetic.index(step.origin), ast.Sub(), start, lineno=1, col_offset=0)
        sign: ast.operator = ast.Sub()
        if step.descending:
            gap = ast.BinOp(start, ast.Sub(), arithmetic.index(step.origin), lineno=1, col_offset=0)
            sign = ast.Add()
        whole = ast.BinOp(gap, ast.FloorDiv(), load(width), lineno=1, col_offset=0)
        length = ast.BinOp(whole, ast.Mult(), load(width), lineno=1, col_offset=0)
        start = ast.BinOp(origin, sign, length, lineno=1, col_offset=0)
    stride = load(width)
    if step.descending:
        stride = ast.UnaryOp(ast.USub(), stride, lineno=1, col_offset=0)
    return before, start, stop, stride


def count(steps: tuple[Step, ...], arithmetic: Arithmetic) -> list[ast.stmt]:
    """Statements that add the number of bindings to ``total``, with the innermost loops summed in closed form."""
    match steps:
        case ():
            return [increase(constant(1))]
        case (Enumerate(origin=None) as outer, Enumerate(origin=None, lowers=(low,), uppers=(high,))):
            length = split(add(subtract(high, low), Int(1)), outer.variable)
            if length is not None and isinstance(length[0], Int):
                least = extreme("max", outer.lowers, arithmetic)
                most = extreme("min", outer.uppers, arithmetic)
                return [increase(invoke("series", least, most, constant(length[0].value), arithmetic.index(length[1])))]
        case (Enumerate() as only,):
            return length_of(only, arithmetic)
    return around(steps[0], arithmetic, count(steps[1:], arithmetic))


def increase(by: ast.expr) -> ast.stmt:
    """Add to ``total``."""
    return assign("total", ast.BinOp(load("total"), ast.Add(), by, lineno=1, col_offset=0))


def length_of(step: Enumerate, arithmetic: Arithmetic) -> list[ast.stmt]:
    """Add the length of one enumeration to ``total``."""
    before, start, stop, stride = bounds(step, arithmetic)
    arguments = [start, stop] if stride is None else [start, stop, stride]
    return [*before, increase(invoke("len", invoke("range", *arguments)))]
