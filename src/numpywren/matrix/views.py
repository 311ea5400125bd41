"""Views of arrays: axes permuted, repeated, joined, split. Nothing is read before the view is."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.matrix.array import Array
from numpywren.matrix.auto_chunks import LARGEST, auto_chunks
from numpywren.matrix.rearranged import Rearranged, joined_chunks

__all__ = ["broadcast_to", "grouped", "normal_axes", "permute_dims", "reshape"]

Shape = tuple[int, ...]


def normal_axes(name: str, axes: Any, ndim: int) -> Shape:
    """Axes as non-negative numbers.

    Raises
    ------
    ValueError
        If one is out of range, or named twice. (`numpy.exceptions.AxisError` is a ValueError and an IndexError.)
    """
    given = tuple(map(operator.index, axes)) if isinstance(axes, Sequence) else (operator.index(axes),)
    for axis in given:
        if not -ndim <= axis < ndim:
            raise np.exceptions.AxisError(axis, ndim, name)
    found = tuple(axis % ndim for axis in given)
    if len(set(found)) != len(found):
        raise ValueError(f"{name} got axes {given}, which name one axis twice")
    return found


def permute_dims(x: Array, /, axes: Sequence[int]) -> Array:
    """The axes of an array in another order; a view.

    Parameters
    ----------
    x : Array
    axes : tuple of int
        Which axis of `x` comes where.
    """
    order = normal_axes("permute_dims", axes, x.ndim)
    if len(order) != x.ndim:
        raise ValueError(f"permute_dims got axes {axes} for an array of shape {x.shape}; name each axis once")
    same = tuple(range(x.ndim))
    if order == same:
        return x
    if order == (*same[:-2], x.ndim - 1, x.ndim - 2):
        return x.mT
    shape = tuple(x.shape[axis] for axis in order)
    chunks = _stack_chunks(tuple(x.chunks[axis] for axis in order))
    return Array(Rearranged(x, x.shape, order, shape, chunks))


def broadcast_to(x: Array, /, shape: Sequence[int]) -> Array:
    """An array repeated along axes of length 1, and along new ones in front; a view.

    Raises
    ------
    ValueError
        If its shape does not fit.
    """
    wide = tuple(map(operator.index, shape))
    if wide == x.shape:
        return x
    new = len(wide) - x.ndim
    chunks = (1,) * new + tuple(
        length if own == 1 else chunk
        for own, chunk, length in zip(x.shape, x.chunks, wide[max(new, 0) :], strict=False)
    )
    return Array(Rearranged(x, wide, tuple(range(len(wide))), wide, tuple(max(1, c) for c in chunks[: len(wide)])))


def reshape(x: Array, /, shape: Sequence[int]) -> Array:
    """The same numbers in another shape, the last axis changing fastest; a view.

    Parameters
    ----------
    x : Array
    shape : tuple of int
        One length may be -1: what is left over.

    Raises
    ------
    ValueError
        If the shape has another number of elements.
    """
    lengths = tuple(map(operator.index, shape))
    if lengths.count(-1) == 1:
        rest = math.prod(length for length in lengths if length != -1)
        if rest and x.size % rest == 0:
            lengths = tuple(x.size // rest if length == -1 else length for length in lengths)
    if not lengths or min(lengths) < 0 or math.prod(lengths) != x.size:
        raise ValueError(f"an array of shape {x.shape} cannot be seen in the shape {tuple(shape)}")
    if lengths == x.shape:
        return x
    return Array(Rearranged(x, x.shape, tuple(range(x.ndim)), lengths, auto_chunks(lengths, x.dtype.itemsize)))


def grouped(x: Array, /, *groups: Sequence[int], wide: Shape | None = None) -> Array:
    """An array with each group of axes joined to one; a view.

    Parameters
    ----------
    x : Array
    *groups : sequence of int
        Axes, each of them in one group; a group without axes becomes an axis of length 1.
    wide : tuple of int, optional
        Shape to which `x` is broadcast first.

    Returns
    -------
    Array
        With as many axes as there are groups, cut so that few tiles of `x` are read twice.
    """
    full = x.shape if wide is None else wide
    new = len(full) - x.ndim
    own = (1,) * new + x.chunks
    cuts = [length if axis < new or x.shape[axis - new] == 1 else own[axis] for axis, length in enumerate(full)]
    axes = tuple(axis for group in groups for axis in group)
    shape = tuple(math.prod(full[axis] for axis in group) for group in groups)
    if axes == tuple(range(x.ndim)) and shape == x.shape:
        return x
    if axes == (1, 0) and x.ndim == 2 and shape == x.shape[::-1]:
        return x.mT
    along = [([full[axis] for axis in group], [cuts[axis] for axis in group]) for group in groups]
    chunks = joined_chunks(along, max(LARGEST**2, math.prod(x.chunks)))
    return Array(Rearranged(x, full, axes, shape, chunks))


def _stack_chunks(chunks: Shape) -> Shape:
    return (1,) * (len(chunks) - 2) + chunks[-2:]
