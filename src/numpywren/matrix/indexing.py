"""Basic NumPy indexing of an array that is read in regions."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["plan_index"]


def plan_index(index: Any, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[Any, ...]]:
    """Split an index into a region to read, and an index into that region.

    Parameters
    ----------
    index : int, slice, Ellipsis, None or a tuple of them
        As in ``A[index]``.
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    region : tuple of slice
        The smallest region, without steps, that holds every element wanted.
    rest : tuple
        What NumPy is then to pick from the region.

    Raises
    ------
    IndexError
        If the index is out of bounds, too long, or not basic.

    Examples
    --------
    >>> plan_index((slice(None, None, -2), 3), (10, 5))
    ((slice(1, 10, None), slice(3, 4, None)), (slice(None, None, -2), 0))
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    consumed = sum(part is not None and part is not Ellipsis for part in parts)
    ellipses = sum(part is Ellipsis for part in parts)
    if ellipses > 1:
        raise IndexError("an index can have only one ellipsis (...)")
    if consumed > len(shape):
        raise IndexError(f"{consumed} indices for an array of shape {shape}")
    if not ellipses:
        parts.append(Ellipsis)
    place = next(number for number, part in enumerate(parts) if part is Ellipsis)
    parts[place : place + 1] = [slice(None)] * (len(shape) - consumed)
    region: list[slice] = []
    rest: list[Any] = []
    for part in parts:
        if part is None:
            rest.append(None)
            continue
        length = shape[len(region)]
        read, pick = _plan_slice(part, length) if isinstance(part, slice) else _plan_integer(part, length, len(region))
        region.append(read)
        rest.append(pick)
    if ellipses:  # which makes NumPy answer with an array of no dimension instead of a number
        rest.append(Ellipsis)
    return tuple(region), tuple(rest)


def _plan_slice(part: slice, length: int) -> tuple[slice, slice]:
    wanted = range(*part.indices(length))
    if not wanted:
        return slice(0, 0), slice(None)
    first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    return slice(first, last + 1), slice(None, None, wanted.step if len(wanted) > 1 else None)


def _plan_integer(part: Any, length: int, axis: int) -> tuple[slice, int]:
    try:
        if isinstance(part, bool):
            raise TypeError
        position = operator.index(part)
    except TypeError:
        raise IndexError(
            f"{type(part).__name__} is no index here: integers, slices, ... and None are; "
            f"for anything else index the NumPy array, np.asarray(A)[...]"
        ) from None
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {length}")
    position %= length
    return slice(position, position + 1), 0
