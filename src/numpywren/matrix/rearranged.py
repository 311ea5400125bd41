"""An array seen in another shape: axes repeated, put in another order, joined and split. No number is moved.

A region of such a view is read from the smallest box of the array below it that holds all of it. That is the region
itself where axes are only permuted, and where the leading ones are joined one index at a time, as those of stacks are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpywren.matrix.sources import Source, layout_to_json
from numpywren.matrix.zarr_format import Layout

if TYPE_CHECKING:
    from numpywren.matrix.array import Array
    from numpywren.matrix.scratch import Scratch

__all__ = ["Rearranged", "joined_chunks"]

Shape = tuple[int, ...]

#: Length up to which tiles of joined axes are made, of whole tiles below.
JOINED = 512


class _Block(NamedTuple):
    """Consecutive axes before and after that hold the same numbers in the same order."""

    before: Shape
    after: Shape


class Rearranged(Source):
    """Numbers of another array.

    Parameters
    ----------
    array : Array
        The array below.
    wide : tuple of int
        Shape to which it is broadcast first.
    axes : tuple of int
        Which axis of that comes where.
    shape, chunks : tuple of int
        Shape and tiles in which the result is seen; as many elements, the last axis changing fastest.

    Raises
    ------
    ValueError
        If these do not fit.
    """

    def __init__(self, array: Array, wide: Shape, axes: Shape, shape: Shape, chunks: Shape) -> None:
        if np.broadcast_shapes(array.shape, wide) != wide:
            raise ValueError(f"an array of shape {array.shape} cannot be broadcast to {wide}")
        if sorted(axes) != list(range(len(wide))):
            raise ValueError(f"axes {axes} are no order of the {len(wide)} axes of shape {wide}")
        self._ordered = tuple(wide[axis] for axis in axes)
        if math.prod(self._ordered) != math.prod(shape):
            raise ValueError(f"an array of shape {self._ordered} cannot be seen in the shape {shape}")
        self.array, self.wide, self.axes = array, wide, axes
        self.layout = Layout(shape, chunks, array.dtype)
        self.url, self.description, self.modules = array.url, f"view of {array!r}", array.modules
        self._blocks = _blocks(self._ordered, shape) if math.prod(shape) else []

    @property
    def owners(self) -> tuple[Scratch, ...]:  # noqa: D102 (inherited)
        return self.array.owners

    def exists(self) -> bool:  # noqa: D102 (inherited)
        return self.array.exists()

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        shape = tuple(part.stop - part.start for part in region)
        if 0 in shape:
            return np.empty(shape, self.layout.dtype, order="F")
        box: list[slice] = []
        picks: list[np.ndarray | None] = []
        first = 0
        for block in self._blocks:
            part = region[first : first + len(block.after)]
            first += len(block.after)
            inner, pick = _plan(block, part)
            box += inner
            picks.append(pick)
        found = self._box(box)
        found = found.reshape([math.prod(found.shape[a:b]) for a, b in self._spans()])
        for axis, pick in enumerate(picks):
            if pick is not None:
                found = found.take(pick, axis=axis)
        return np.array(found.reshape(shape), order="F")

    def _spans(self) -> list[tuple[int, int]]:
        """Where the axes before each block begin and end."""
        ends = np.cumsum([0, *(len(block.before) for block in self._blocks)]).tolist()
        return list(itertools.pairwise(ends))

    def _box(self, box: Sequence[slice]) -> np.ndarray:
        """A box of the array with its axes in order."""
        wide = [slice(0, 0)] * len(self.wide)
        for axis, part in zip(self.axes, box, strict=True):
            wide[axis] = part
        own = wide[len(wide) - self.array.ndim :]
        inner = [slice(0, 1) if length == 1 else part for length, part in zip(self.array.shape, own, strict=True)]
        found = self.array.read_region(inner)
        return np.broadcast_to(found, [part.stop - part.start for part in wide]).transpose(self.axes)

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        return {
            "kind": "rearranged",
            "array": self.array.to_json(),
            "wide": list(self.wide),
            "axes": list(self.axes),
            **layout_to_json(self.layout),
        }


def _blocks(before: Shape, after: Shape) -> list[_Block]:
    """Cut two shapes of one size into the smallest blocks of the same size."""
    blocks: list[_Block] = []
    i = j = 0
    while i < len(before) or j < len(after):
        a, b = i, j
        left = right = 1
        if i < len(before):
            left, i = before[i], i + 1
        if j < len(after):
            right, j = after[j], j + 1
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
            else:
                right, j = right * after[j], j + 1
        blocks.append(_Block(before[a:i], after[b:j]))
    return blocks


def _plan(block: _Block, region: Sequence[slice]) -> tuple[list[slice], np.ndarray | None]:
    """The box before the block that holds a region after it, and which of its elements are wanted; None: all."""
    if len(block.before) == len(block.after) <= 1:
        return list(region), None
    low = _number([part.start for part in region], block.after)
    high = _number([part.stop - 1 for part in region], block.after)
    first, last = _place(low, block.before), _place(high, block.before)
    box: list[slice] = []
    apart = False
    for start, end, length in zip(first, last, block.before, strict=True):
        # up to the first index that differs the box is one thick; behind it, it has everything
        box.append(slice(0, length) if apart else slice(start, end + 1))
        apart = apart or start != end
    base = _number([part.start for part in box], block.before)
    wanted: np.ndarray = np.zeros((), np.intp)
    for part, length in zip(region, block.after, strict=True):
        wanted = wanted[..., None] * length + np.arange(part.start, part.stop)
    wanted = wanted.ravel() - base
    count = math.prod(part.stop - part.start for part in box)
    return box, None if len(wanted) == count else wanted


def _number(place: Sequence[int], shape: Shape) -> int:
    """Number of an element, counted with the last index fastest."""
    number = 0
    for index, length in zip(place, shape, strict=True):
        number = number * length + index
    return number


def _place(number: int, shape: Shape) -> Shape:
    """Indices of an element."""
    place = []
    for length in reversed(shape):
        number, index = divmod(number, length)
        place.append(index)
    return tuple(reversed(place))


def joined_chunks(groups: Sequence[tuple[Sequence[int], Sequence[int]]], elements: int) -> Shape:
    """Shape of a tile of axes joined in groups, so that few tiles below are read twice.

    Parameters
    ----------
    groups : sequence of (shape, chunks)
        Lengths of the axes of each group, and of tiles along them.
    elements : int
        Most elements of a tile.

    Examples
    --------
    >>> joined_chunks([((5, 7, 1000), (1, 1, 300)), ((50,), (50,))], 10**6)
    (300, 50)
    >>> joined_chunks([((5, 7, 20), (1, 1, 20)), ((), ())], 10**6)
    (500, 1)
    """
    found = [_run(shape, chunks) for shape, chunks in groups]
    for at, (shape, _) in enumerate(groups):
        # short runs are joined to longer tiles, as far as there is room
        times = max(1, min(JOINED // found[at], elements // max(1, math.prod(found))))
        found[at] = max(1, min(found[at] * times, math.prod(shape)))
    while math.prod(found) > elements and max(found) > 1:
        longest = found.index(max(found))
        found[longest] = -(-found[longest] // 2)
    return tuple(found)


def _run(shape: Sequence[int], chunks: Sequence[int]) -> int:
    """How many elements of joined axes follow one another in a tile below."""
    run = 1
    for length, chunk in zip(reversed(shape), reversed(chunks), strict=True):
        run *= max(1, min(chunk, length))
        if chunk < length:
            break
    return run
