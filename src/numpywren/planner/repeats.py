"""Tiles that one task reads at several places of the text: they are read once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.planner.box import Box, inner_axes, places_of

if TYPE_CHECKING:
    from numpywren.planner.groups import Reads

__all__ = ["repeats"]


def repeats(reads: Sequence[Reads], box: Box, elements: Callable[[str, Any], Any]) -> Iterator[tuple[str, Any]]:
    """How many of the tiles that tasks read were counted before, and how many numbers these have.

    Parameters
    ----------
    reads : sequence of Reads
        What the tasks read, place by place.
    box : Box
        The tasks.
    elements : callable
        Tells how many numbers tiles have, by their matrix and the numbers of their shapes.
    """
    by_matrix: dict[str, list[Reads]] = {}
    for read in reads:
        by_matrix.setdefault(read.access.matrix, []).append(read)
    for matrix, found in by_matrix.items():
        if all(map(_differ_inside, found, itertools.repeat(box))) and all(
            _apart(one, other, box) for one, other in itertools.combinations(found, 2)
        ):
            continue
        parents = np.concatenate([places_of(read.box, box) for read in found])
        columns = [
            np.concatenate([np.broadcast_to(read.index[place], read.box.shape).reshape(-1) for read in found])
            for place in range(len(found[0].index))
        ]
        sizes = np.concatenate([np.broadcast_to(elements(matrix, r.forms), r.box.shape).reshape(-1) for r in found])
        again = _again(parents, columns)
        if len(again):
            yield "tiles", np.bincount(parents[again], minlength=box.size).reshape(box.shape)
            counts = np.bincount(parents[again], weights=sizes[again], minlength=box.size).astype(np.int64)
            yield "elements", counts.reshape(box.shape)


def _differ_inside(read: Reads, box: Box) -> bool:
    """Whether the tiles that one task reads at one place are surely different ones."""
    if read.box.size == box.size:
        return read.box.parents is None or bool((np.bincount(read.box.parents, minlength=box.size) == 1).all())
    if read.box.parents is not None:
        return False
    inner = len(read.box.shape) - len(box.shape)
    wide = {axis for axis in range(inner) if read.box.shape[axis] > 1}
    for column in read.index:
        column = np.asarray(column)
        offset = len(read.box.shape) - column.ndim
        along = [axis + offset for axis, length in enumerate(column.shape) if length > 1 and axis + offset < inner]
        # one loop moves this index, always the same way
        if len(along) == 1:
            steps = np.diff(column, axis=along[0] - offset)
            if (steps > 0).all() or (steps < 0).all():
                wide.discard(along[0])
    return not wide


def _apart(one: Reads, other: Reads, box: Box) -> bool:
    """Whether two places surely read different tiles for every task."""
    if one.box.parents is not None or other.box.parents is not None:
        return False
    different: Any = False
    for first, second in zip(one.index, other.index, strict=True):
        low, high = _range(first, box)
        low_other, high_other = _range(second, box)
        different = different | (high < low_other) | (high_other < low)
    return bool(np.all(different))


def _range(index: Any, box: Box) -> tuple[Any, Any]:
    axes = inner_axes(index, box)
    return (np.min(index, axis=axes), np.max(index, axis=axes)) if axes else (index, index)


def _again(parents: Any, columns: Sequence[Any]) -> Any:
    """Positions of tiles that came before for the same task."""
    key, span = parents, int(parents.max(initial=0)) + 1
    for column in columns:
        low, width = int(column.min()), int(column.max()) - int(column.min()) + 1
        if span * width > 2**62:
            _, key = np.unique(key, return_inverse=True)
            span = int(key.max()) + 1
        key, span = key * width + (column - low), span * width
    order = np.argsort(key, kind="stable")
    return order[1:][np.diff(key[order]) == 0]
