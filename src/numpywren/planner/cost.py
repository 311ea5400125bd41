"""What one task costs: floating point operations, and which options of a kernel have a say in that."""

from __future__ import annotations

import dis
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from numpywren.lambdapack import Kernel, Tile
from numpywren.lambdapack.ir import (
    Call,
    Index,
    Int,
    Kind,
    Opposite,
    Product,
    Whole,
)
from numpywren.lambdapack.lower import parts
from numpywren.lambdapack.resolved import (
    Add,
    Adjoint,
    Apply,
    Multiply,
    Negate,
    Node,
    Read,
    Scale,
    Subtract,
    SumOf,
    Transpose,
)

__all__ = ["Shape", "Work", "cost", "deciding_names", "deciding_options", "varying_options"]

Shape: TypeAlias = tuple[int, ...]


class Work(dict[str, float]):
    """Floating point operations by kernel; products of matrices are ``gemm``, sums and multiples ``axpy``."""

    def add(self, kernel: str, flops: float) -> None:
        """Count some more."""
        self[kernel] = self.get(kernel, 0.0) + flops


def cost(node: Node, shape_of: Callable[[Tile], Shape], shape: Shape | None) -> tuple[Work, tuple[Shape, ...]]:
    """Floating point operations of an expression, on real numbers, and the shapes of its results.

    Parameters
    ----------
    node : Node
        The expression of a task.
    shape_of : callable
        Shape of a tile that is read.
    shape : tuple of int, optional
        Shape of the target, for an empty sum.
    """
    work = Work()
    return work, _count(node, shape_of, shape, work)


def _count(node: Node, shape_of: Callable[[Tile], Shape], shape: Shape | None, work: Work) -> tuple[Shape, ...]:
    match node:
        case Read(tile):
            return (shape_of(tile),)
        case Transpose(x) | Adjoint(x):
            (found,) = _count(x, shape_of, shape, work)
            return (found[::-1],)
        case Scale(_, x) | Negate(x):
            (found,) = _count(x, shape_of, shape, work)
            work.add("axpy", math.prod(found))
            return (found,)
        case Multiply(left, right):
            (a,) = _count(left, shape_of, shape, work)
            (b,) = _count(right, shape_of, shape, work)
            product = (*a[:-1], *b[1:])
            work.add("gemm", 2.0 * math.prod(product) * a[-1])
            return (product,)
        case Add(left, right) | Subtract(left, right):
            (found,) = _count(left, shape_of, shape, work)
            _count(right, shape_of, shape, work)
            _add_up(right, found, work)
            return (found,)
        case SumOf(terms):
            found = shape or ()
            for term in terms:
                (found,) = _count(term, shape_of, shape, work)
                _add_up(term, found, work)
            return (found,)
        case Apply(kernel, args, options):
            return _apply(kernel, args, options, shape_of, shape, work)


def _apply(
    kernel: Kernel, args: Any, options: Any, shape_of: Callable[[Tile], Shape], shape: Shape | None, work: Work
) -> tuple[Shape, ...]:
    shapes = []
    for arg in args:
        nodes = arg if type(arg) is tuple else (arg,)
        found = [one for each in nodes for one in _count(each, shape_of, shape, work)]
        shapes.append(tuple(found) if type(arg) is tuple else found[0])
    result = kernel.shape(*shapes, **options)
    work.add(kernel.name, float(kernel.flops(*shapes, **options)))
    return (result,) if not result or isinstance(result[0], int) else tuple(result)


def _add_up(term: Node, shape: Shape, work: Work) -> None:
    """A product is added as it is computed, and counted so; anything else takes an addition for each element."""
    if not isinstance(term, Multiply):
        work.add("axpy", float(math.prod(shape)))


def varying_options(kind: Kind, kernels: Mapping[str, Kernel]) -> tuple[Index, ...]:
    """Index expressions in options of a kind's kernels on which what its tasks cost, or write, depends."""
    calls = (part for part in parts(kind.value) if isinstance(part, Call))
    return tuple(index for call in calls for index in deciding_options(call, kernels[call.kernel]))


def deciding_options(call: Call, kernel: Kernel) -> Iterator[Index]:
    """Those of one call of a kernel."""
    deciding = deciding_names(kernel)
    for option in call.options:
        if option.name in deciding:
            yield from (index for index in _indices(option.value) if not isinstance(index, Int))


def _indices(value: Any) -> Iterator[Index]:
    match value:
        case Whole(index):
            yield index
        case Product(left, right):
            yield from _indices(left)
            yield from _indices(right)
        case Opposite(operand):
            yield from _indices(operand)


@functools.lru_cache(maxsize=1024)
def deciding_names(kernel: Kernel) -> frozenset[str]:
    """Options on which the flops or the shape of a kernel's result depend: those that its rules make use of."""
    found: set[str] = set()
    for rule in (kernel.flops, kernel.shape):
        loaded = {step.argval for step in dis.get_instructions(rule) if step.opname.startswith("LOAD")}
        for name, parameter in inspect.signature(rule).parameters.items():
            if name not in loaded:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                found |= set(inspect.signature(kernel.function).parameters)
            else:
                found.add(name)
    return frozenset(found)
