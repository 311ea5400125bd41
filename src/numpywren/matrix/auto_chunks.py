"""The tile length when nobody chose one."""

from __future__ import annotations

import math

__all__ = ["auto_chunk", "auto_chunks", "slab_shape", "tile_chunks"]

SMALLEST, LARGEST = 512, 2048
#: Tiles wanted along a dimension, so that an algorithm has something to do in parallel.
TILES_WANTED = 8
#: Tile lengths are multiples of this, the unit in which kernels unroll and memory is paged.
MULTIPLE = 64
#: Bytes that a copy may hold at once, where tiles are smaller than that.
SLAB_BYTES = 256 << 20


def auto_chunk(n_rows: int, n_cols: int, itemsize: int) -> tuple[int, int]:
    """Rows and columns of a tile for a matrix of this shape.

    One tile up to 512; above it an eighth of the longer side, between 512 and 2048, so that a small matrix still has
    parallelism and a large one has tiles whose arithmetic outweighs their traffic.

    Parameters
    ----------
    n_rows, n_cols : int
        Shape of the matrix.
    itemsize : int
        Bytes an element; tiles of 16-byte elements count double, and are made shorter where they reach the limit.

    Examples
    --------
    >>> auto_chunk(300, 300, 8), auto_chunk(10_000, 10_000, 8), auto_chunk(40_000, 3, 8)
    ((300, 300), (1280, 1280), (2048, 3))
    """
    longest = max(n_rows, n_cols)
    if longest <= SMALLEST:
        chunk = SMALLEST
    else:
        eighth = -(-longest // TILES_WANTED)
        chunk = -(-eighth // MULTIPLE) * MULTIPLE
        chunk = max(SMALLEST, min(LARGEST if itemsize <= 8 else LARGEST * 3 // 4, chunk))
    return max(1, min(chunk, n_rows)), max(1, min(chunk, n_cols))


def auto_chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Shape of a tile for an array of any number of dimensions; leading dimensions of a stack have tiles of length 1.

    Examples
    --------
    >>> auto_chunks((7, 300, 300), 8), auto_chunks((10_000,), 8)
    ((1, 300, 300), (1280,))
    """
    if len(shape) == 1:
        return auto_chunk(shape[0], 1, itemsize)[:1]
    return (1,) * (len(shape) - 2) + auto_chunk(shape[-2], shape[-1], itemsize)


def tile_chunks(shape: tuple[int, ...], stored: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """How to cut an array into tiles that somebody else stored in chunks.

    A chunk that is near the length of a tile is a tile; of smaller ones a tile takes a whole number; a longer one is
    cut.

    Examples
    --------
    >>> tile_chunks((10_000, 10_000), (1000, 100), 8)
    (1000, 1200)
    """
    return tuple(map(_cut, shape, stored, auto_chunks(shape, itemsize)))


def _cut(length: int, stored: int, wanted: int) -> int:
    if wanted >= length:
        return max(1, length)
    if wanted == 1 or stored > 2 * wanted:
        return wanted
    if 2 * stored >= wanted:
        return min(stored, length)
    return stored * (wanted // stored)


def slab_shape(tile: tuple[int, ...], pieces: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """How much to read at once when tiles are filled from longer pieces, so that few pieces are read twice.

    A whole number of tiles along each dimension, as many as a piece spans, but no more than memory allows.

    Examples
    --------
    >>> slab_shape((1000, 1000), (10, 100_000), 8)
    (1000, 25000)
    """
    counts = [-(-piece // length) for piece, length in zip(pieces, tile, strict=True)]
    while max(counts) > 1 and math.prod(tile) * math.prod(counts) * itemsize > SLAB_BYTES:
        longest = counts.index(max(counts))
        counts[longest] = -(-counts[longest] // 2)
    return tuple(count * length for count, length in zip(counts, tile, strict=True))
