"""Tiles at equal distances in an array: views of them, and which of them two places have in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numpywren.planner.pattern import Patch

__all__ = ["IrregularError", "Range", "differ", "in_common", "largest", "view"]

#: Least and greatest value of an index, and how much these grow along each axis.
Range: TypeAlias = tuple[int, int, tuple[int, ...]]


class IrregularError(Exception):
    """What some tasks touch does not lie at equal distances after all."""


def view(
    flat: NDArray[Any],
    at: int,
    counts: tuple[int, ...],
    inner: tuple[int, ...],
    lengths: tuple[int, ...],
    across: tuple[int, ...],
) -> NDArray[Any]:
    """Entries of an array, with axes for loops inside a task, then for tasks; one long where it makes no difference."""
    along = tuple([length if stride else 1 for length, stride in zip(lengths, across, strict=True)])
    return np.ndarray(counts + along, flat.dtype, flat, at, inner + across)


def largest(
    flat: NDArray[Any],
    at: int,
    counts: tuple[int, ...],
    inner: tuple[int, ...],
    lengths: tuple[int, ...],
    across: tuple[int, ...],
) -> Any:
    """The greatest of the entries that each task has: an array over tasks, or a number if it is the same for all."""
    if not counts and not any(across):
        return flat.item(at // flat.itemsize)
    entries = view(flat, at, counts, inner, lengths, across)
    if not any(across):
        return entries.max().item()
    return entries.max(axis=tuple(range(len(counts)))) if counts else entries


def differ(counts: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether entries at these distances are surely different ones."""
    span = 0
    for stride, count in sorted([(abs(s), n) for s, n in zip(strides, counts, strict=True) if n > 1]):
        if stride <= span:
            return False
        span += stride * (count - 1)
    return True


def in_common(patches: Sequence[Patch], lengths: Sequence[int]) -> Iterator[tuple[int, list[Range]]]:
    """Tiles that each task reads at several places: boxes of them, and how often each box counts.

    Raises
    ------
    IrregularError
        If that differs from task to task, or they are no boxes.
    """
    if len(patches) < 2:
        return
    boxes = [_box(patch) for patch in patches]
    pairs = itertools.combinations(range(len(boxes)), 2)
    meeting = [(one, other) for one, other in pairs if _meet(boxes[one], boxes[other], lengths)]
    if not meeting:
        return
    if not all(_is_box(patches[place]) for pair in meeting for place in pair):
        raise IrregularError
    involved = sorted({place for pair in meeting for place in pair})
    if len(involved) > 4:
        raise IrregularError
    for count in range(2, len(involved) + 1):
        for some in itertools.combinations(involved, count):
            if all(pair in meeting for pair in itertools.combinations(some, 2)):
                common = [
                    (max(low for low, _, _ in sides), min(high for _, high, _ in sides), sides[0][2])
                    for sides in zip(*(boxes[place] for place in some), strict=True)
                ]
                # of tiles at three places two are listed again: three pairs, less one triple
                yield (1 if count % 2 == 0 else -1), common


def _is_box(patch: Patch) -> bool:
    """Whether the tiles that a task reads at a place are all those between bounds of each index."""
    numbers = [number for _, _, number, _ in patch.sides if number != -1 and (number < 0 or patch.counts[number] > 1)]
    steps = [abs(step) for _, step, number, _ in patch.sides if number >= 0 and patch.counts[number] > 1]
    return len(set(numbers)) == len(numbers) and -2 not in numbers and all(step == 1 for step in steps)


def _box(patch: Patch) -> list[Range]:
    found = []
    for first, step, number, across in patch.sides:
        if number == -2:
            raise IrregularError
        far = step * (patch.counts[number] - 1) if number >= 0 else 0
        found.append((first + min(far, 0), first + max(far, 0), across))
    return found


def _meet(one: Sequence[Range], other: Sequence[Range], lengths: Sequence[int]) -> bool:
    """Whether every task finds tiles in both; or else none does."""
    unsure = False
    for (low, high, across), (other_low, other_high, other_across) in zip(one, other, strict=True):
        ends = [(a - b) * (length - 1) for a, b, length in zip(across, other_across, lengths, strict=True)]
        least, most = sum(min(end, 0) for end in ends), sum(max(end, 0) for end in ends)
        if low + least > other_high or high + most < other_low:
            return False
        unsure = unsure or least != most
    if unsure:
        raise IrregularError
    return True
