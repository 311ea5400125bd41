"""What one task costs: kernels' flops and the shapes of results, with the terms of a sum counted instead of visited."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from numpywren.lambdapack import Kernel
from numpywren.lambdapack.evaluate import holds, number
from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Call,
    Choice,
    Flipped,
    Index,
    Listing,
    Minus,
    Scaled,
    Sum,
    TileExpression,
)
from numpywren.lambdapack.lower import occurrences, parts
from numpywren.planner.cost import Shape, Work, deciding_options
from numpywren.planner.vector import Columns, Integers, expand, values
from numpywren.planner.vector import holds as all_hold

__all__ = ["Coster", "alike"]

#: Numbers of the shapes of tiles, given a matrix and columns of their indices; and the shape of such a number.
FormsOf: TypeAlias = Callable[[str, Sequence[Any]], Any]
ShapeOf: TypeAlias = Callable[[str, int], Shape]


class Coster:
    """Costs of one task after another.

    Parameters
    ----------
    kernels : mapping of str to Kernel
        Those of the program.
    scalars : mapping of str to number
        Those of the run.
    forms_of, shape_of : callable
        Tell the shapes of tiles.
    """

    def __init__(
        self, kernels: Mapping[str, Kernel], scalars: Mapping[str, Any], forms_of: FormsOf, shape_of: ShapeOf
    ) -> None:
        self._kernels, self._scalars, self._forms_of, self._shape_of = kernels, scalars, forms_of, shape_of

    def cost(
        self, value: TileExpression, around: Mapping[str, int], target: Shape | None
    ) -> tuple[Work, tuple[Shape, ...]]:
        """Floating point operations of an expression, on real numbers, and the shapes of its results.

        Parameters
        ----------
        value : TileExpression
            What the task computes.
        around : mapping of str to int
            Sizes and its loop variables.
        target : tuple of int, optional
            Shape of the first result where the grid gives it, for an empty sum.
        """
        work = Work()
        found = _Visit(self, work, target).visit(value, around, 1)
        return work, (target or (),) if found is None else found

    def forms(self, access: Access, columns: Columns) -> Any:
        """Numbers of the shapes of the tiles that are read at one place of the text."""
        return self._forms_of(access.matrix, [values(index, columns) for index in access.index])


class _Visit:
    """One walk over an expression; a result of None stands for an empty sum, which vanishes."""

    def __init__(self, of: Coster, work: Work, target: Shape | None) -> None:
        self._of, self._work, self._target = of, work, target

    def visit(self, value: TileExpression, around: Mapping[str, int], times: int) -> tuple[Shape, ...] | None:
        match value:
            case Access(matrix=matrix):
                form = self._of.forms(value, around)
                return (self._of._shape_of(matrix, int(form)),)  # noqa: SLF001 - a part of it
            case Choice(condition, then, otherwise):
                return self.visit(then if holds(condition, dict(around)) else otherwise, around, times)
            case Flipped(_, operand):
                found = self.visit(operand, around, times)
                return None if found is None else (found[0][::-1],)
            case Scaled(_, operand) | Minus(operand):
                found = self.visit(operand, around, times)
                return self._elementwise(found, times)
            case Arithmetic(op, left, right):
                return self._joined(op, left, right, around, times)
            case Sum(term, _):
                return self._summed(value, term, around, times)
            case Call():
                return self._called(value, around, times)

    def _elementwise(self, found: tuple[Shape, ...] | None, times: int) -> tuple[Shape, ...] | None:
        if found is not None:
            self._work.add("axpy", float(times * math.prod(found[0])))
        return found

    def _joined(
        self, op: str, left: TileExpression, right: TileExpression, around: Mapping[str, int], times: int
    ) -> tuple[Shape, ...] | None:
        a, b = self.visit(left, around, times), self.visit(right, around, times)
        if op == "@":
            if a is None or b is None:
                return None
            product = (*a[0][:-1], *b[0][1:])
            self._work.add("gemm", 2.0 * times * math.prod(product) * a[0][-1])
            return (product,)
        if b is None:
            return a
        if a is None:
            return b if op == "+" else self._elementwise(b, times)
        self._added(right, around, a[0], times)
        return a

    def _added(self, term: TileExpression, around: Mapping[str, int], shape: Shape, times: int) -> None:
        """A product is added as it is computed, and counted so; anything else takes an addition for each element."""
        while isinstance(term, Choice):
            term = term.then if holds(term.condition, dict(around)) else term.otherwise
        if not (isinstance(term, Arithmetic) and term.op == "@"):
            self._work.add("axpy", float(times * math.prod(shape)))

    def _summed(
        self, value: Sum, term: TileExpression, around: Mapping[str, int], times: int
    ) -> tuple[Shape, ...] | None:
        columns, parents = expand(value.clauses, around, 1)
        found = None
        for row, count in self._alike(term, columns, len(parents)):
            bound = _row(columns, row)
            shapes = self.visit(term, bound, times * count)
            if shapes is not None:
                found = shapes
                self._added(term, bound, shapes[0], times * count)
        return found

    def _alike(self, term: TileExpression, columns: Columns, rows: int) -> list[tuple[int, int]]:
        """Rows of which each stands for all that cost as much as it, with how many these are."""
        if rows < 2:
            return [(0, 1)] * rows
        if any(isinstance(part, Sum | Listing) for part in parts(term)):
            return [(row, 1) for row in range(rows)]
        features = [np.asarray(all_hold(part.condition, columns)) for part in parts(term) if isinstance(part, Choice)]
        for access, guards in occurrences(term):
            if guards:  # of the branches of a choice only the one that is taken has indices that mean something
                kept = np.flatnonzero(np.broadcast_to(_all(guards, columns), (rows,)))
                taken = {
                    name: column[kept] if isinstance(column, np.ndarray) else column for name, column in columns.items()
                }
                form = np.full(rows, -1, dtype=np.int64)
                form[kept] = self._of.forms(access, taken)
                features.append(form)
            else:
                features.append(np.asarray(self._of.forms(access, columns)))
        features += [np.asarray(values(index, columns)) for index in self._options(term)]
        return alike(features, rows)

    def _options(self, term: TileExpression) -> list[Index]:
        kernels = self._of._kernels  # noqa: SLF001 - a part of it
        calls = (part for part in parts(term) if isinstance(part, Call))
        return [index for call in calls for index in deciding_options(call, kernels[call.kernel])]

    def _called(self, call: Call, around: Mapping[str, int], times: int) -> tuple[Shape, ...]:
        of = self._of
        kernel = of._kernels[call.kernel]  # noqa: SLF001 - a part of it
        shapes = [self._argument(argument, around, times) for argument in call.arguments]
        options = {
            option.name: option.value
            if isinstance(option.value, str | bool)
            else number(option.value, dict(around), of._scalars)  # noqa: SLF001 - a part of it
            for option in call.options
        }
        result = kernel.shape(*shapes, **options)
        self._work.add(kernel.name, times * float(kernel.flops(*shapes, **options)))
        return (result,) if not result or isinstance(result[0], int) else tuple(result)

    def _argument(self, value: Argument, around: Mapping[str, int], times: int) -> Any:
        if not isinstance(value, Listing):
            found = self.visit(value, around, times)
            return (self._target or ()) if found is None else found[0]
        columns, parents = expand(value.clauses, around, 1)
        rows = len(parents)
        listed = [self._listed(item, columns, rows, around, times) for item in value.items]
        return tuple(itertools.chain.from_iterable(zip(*listed, strict=True))) if len(listed) > 1 else tuple(listed[0])

    def _listed(
        self, item: TileExpression, columns: Columns, rows: int, around: Mapping[str, int], times: int
    ) -> Sequence[Shape]:
        """Shapes of one item of a list in each round of its loops."""
        while isinstance(item, Choice):
            decided = np.asarray(all_hold(item.condition, columns))
            if decided.ndim and not (decided.all() or not decided.any()):
                break
            item = item.then if decided.all() else item.otherwise
        if isinstance(item, Access):
            forms = np.asarray(self._of.forms(item, columns))
            shape_of = self._of._shape_of  # noqa: SLF001 - a part of it
            known = {int(form): shape_of(item.matrix, int(form)) for form in np.unique(forms)}
            if len(known) == 1:
                return tuple(known.values()) * rows
            return [known[form] for form in forms.tolist()]
        found = [self.visit(item, _row(columns, row), times) for row in range(rows)]
        return [(self._target or ()) if each is None else each[0] for each in found]


def _row(columns: Columns, row: int) -> dict[str, int]:
    return {name: int(column[row]) if isinstance(column, np.ndarray) else column for name, column in columns.items()}


def _all(guards: Sequence[Any], columns: Columns) -> Any:
    kept: Any = True
    for guard in guards:
        kept = kept & np.asarray(all_hold(guard.condition, columns))
    return kept


def alike(features: Sequence[Any], rows: int) -> list[tuple[int, int]]:
    """Rows that are alike in all features: the first of each group, and how many there are."""
    key = keyed(features)
    if not key.ndim:
        return [(0, rows)]
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return list(zip(first.tolist(), counts.tolist(), strict=True))


def keyed(features: Sequence[Any]) -> Integers:
    """A number for each row, from 0, that is equal where all features are; of the shape that they broadcast to."""
    key: Any = np.zeros((), dtype=np.int64)
    span = 1
    for feature in features:
        column = np.asarray(feature)
        if not column.ndim or not column.size:
            continue
        low, high = int(column.min()), int(column.max())
        if low == high:
            continue
        width = high - low + 1
        if span * width > 2**62:
            unique, key = np.unique(key, return_inverse=True)
            span = len(unique)
        key, span = key * width + (column - low), span * width
    found: Integers = np.asarray(key, dtype=np.int64)
    return found
