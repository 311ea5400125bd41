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
    Argument,
    Arithmetic,
    Call,
    Choice,
    Flipped,
    Index,
    Int,
    Kind,
    Listing,
    Minus,
    Opposite,
    Product,
    Scaled,
    Sum,
    Whole,
)
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

__all__ = ["Shape", "cost", "varying_options"]

Shape: TypeAlias = tuple[int, ...]


def cost(node: Node, shape_of: Callable[[Tile], Shape], shape: Shape | None) -> tuple[float, tuple[Shape, ...]]:
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
    match node:
        case Read(tile):
            return 0.0, (shape_of(tile),)
        case Transpose(x) | Adjoint(x):
            flops, (found,) = cost(x, shape_of, shape)
            return flops, (found[::-1],)
        case Scale(_, x) | Negate(x):
            flops, (found,) = cost(x, shape_of, shape)
            return flops + math.prod(found), (found,)
        case Multiply(left, right):
            before, (a,) = cost(left, shape_of, shape)
            after, (b,) = cost(right, shape_of, shape)
            product = (*a[:-1], *b[1:])
            return before + after + 2.0 * math.prod(product) * a[-1], (product,)
        case Add(left, right) | Subtract(left, right):
            before, (found,) = cost(left, shape_of, shape)
            after, _ = cost(right, shape_of, shape)
            return before + after + _added(right, found), (found,)
        case SumOf(terms):
            flops, found = 0.0, shape or ()
            for term in terms:
                more, (found,) = cost(term, shape_of, shape)
                flops += more + _added(term, found)
            return flops, (found,)
        case Apply(kernel, args, options):
            return _apply(kernel, args, options, shape_of, shape)


def _apply(
    kernel: Kernel, args: Any, options: Any, shape_of: Callable[[Tile], Shape], shape: Shape | None
) -> tuple[float, tuple[Shape, ...]]:
    flops, shapes = 0.0, []
    for arg in args:
        nodes = arg if type(arg) is tuple else (arg,)
        found = []
        for each in nodes:
            more, (one,) = cost(each, shape_of, shape)
            flops += more
            found.append(one)
        shapes.append(tuple(found) if type(arg) is tuple else found[0])
    result = kernel.shape(*shapes, **options)
    results = (result,) if not result or isinstance(result[0], int) else tuple(result)
    return flops + float(kernel.flops(*shapes, **options)), results


def _added(term: Node, shape: Shape) -> float:
    """A product is added as it is computed, and counted so; anything else takes an addition for each element."""
    return 0.0 if isinstance(term, Multiply) else float(math.prod(shape))


def varying_options(kind: Kind, kernels: Mapping[str, Kernel]) -> tuple[Index, ...]:
    """Index expressions in options of a kind's kernels on which what its tasks cost, or write, depends."""
    found = []
    for call in _calls(kind.value):
        deciding = _deciding_options(kernels[call.kernel])
        for option in call.options:
            if option.name in deciding:
                found += [index for index in _indices(option.value) if not isinstance(index, Int)]
    return tuple(found)


def _calls(value: Argument) -> Iterator[Call]:
    match value:
        case Call(arguments=arguments):
            yield value
            for argument in arguments:
                yield from _calls(argument)
        case Choice(_, left, right) | Arithmetic(_, left, right):
            yield from _calls(left)
            yield from _calls(right)
        case Scaled(_, inner) | Minus(inner) | Flipped(_, inner) | Sum(inner, _):
            yield from _calls(inner)
        case Listing(items, _):
            for item in items:
                yield from _calls(item)


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
def _deciding_options(kernel: Kernel) -> frozenset[str]:
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
