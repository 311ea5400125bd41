"""An array seen in another shape: axes repeated, put in another order, joined and split. No number is moved.

A region of such a view is read as boxes of the array below it. They hold the region and no more where axes are permuted
or joined; where an axis is split, they also hold what lies between elements wanted, but never more at once than the
region, or a tile of the array below, has elements.
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
        lists: list[list[_Piece]] = []
        first = 0
        room = max(1, math.prod(self.array.chunks) // math.prod(shape))
        for block in self._blocks:
            lists.append(_pieces(block, region[first : first + len(block.after)], room))
            room = 1 if any(piece.wanted is not None for piece in lists[-1]) else room
            first += len(block.after)
        result = np.empty([pieces[-1].place.stop for pieces in lists], self.layout.dtype)
        for pieces in itertools.product(*lists):
            part = result[tuple(piece.place for piece in pieces)]
            if all(piece.wanted is None for piece in pieces):
                self._fill(part, pieces)
                continue
            found = np.empty([piece.size for piece in pieces], self.layout.dtype)
            self._fill(found, pieces)
            for axis, piece in enumerate(pieces):
                if piece.wanted is not None:
                    found = found.take(piece.wanted, axis=axis)
            part[...] = found
        return np.array(result.reshape(shape), order="F")

    def _fill(self, found: np.ndarray, pieces: Sequence[_Piece]) -> None:
        """Read all elements of some pieces, one of each block."""
        for boxes in itertools.product(*(piece.boxes for piece in pieces)):
            box = [part for one in boxes for part in one.box]
            place = tuple(slice(one.first, one.first + one.size) for one in boxes)
            found[place] = self._box(box).reshape([one.size for one in boxes])

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


class _Box(NamedTuple):
    """Some elements that follow one another."""

    box: tuple[slice, ...]
    #: Which of the range it begins with, and how many there are.
    first: int
    size: int


class _Piece(NamedTuple):
    """Elements of a block that follow one another, and those of them that are wanted; None: all, in order."""

    boxes: tuple[_Box, ...]
    size: int
    #: Where in the region the elements that are wanted belong.
    place: slice
    wanted: np.ndarray | None


def _pieces(block: _Block, region: Sequence[slice], room: int) -> list[_Piece]:
    """Ranges before the block that hold a region after it, none longer than `room` times the elements wanted."""
    starts, run = _runs(region, block.after)
    longest = run * len(starts) * room
    pieces: list[_Piece] = []
    done = 0
    while done < len(starts):
        low = int(starts[done])
        stop = int(np.searchsorted(starts, low + longest - run, side="right"))
        inside = starts[done:stop] - low
        size = int(inside[-1]) + run
        boxes, first = [], 0
        for box in _boxes(low, low + size - 1, block.before):
            boxes.append(_Box(box, first, math.prod(part.stop - part.start for part in box)))
            first += boxes[-1].size
        wanted = None if size == run * len(inside) else np.add.outer(inside, np.arange(run)).ravel()
        pieces.append(_Piece(tuple(boxes), size, slice(done * run, stop * run), wanted))
        done = stop
    return pieces


def _runs(region: Sequence[slice], shape: Shape) -> tuple[np.ndarray, int]:
    """Numbers of the elements with which runs of consecutive elements of a region begin, and how long each run is."""
    run, axis = 1, len(shape)
    while axis > 0:
        axis -= 1
        part, length = region[axis], shape[axis]
        run *= part.stop - part.start
        if part.stop - part.start < length:
            break
    starts: np.ndarray = np.zeros((), np.intp)
    for place, (part, length) in enumerate(zip(region, shape, strict=True)):
        indices = np.arange(part.start, part.stop if place < axis else part.start + 1)
        starts = starts[..., None] * length + indices
    return starts.ravel(), run


def _boxes(low: int, high: int, shape: Shape) -> list[tuple[slice, ...]]:
    """Boxes, in order, that hold the elements `low` to `high` and no others: at most two for each axis but the last.

    Examples
    --------
    >>> [[(part.start, part.stop) for part in box] for box in _boxes(3, 12, (4, 4))]
    [[(0, 1), (3, 4)], [(1, 3), (0, 4)], [(3, 4), (0, 1)]]
    """
    if not shape:
        return [()]
    inner = math.prod(shape[1:])
    (first, start), (last, stop) = divmod(low, inner), divmod(high, inner)
    if first == last:
        return [(slice(first, first + 1), *rest) for rest in _boxes(start, stop, shape[1:])]
    head: list[tuple[slice, ...]] = []
    tail: list[tuple[slice, ...]] = []
    if start:
        head = [(slice(first, first + 1), *rest) for rest in _boxes(start, inner - 1, shape[1:])]
        first += 1
    if stop < inner - 1:
        tail = [(slice(last, last + 1), *rest) for rest in _boxes(0, stop, shape[1:])]
        last -= 1
    whole = [(slice(first, last + 1), *(slice(0, length) for length in shape[1:]))] if first <= last else []
    return [*head, *whole, *tail]


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
