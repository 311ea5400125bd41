"""What a task of one kind costs, compiled: as `Coster` counts it, from the shapes of what it reads and nothing else.

An expression becomes functions that call one another. Where a task reads tiles at several rounds of a loop, rounds in
which all shapes are the same are counted together.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from numpywren.lambdapack import Kernel
from numpywren.lambdapack.evaluate import number
from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Call,
    Choice,
    Flipped,
    Kind,
    Listing,
    Minus,
    Option,
    Scaled,
    Sum,
    TileExpression,
)
from numpywren.lambdapack.lower import parts
from numpywren.planner.cost import Shape, Work, deciding_names

__all__ = ["Formula", "Inside", "formula"]

#: Numbers of the shapes of the tiles that a task reads at one place, in the order of its loops: some, how often over.
Inside: TypeAlias = tuple[Sequence[int], int]
Shapes: TypeAlias = "tuple[Shape, ...] | None"
ShapeOf: TypeAlias = Callable[[str, int], Shape]


class Task:
    """What is known of one task while its cost is counted.

    Parameters
    ----------
    inside : sequence of Inside or None
        For each place at which tiles are read, in the order of the text; None where nothing is.
    choices : sequence of bool
        Whether the condition of each choice holds, in the order of the text.
    around : mapping of str to int
        Sizes and loop variables.
    target : tuple of int, optional
        Shape of the first result where the grid gives it, for an empty sum.
    shape_of : callable
        Tells shapes by their numbers.
    counted : bool
        Whether the work of kernels is of interest, not the shapes of results alone.
    """

    __slots__ = ("around", "choices", "counted", "form", "inside", "shape_of", "target", "work")

    def __init__(
        self,
        inside: Sequence[Inside | None],
        choices: Sequence[bool],
        around: Mapping[str, int],
        target: Shape | None,
        shape_of: ShapeOf,
        *,
        counted: bool,
    ) -> None:
        self.inside, self.choices, self.around, self.target = inside, choices, around, target
        self.shape_of, self.counted = shape_of, counted
        self.form = [0 if each is None else each[0][0] for each in inside]
        self.work = Work()


Part: TypeAlias = Callable[[Task, int], Shapes]
Listed: TypeAlias = Callable[[Task, int], Any]


class Formula:
    """The cost of tasks of one kind, made by `formula`."""

    def __init__(self, whole: Part) -> None:
        self._whole = whole

    def cost(self, task: Task) -> tuple[Work, tuple[Shape, ...]]:
        """Floating point operations on real numbers, and the shapes of the results."""
        found = self._whole(task, 1)
        return task.work, (task.target or (),) if found is None else found


def formula(kind: Kind, kernels: Mapping[str, Kernel], scalars: Mapping[str, Any]) -> Formula | None:
    """Compile what tasks of a kind cost; None where there are loops inside of loops."""
    compiler = _Compiler(kernels, scalars)
    try:
        return Formula(compiler.part(kind.value, looped=False))
    except _NestedLoopsError:
        return None


class _NestedLoopsError(Exception):
    """Rounds of a loop inside a loop are not told apart by what is read."""


class _Compiler:
    """Compiles one expression, counting places and choices in the order of the text."""

    def __init__(self, kernels: Mapping[str, Kernel], scalars: Mapping[str, Any]) -> None:
        self._kernels, self._scalars = kernels, scalars
        #: Numbers of the next place, and of the next choice.
        self._place = self._choice = 0

    def part(self, value: TileExpression, *, looped: bool) -> Part:
        match value:
            case Access(matrix=matrix):
                self._place += 1
                return _read(matrix, self._place - 1)
            case Choice(_, then, otherwise):
                self._choice += 1
                which = self._choice - 1
                return _chosen(which, self.part(then, looped=looped), self.part(otherwise, looped=looped))
            case Flipped(_, operand):
                return _flipped(self.part(operand, looped=looped))
            case Scaled(_, operand) | Minus(operand):
                return _elementwise(self.part(operand, looped=looped))
            case Arithmetic("@", left, right):
                return _product(self.part(left, looped=looped), self.part(right, looped=looped))
            case Arithmetic(op, left, right):
                one = self.part(left, looped=looped)
                at = self._choice
                return _joined(op, one, self.part(right, looped=looped), _adds(right, at))
            case Sum(term, _):
                return self._summed(term, looped=looped)
            case Call():
                return self._called(value, looped=looped)

    def _summed(self, term: TileExpression, *, looped: bool) -> Part:
        if looped:
            raise _NestedLoopsError
        adds = _adds(term, self._choice)
        first = self._place
        made = self.part(term, looped=True)
        return _summed(made, adds, range(first, self._place))

    def _called(self, call: Call, *, looped: bool) -> Part:
        kernel = self._kernels[call.kernel]
        arguments = [self._argument(argument, looped=looped) for argument in call.arguments]
        return _called(kernel, arguments, _options(call.options, kernel, self._scalars))

    def _argument(self, value: Argument, *, looped: bool) -> Listed:
        if not isinstance(value, Listing):
            return _alone(self.part(value, looped=looped))
        if not value.clauses:
            return _list([_single(self.part(item, looped=looped)) for item in value.items])
        if looped:
            raise _NestedLoopsError
        return _list([self._listed(item) for item in value.items])

    def _listed(self, item: TileExpression) -> Listed:
        """Shapes of one item of a list, in each round of its loops."""
        if isinstance(item, Access):
            self._place += 1
            return _tiles(item.matrix, self._place - 1)
        if isinstance(item, Choice):
            self._choice += 1
            which = self._choice - 1
            then, otherwise = self._listed(item.then), self._listed(item.otherwise)
            return lambda task, times: (then if task.choices[which] else otherwise)(task, times)
        first = self._place
        made = self.part(item, looped=True)
        return _rows(made, range(first, self._place))


def _read(matrix: str, place: int) -> Part:
    return lambda task, times: (task.shape_of(matrix, task.form[place]),)


def _chosen(which: int, then: Part, otherwise: Part) -> Part:
    return lambda task, times: (then if task.choices[which] else otherwise)(task, times)


def _flipped(operand: Part) -> Part:
    def visit(task: Task, times: int) -> Shapes:
        found = operand(task, times)
        return None if found is None else (found[0][::-1],)

    return visit


def _elementwise(operand: Part) -> Part:
    def visit(task: Task, times: int) -> Shapes:
        found = operand(task, times)
        if found is not None:
            task.work.add("axpy", float(times * math.prod(found[0])))
        return found

    return visit


def _product(left: Part, right: Part) -> Part:
    def visit(task: Task, times: int) -> Shapes:
        a, b = left(task, times), right(task, times)
        if a is None or b is None:
            return None
        product = (*a[0][:-1], *b[0][1:])
        task.work.add("gemm", 2.0 * times * math.prod(product) * a[0][-1])
        return (product,)

    return visit


#: Whether adding a term takes an addition for each element; a product is added as it is computed.
Adds: TypeAlias = Callable[[Task], bool]


def _adds(term: TileExpression, choice: int) -> Adds:
    if isinstance(term, Choice):
        then = _adds(term.then, choice + 1)
        inner = sum(isinstance(part, Choice) for part in parts(term.then))
        otherwise = _adds(term.otherwise, choice + 1 + inner)
        return lambda task: (then if task.choices[choice] else otherwise)(task)
    plain = not (isinstance(term, Arithmetic) and term.op == "@")
    return lambda task: plain


def _joined(op: str, left: Part, right: Part, adds: Adds) -> Part:
    def visit(task: Task, times: int) -> Shapes:
        a, b = left(task, times), right(task, times)
        if b is None:
            return a
        if a is None:
            if op == "-":
                task.work.add("axpy", float(times * math.prod(b[0])))
            return b
        if adds(task):
            task.work.add("axpy", float(times * math.prod(a[0])))
        return a

    return visit


def _summed(term: Part, adds: Adds, places: range) -> Part:
    def visit(task: Task, times: int) -> Shapes:
        found: Shapes = None
        for forms, count in _alike(task, places):
            for place, form in forms:
                task.form[place] = form
            shapes = term(task, times * count)
            if shapes is not None:
                found = shapes
                if adds(task):
                    task.work.add("axpy", float(times * count * math.prod(shapes[0])))
        return found

    return visit


def _alike(task: Task, places: range) -> list[tuple[list[tuple[int, int]], int]]:
    """Numbers of the shapes that are read in one round of a loop, place by place, and how many rounds are so."""
    there = [(place, inside) for place in places if (inside := task.inside[place]) is not None]
    if not there:
        return []
    rounds = len(there[0][1][0]) * there[0][1][1]
    varying, fixed = [], []
    for place, (forms, _) in there:
        if forms.count(forms[0]) == len(forms):
            fixed.append((place, forms[0]))
        else:
            varying.append(place)
    if not varying:
        return [(fixed, rounds)]
    columns = [list(task.inside[place][0]) * task.inside[place][1] for place in varying]  # type: ignore[index]
    rows = Counter(zip(*columns, strict=True))
    return [([*fixed, *zip(varying, row, strict=True)], count) for row, count in rows.items()]


def _alone(operand: Part) -> Listed:
    def visit(task: Task, times: int) -> Any:
        found = operand(task, times)
        return (task.target or ()) if found is None else found[0]

    return visit


def _single(operand: Part) -> Listed:
    alone = _alone(operand)
    return lambda task, times: (alone(task, times),)


def _list(items: Sequence[Listed]) -> Listed:
    if len(items) == 1:
        only = items[0]
        return lambda task, times: tuple(only(task, times))
    return lambda task, times: tuple(
        itertools.chain.from_iterable(zip(*(item(task, times) for item in items), strict=True))
    )


def _tiles(matrix: str, place: int) -> Listed:
    """Shapes of the tiles of a list."""

    def visit(task: Task, times: int) -> tuple[Shape, ...]:
        inside = task.inside[place]
        if inside is None:
            return ()
        forms, often = inside
        shape_of, first = task.shape_of, forms[0]
        if forms.count(first) == len(forms):
            return (shape_of(matrix, first),) * (len(forms) * often)
        known = {form: shape_of(matrix, form) for form in set(forms)}
        return tuple([known[form] for form in forms]) * often

    return visit


def _rows(item: Part, places: range) -> Listed:
    """Shapes of an item that is computed, in each round of the loops around it."""

    def visit(task: Task, times: int) -> list[Shape]:
        there = [place for place in places if task.inside[place] is not None]
        columns = [list(task.inside[place][0]) * task.inside[place][1] for place in there]  # type: ignore[index]
        found = []
        for row in zip(*columns, strict=True):
            for place, form in zip(there, row, strict=True):
                task.form[place] = form
            shapes = item(task, times)
            found.append((task.target or ()) if shapes is None else shapes[0])
        return found

    return visit


def _options(options: Sequence[Option], kernel: Kernel, scalars: Mapping[str, Any]) -> Callable[[Task], dict[str, Any]]:
    """Options as rules take them; those that no rule looks at are given as 0, whatever they are."""
    deciding = deciding_names(kernel)
    fixed = {each.name: each.value if isinstance(each.value, str | bool) else 0 for each in options}
    found = [
        (each.name, each.value) for each in options if each.name in deciding and not isinstance(each.value, str | bool)
    ]
    if not found:
        return lambda task: fixed
    return lambda task: {**fixed, **{name: number(value, dict(task.around), scalars) for name, value in found}}


def _called(kernel: Kernel, arguments: Sequence[Listed], options: Callable[[Task], dict[str, Any]]) -> Part:
    name, shape, flops = kernel.name, kernel.shape, kernel.flops

    def visit(task: Task, times: int) -> Shapes:
        shapes = [argument(task, times) for argument in arguments]
        chosen = options(task)
        result = shape(*shapes, **chosen)
        if task.counted:
            task.work.add(name, times * float(flops(*shapes, **chosen)))
        return (result,) if not result or isinstance(result[0], int) else tuple(result)

    return visit
