"""Compute one task: walk its expression, streaming operands into one accumulator.

The expression of a task is small and its meaning is fixed: terms are added in the order in which the program has
them, so that a task computed twice gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from numpywren.kernels.gemm import gemm
from numpywren.kernels.layout import column_copy
from numpywren.lambdapack import Kernel, Tile
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

__all__ = ["evaluate", "footprint"]

Array: TypeAlias = NDArray[Any]
Fetch: TypeAlias = Callable[[Tile], Array]
Shape: TypeAlias = tuple[int, ...]
Factor: TypeAlias = int | float | complex


def evaluate(node: Node, fetch: Fetch, targets: int, shape: Shape | None, dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """The tiles that a task writes.

    Parameters
    ----------
    node : Node
        The task's expression with every index evaluated.
    fetch : callable
        Gives a tile, read-only; waits for it where it must.
    targets : int
        How many tiles it writes.
    shape : tuple of int, optional
        Shape of the first of them where the program's grid gives it; an empty sum is zeros of that shape.
    dtype : numpy.dtype
        Type of an empty sum; every other type follows from the operands.

    Returns
    -------
    tuple of numpy.ndarray
        One array a target, column-major.

    Raises
    ------
    ValueError
        If the expression gives another number of tiles.
    """
    value = _Evaluation(fetch, shape, dtype).value(node)
    results = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(results) != targets:
        raise ValueError(f"{_name(node)} gave {len(results)} tiles for {targets} targets")
    return tuple(np.asfortranarray(result) for result in results)


class _Evaluation:
    """One walk over one expression."""

    def __init__(self, fetch: Fetch, shape: Shape | None, dtype: np.dtype[Any]) -> None:
        self.fetch, self.shape, self.dtype = fetch, shape, dtype

    def value(self, node: Node) -> Any:
        """The value of a node: an array, or a tuple of them where a kernel has several results."""
        match node:
            case Read(tile):
                return self.fetch(tile)
            case Transpose(x):
                return self.value(x).T
            case Adjoint(x):
                return self.value(x).conj().T
            case Apply(kernel, args, options):
                return kernel(*self.arguments(args), **options)
            case _:
                return self.accumulated(list(_terms(node, 1)))

    def arguments(self, args: Sequence[Node | tuple[Node, ...]]) -> list[Any]:
        return [[self.value(x) for x in arg] if _is_list(arg) else self.value(cast("Node", arg)) for arg in args]

    def accumulated(self, terms: list[tuple[Factor, Node]]) -> Array:
        """The sum of factor × term, in order, in one accumulator."""
        if not terms:
            if self.shape is None:
                raise ValueError("a sum over nothing has no shape here; give its temporary a grid of letters")
            return np.zeros(self.shape, self.dtype, order="F")
        (factor, node), rest = terms[0], terms[1:]
        first = self.multiplied(node) if isinstance(node, Multiply) else self.value(node)
        if factor != 1:
            total = np.multiply(first, factor, order="F")
        elif isinstance(node, Multiply | Apply) and first.flags.f_contiguous and first.flags.writeable:
            total = first  # fresh from a kernel: ours to add to
        else:
            total = column_copy(first, first.dtype)
        del first
        for factor, node in rest:
            self.add(total, factor, node)
        return total

    def add(self, total: Array, factor: Factor, node: Node) -> None:
        if isinstance(node, Multiply):
            a, transa = self.operand(node.left)
            b, transb = self.operand(node.right)
            assert gemm.accumulate is not None
            gemm.accumulate(total, factor, a, b, transa=transa, transb=transb)
        elif isinstance(node, Apply) and node.kernel.accumulate is not None:
            node.kernel.accumulate(total, factor, *self.arguments(node.args), **node.options)
        elif factor == 1:
            np.add(total, self.value(node), out=total)
        elif factor == -1:
            np.subtract(total, self.value(node), out=total)
        else:
            np.add(total, np.multiply(self.value(node), factor), out=total)

    def multiplied(self, node: Multiply) -> Array:
        a, transa = self.operand(node.left)
        b, transb = self.operand(node.right)
        product: Array = gemm(a, b, transa=transa, transb=transb)
        return product

    def operand(self, node: Node) -> tuple[Array, str]:
        """A factor of a product, its transposition left to the kernel."""
        match node:
            case Transpose(x):
                return self.value(x), "T"
            case Adjoint(x):
                return self.value(x), "C"
            case _:
                return self.value(node), "N"


def _terms(node: Node, factor: Factor) -> Iterator[tuple[Factor, Node]]:
    """Flatten sums, differences, negations and multiples into (factor, term), in program order."""
    match node:
        case Add(left, right):
            yield from _terms(left, factor)
            yield from _terms(right, factor)
        case Subtract(left, right):
            yield from _terms(left, factor)
            yield from _terms(right, -factor)
        case Negate(x):
            yield from _terms(x, -factor)
        case Scale(multiple, x):
            yield from _terms(x, factor * multiple)
        case SumOf(terms):
            for term in terms:
                yield from _terms(term, factor)
        case _:
            yield factor, node


def _name(node: Node) -> str:
    return f"kernel {node.kernel.name}" if isinstance(node, Apply) else "the expression"


def footprint(node: Node, shape_of: Callable[[Tile], Shape], shape: Shape | None) -> tuple[int, tuple[Shape, ...]]:
    """Elements that a task holds at its peak, and the shapes of its results.

    Parameters
    ----------
    node : Node
        The task's expression.
    shape_of : callable
        Shape of a tile that is read.
    shape : tuple of int, optional
        Shape of the target, for an empty sum.

    Returns
    -------
    peak : int
        Number of elements alive at the worst moment, results included.
    shapes : tuple of tuple of int
        Shapes of the results.
    """
    match node:
        case Read(tile):
            found = shape_of(tile)
            return _elements(found), (found,)
        case Transpose(x) | Adjoint(x):
            peak, (found,) = footprint(x, shape_of, shape)
            copies = 2 if isinstance(node, Adjoint) else 1
            return max(peak, copies * _elements(found)), (found[::-1],)
        case Apply(kernel, args, options):
            return _call(kernel, args, options, shape_of, shape)
        case Multiply(left, right):
            peak, held, (left_shape, right_shape) = _in_turn((left, right), shape_of, shape)
            product = (*left_shape[:-1], *right_shape[1:])
            return max(peak, held + _elements(product)), (product,)
        case _:
            return _sum(node, shape_of, shape)


def _sum(node: Node, shape_of: Callable[[Tile], Shape], shape: Shape | None) -> tuple[int, tuple[Shape, ...]]:
    peak, total = 0, 0
    result = shape
    for position, (_, term) in enumerate(_terms(node, 1)):
        needed, (found,) = footprint(term, shape_of, shape)
        if position == 0:
            result, total = found, _elements(found)
            peak = max(needed, 2 * total)
        else:
            peak = max(peak, total + needed)
    return max(peak, _elements(result or ())), (result or (),)


def _call(
    kernel: Kernel,
    args: Sequence[Node | tuple[Node, ...]],
    options: Any,
    shape_of: Callable[[Tile], Shape],
    shape: Shape | None,
) -> tuple[int, tuple[Shape, ...]]:
    flat = [x for arg in args for x in (arg if _is_list(arg) else (cast("Node", arg),))]
    peak, held, found = _in_turn(flat, shape_of, shape)
    each = iter(found)
    shapes: list[Any] = [tuple(next(each) for _ in arg) if _is_list(arg) else next(each) for arg in args]
    result = kernel.shape(*shapes, **options)
    results: tuple[Shape, ...] = (result,) if not result or isinstance(result[0], int) else tuple(result)
    work = kernel.work(*shapes, **options)
    return max(peak, held + work + sum(map(_elements, results))), results


def _in_turn(
    nodes: Sequence[Node], shape_of: Callable[[Tile], Shape], shape: Shape | None
) -> tuple[int, int, list[Shape]]:
    """Peak and final holding when values are made one after another and all kept."""
    peak = held = 0
    found: list[Shape] = []
    for node in nodes:
        needed, (made,) = footprint(node, shape_of, shape)
        peak = max(peak, held + needed)
        held += _elements(made)
        found.append(made)
    return peak, held, found


def _is_list(argument: Node | tuple[Node, ...]) -> TypeGuard[tuple[Node, ...]]:
    """Whether an argument is a list of tiles; nodes are tuples too, but of a class of their own."""
    return type(argument) is tuple


def _elements(shape: Shape) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
