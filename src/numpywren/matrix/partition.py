"""How one dimension of a matrix is cut into tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Partition", "grid", "tile_indices"]


@dataclass(frozen=True, slots=True)
class Partition:
    """A dimension of `length` cut into tiles of `chunk`, the last one being what is left over.

    Attributes
    ----------
    length : int
        Elements along the dimension; 0 has no tiles.
    chunk : int
        Elements in every tile but the last; cut to `length`, so that equal cuts compare equal.

    Examples
    --------
    >>> rows = Partition(1000, 300)
    >>> rows.tiles, rows.size(3), rows.slice(3)
    (4, 100, slice(900, 1000, None))
    """

    length: int
    chunk: int

    def __post_init__(self) -> None:
        if self.length < 0 or self.chunk < 1:
            raise ValueError(f"a partition needs length >= 0 and chunk >= 1, not {self.length} and {self.chunk}")
        object.__setattr__(self, "chunk", max(1, min(self.chunk, self.length)))

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return -(-self.length // self.chunk)

    def slice(self, index: int) -> slice:
        """Where tile `index` lies."""
        if not 0 <= index < self.tiles:
            raise IndexError(f"tile {index} of a dimension with {self.tiles} tiles")
        return slice(index * self.chunk, min((index + 1) * self.chunk, self.length))

    def size(self, index: int) -> int:
        """Length of tile `index`."""
        part = self.slice(index)
        return int(part.stop - part.start)

    def touching(self, start: int, stop: int) -> range:
        """Tiles that have elements in ``start:stop``."""
        return range(start // self.chunk, -(-stop // self.chunk)) if start < stop else range(0)


def grid(shape: Sequence[int], chunks: Sequence[int]) -> tuple[Partition, ...]:
    """One partition for each dimension."""
    return tuple(Partition(length, chunk) for length, chunk in zip(shape, chunks, strict=True))


def tile_indices(partitions: Sequence[Partition]) -> Iterator[tuple[int, ...]]:
    """Every index in a grid, the last dimension slowest: the order in which column-major data lie."""
    counts = [partition.tiles for partition in partitions]
    for number in range(math.prod(counts)):
        index = []
        for count in counts:
            number, position = divmod(number, count)
            index.append(position)
        yield tuple(index)
