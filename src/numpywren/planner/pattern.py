"""Where the tiles are that tasks read and write, compiled: patches at equal distances, for tasks along some axes.

Most index expressions are sums of multiples of variables. So the tiles that a task touches at one place of the text,
and those that its neighbours along a loop touch, are at equal distances in an array of tiles, and a first place,
lengths and distances describe them all. One compiled function of a kind tells these numbers for all of its places.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from numpywren.lambdapack import Kernel
from numpywren.lambdapack.codegen import Arithmetic, constant, function, give, invoke, make, pack
from numpywren.lambdapack.ir import Access, Choice, Clause, Guard, Index, Int, Kind, Loop, Name
from numpywren.lambdapack.lower import occurrences, parts
from numpywren.lambdapack.solver import add, condition_names, multiply, names, split
from numpywren.planner.cost import varying_options
from numpywren.planner.times import Spread

__all__ = ["Patch", "Pattern", "Place", "Spreads", "pattern", "stubborn"]

#: Bytes of an entry of the arrays of times, and of that of shapes.
TIME_BYTES, FORM_BYTES = 8, 4

Uses = list[tuple[Access, tuple[Clause, ...]]]


class Spreads(NamedTuple):
    """How the tiles of a matrix lie in arrays: in those of times, and in that of shapes, if they have several."""

    times: Spread
    forms: Spread | None


class Place(NamedTuple):
    """A place of the text at which tiles are read or written.

    Attributes
    ----------
    matrix : str
    moving : tuple of bool
        For each loop inside a task, outermost first, whether the tile depends on its variable.
    shared : bool
        Whether tiles of the matrix are read at other places too.
    """

    matrix: str
    moving: tuple[bool, ...]
    shared: bool


class Patch(NamedTuple):
    """Tiles that some tasks read or write at one place. Distances, and the first places, are in bytes.

    Attributes
    ----------
    there : bool
        Whether the conditions around it hold.
    counts : tuple of int
        Rounds of the loops inside a task.
    at, inner, across : int, tuple of int, tuple of int
        Where the first tile is in arrays of times, and how far it is to the next along loops and along axes.
    form_at, form_inner, form_across : int, tuple of int, tuple of int
        The same in an array of shapes.
    sides : tuple of tuple
        Where other places read tiles of the matrix, for each index: the first value, the difference from round to round
        of the one loop that moves it, the number of that loop or -1, or -2 for several, and differences along axes.
    """

    there: bool
    counts: tuple[int, ...]
    at: int
    inner: tuple[int, ...]
    across: tuple[int, ...]
    form_at: int
    form_inner: tuple[int, ...]
    form_across: tuple[int, ...]
    sides: tuple[tuple[int, int, int, tuple[int, ...]], ...]


class Pattern(NamedTuple):
    """What is touched by tasks of one kind along some axes.

    Attributes
    ----------
    fixed : tuple of str
        Loop variables that are the same for all of the tasks.
    reads, writes : tuple of Place
        In the order of the text.
    find : callable
        Given the fixed variables, then beginnings and steps of the axes: for reads, for writes, the fields of a `Patch`
        each; and for each choice in the expression whether its condition holds.
    """

    fixed: tuple[str, ...]
    reads: tuple[Place, ...]
    writes: tuple[Place, ...]
    find: Callable[..., tuple[Any, Any, Any]]


def stubborn(kind: Kind, kernels: Mapping[str, Kernel]) -> frozenset[str] | None:
    """Loop variables that must have one value for tasks to lie at equal distances; None if that is not enough."""
    loops = {loop.variable for loop in kind.loops}
    free = set(loops)
    uses = _uses(kind)
    for index in varying_options(kind, kernels):
        found = names(index)
        if any(found & _inside(clauses) for _, clauses in uses):
            return None
        free -= found
    for part in parts(kind.value):
        if isinstance(part, Choice):
            free -= condition_names(part.condition)
    for _, clauses in uses:
        inside = _inside(clauses)
        for clause in clauses:
            found = _names(clause)
            if found & inside:
                return None
            free -= found
    for access, clauses in uses:
        inside = _inside(clauses)
        for index in access.index:
            if affine(index, free | inside) is None:
                free -= names(index)
    for access, clauses in uses:
        if any(affine(index, free | _inside(clauses)) is None for index in access.index):
            return None
    return frozenset(loops - free)


def pattern(kind: Kind, sizes: Mapping[str, int], axes: Sequence[str], spreads: Mapping[str, Spreads]) -> Pattern:
    """Compile a pattern for tasks along axes, none of which is `stubborn`."""
    outer = {name: f"s{place}" for place, name in enumerate(sizes)}
    fixed = tuple(loop.variable for loop in kind.loops if loop.variable not in axes)
    arguments = {name: f"v{place}" for place, name in enumerate(fixed)}
    arguments |= {_first(name): f"a{place}" for place, name in enumerate(axes)}
    arguments |= {_step(name): f"d{place}" for place, name in enumerate(axes)}
    arithmetic = Arithmetic({**outer, **arguments}, total=True)
    reads = list(occurrences(kind.value))
    writes: Uses = [(target.access, target.clauses) for target in kind.targets]
    often = [access.matrix for access, _ in reads]
    compiled, places = [], []
    for uses, several in ((reads, True), (writes, False)):
        shared = [several and often.count(access.matrix) > 1 for access, _ in uses]
        compiler = _Compiler(arithmetic, axes, spreads)
        compiled.append(pack([compiler.patch(*use, sides=each) for use, each in zip(uses, shared, strict=True)]))
        places.append(tuple(_place(*use, each) for use, each in zip(uses, shared, strict=True)))
    choices = [arithmetic.condition(part.condition) for part in parts(kind.value) if isinstance(part, Choice)]
    body = give(pack([*compiled, pack(choices)]))
    made = make(tuple(outer.values()), function("f", tuple(arguments.values()), [body]), {})
    return Pattern(fixed, places[0], places[1], made(*sizes.values()))


def _uses(kind: Kind) -> Uses:
    return [*occurrences(kind.value), *((target.access, target.clauses) for target in kind.targets)]


def _inside(clauses: tuple[Clause, ...]) -> set[str]:
    return {clause.variable for clause in clauses if isinstance(clause, Loop)}


def _names(clause: Clause) -> frozenset[str]:
    if isinstance(clause, Guard):
        return condition_names(clause.condition)
    return names(clause.start) | names(clause.stop) | names(clause.step)


def _first(axis: str) -> str:
    return f"{axis} first"


def _step(axis: str) -> str:
    return f"{axis} step"


def _place(access: Access, clauses: tuple[Clause, ...], shared: bool) -> Place:
    found: frozenset[str] = frozenset().union(*map(names, access.index))
    return Place(
        access.matrix, tuple(clause.variable in found for clause in clauses if isinstance(clause, Loop)), shared
    )


class Affine(NamedTuple):
    """An index expression: a sum of variables, each times a factor, and a rest, none of which has them in it."""

    rest: Index
    factors: Mapping[str, Index]


def affine(index: Index, variables: AbstractSet[str]) -> Affine | None:
    """Take an index expression apart; None where it is no such sum."""
    factors = {}
    for variable in names(index) & variables:
        found = split(index, variable)
        if found is None or names(found[0]) & variables:
            return None
        factors[variable], index = found
    return Affine(index, factors)


class _Compiler:
    """Makes the tree of an expression that tells the fields of a `Patch`."""

    def __init__(self, arithmetic: Arithmetic, axes: Sequence[str], spreads: Mapping[str, Spreads]) -> None:
        self._arithmetic, self._axes, self._spreads = arithmetic, axes, spreads

    def patch(self, access: Access, clauses: tuple[Clause, ...], *, sides: bool) -> ast.expr:
        loops = [clause for clause in clauses if isinstance(clause, Loop)]
        guards = [self._arithmetic.condition(clause.condition) for clause in clauses if isinstance(clause, Guard)]
        variables: AbstractSet[str] = {*self._axes, *(loop.variable for loop in loops)}
        indices = [found for index in access.index if (found := affine(index, variables)) is not None]
        assert len(indices) == len(access.index)
        spread = self._spreads[access.matrix]
        return pack(
            [
                self._arithmetic.junction(guards) if guards else constant(True),
                pack([self._count(loop) for loop in loops]),
                *self._where(indices, loops, spread.times, TIME_BYTES),
                *self._where(indices, loops, spread.forms, FORM_BYTES),
                pack([self._side(each, loops) for each in indices] if sides else []),
            ]
        )

    def _count(self, loop: Loop) -> ast.expr:
        index = self._arithmetic.index
        step: ast.expr = index(loop.step)
        if not (isinstance(loop.step, Int) and loop.step.value):
            step = ast.BoolOp(ast.Or(), [step, constant(1)], lineno=1, col_offset=0)
        return invoke("len", invoke("range", index(loop.start), index(loop.stop), step))

    def _where(
        self, indices: Sequence[Affine], loops: Sequence[Loop], spread: Spread | None, itemsize: int
    ) -> list[ast.expr]:
        """The first place, and distances along loops and along axes."""
        if spread is None:
            return [constant(0), pack([constant(0)] * len(loops)), pack([constant(0)] * len(self._axes))]
        first: Index = Int(0)
        factors: dict[str, Index] = {}
        for index, low, stride in zip(indices, spread.low, spread.strides, strict=True):
            if stride:
                first = add(first, multiply(add(index.rest, Int(-low)), Int(stride * itemsize)))
                for name, factor in index.factors.items():
                    factors[name] = add(factors.get(name, Int(0)), multiply(factor, Int(stride * itemsize)))
        first, inner, across = self._moved(Affine(first, factors), loops)
        return [self._arithmetic.index(first), self._pack(inner), self._pack(across)]

    def _moved(self, index: Affine, loops: Sequence[Loop]) -> tuple[Index, list[Index], list[Index]]:
        """The value where all loops and axes begin, and how much it grows along each."""
        first, steps = index.rest, []
        ways = [(loop.variable, loop.start, loop.step) for loop in loops]
        ways += [(axis, Name(_first(axis)), Name(_step(axis))) for axis in self._axes]
        for name, start, step in ways:
            factor = index.factors.get(name, Int(0))
            first = add(first, multiply(factor, start))
            steps.append(multiply(factor, step))
        return first, steps[: len(loops)], steps[len(loops) :]

    def _side(self, index: Affine, loops: Sequence[Loop]) -> ast.expr:
        first, inner, across = self._moved(index, loops)
        moving = [number for number, each in enumerate(inner) if each != Int(0)]
        number = -2 if len(moving) > 1 else moving[0] if moving else -1
        step = inner[number] if number >= 0 else Int(0)
        return pack([*map(self._arithmetic.index, (first, step)), constant(number), self._pack(across)])

    def _pack(self, indices: Sequence[Index]) -> ast.expr:
        return pack([self._arithmetic.index(index) for index in indices])
