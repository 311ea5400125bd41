"""What is known of the tiles of one matrix while a run is gone through: when each is there, and until when."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpywren.matrix import Partition
from numpywren.planner.reach import Span
from numpywren.planner.vector import Integers

__all__ = ["FAR", "Spread", "TileTimes", "folded"]

#: Indices, each a number or an array; they broadcast together.
Places = Any

#: More tasks than any chain has.
FAR = 2**40


class Spread(NamedTuple):
    """How tiles lie in an array.

    Attributes
    ----------
    low : tuple of int
        Least value of each index.
    strides : tuple of int
        Distance between tiles whose index differs by 1.
    """

    low: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, reach: Sequence[Span]) -> Spread:
        """That of a dense array of all tiles between bounds, the last index next to one another."""
        widths = [max(high - low + 1, 1) for low, high in reach]
        strides = tuple(math.prod(widths[place + 1 :]) for place in range(len(widths)))
        return cls(tuple(low for low, _ in reach), strides)


class TileTimes:
    """Times of the tiles of one matrix that tasks write.

    Memory that nobody has written to is not there yet, so the bounds of the indices may be wide.

    Parameters
    ----------
    reach : sequence of tuple of int
        Bounds of each index.
    counted : bool
        Whether tiles are deleted after their last reader.
    free : bool
        Whether their shapes do not follow from their places.

    Attributes
    ----------
    finish : ndarray of float64
        When each was written, in seconds.
    chain : ndarray of int64
        Tasks on the longest chain that ends with it, less `FAR`; 0 for one that is not written yet, so that the
        greatest of many also tells whether one of them is not.
    spread : Spread
        How tiles lie in these arrays.
    last : ndarray of float64 or None
        When the last of its readers so far was done.
    form : ndarray of int32 or None
        Numbers of their shapes.
    """

    def __init__(self, reach: Sequence[Span], *, counted: bool, free: bool) -> None:
        self.spread = Spread.of(reach)
        self._widths = [max(high - low + 1, 1) for low, high in reach]
        cells = math.prod(self._widths)
        self.finish = _blank(cells, np.float64)
        self.chain = _blank(cells, np.int64)
        self.last = _blank(cells, np.float64) if counted else None
        self.form = _blank(cells, np.int32) if free else None

    def find(self, index: Sequence[Places]) -> Places:
        """Where tiles are in the arrays."""
        found: Places = 0
        for place, low, stride in zip(index, *self.spread, strict=True):
            found = found + (place - low) * stride
        return found

    def used(self, where: Places, finish: Places, shape: tuple[int, ...]) -> None:
        """Tasks that read tiles are done; `shape` is that of all of the tasks and their tiles together."""
        if self.last is not None:
            done = folded(np.broadcast_to(finish, np.broadcast_shapes(np.shape(finish), (1,) * len(shape))), where)
            _raise(self.last, where, done)

    def deaths(self, grid: Sequence[tuple[int, Partition]], elements: Integers) -> Iterator[tuple[Any, Any]]:
        """Moments at which tiles were done with, and how many numbers these had.

        Parameters
        ----------
        grid : sequence of tuple of int and Partition
            Which indices count tiles along a dimension that is cut so.
        elements : ndarray of int64
            Of each shape, by its number, where they are free.
        """
        if self.last is None or not self.chain.any():
            return
        sizes: Any = np.ones((1,) * len(self._widths), dtype=np.int64)
        for place, part in grid:
            along = np.array([part.size(number) for number in range(part.tiles)], dtype=np.int64)
            around = [1] * len(self._widths)
            around[place] = self._widths[place]
            low = self.spread.low[place]
            sizes = sizes * along[low : low + self._widths[place]].reshape(around)
        rows = self._widths[0] if self._widths else 1
        step = len(self.chain) // rows
        for row in range(rows):
            part_of = slice(row * step, row * step + step)
            written = np.flatnonzero(self.chain[part_of])
            if not len(written):
                continue
            moments = np.maximum(self.finish[part_of], self.last[part_of])[written]
            if self.form is not None:
                yield moments, elements[self.form[part_of][written]]
            else:
                one = sizes[row % len(sizes)] if sizes.ndim else sizes
                yield moments, np.broadcast_to(one, self._widths[1:] or (1,)).reshape(-1)[written]


def _blank(cells: int, dtype: type) -> NDArray[Any]:
    """Zeros that take memory page by page, where something is written; NumPy's own take it two megabytes at a time."""
    return np.frombuffer(mmap.mmap(-1, cells * np.dtype(dtype).itemsize, access=mmap.ACCESS_COPY), dtype=dtype)


def _raise(amounts: NDArray[Any], where: Places, least: NDArray[Any]) -> None:
    """Make amounts at some places as great at least; faster where no place comes twice."""
    if np.ndim(where) and not (np.diff(where.reshape(-1)) > 0).all() and not (np.diff(where.T.reshape(-1)) > 0).all():
        np.maximum.at(amounts, where, least)
    else:
        amounts[where] = np.maximum(amounts[where], least)


def folded(amounts: NDArray[Any], where: Places) -> NDArray[Any]:
    """The greatest of amounts along each axis that makes no difference to `where`."""
    shape = np.shape(where)
    shape = (1,) * (amounts.ndim - len(shape)) + shape
    axes = tuple(
        axis for axis, (mine, its) in enumerate(zip(amounts.shape, shape, strict=False)) if mine > 1 and its == 1
    )
    if axes:
        amounts = amounts.max(axis=axes, keepdims=True)
    extra = amounts.ndim - np.ndim(where)
    return amounts.reshape(amounts.shape[extra:]) if extra > 0 else amounts
