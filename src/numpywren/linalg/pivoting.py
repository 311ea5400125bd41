"""How a matrix is cut for LU factorization, and how tall a panel may be for partial pivoting."""

from __future__ import annotations

import numpy as np

from numpywren.linalg.arguments import held_tiles, square_side
from numpywren.matrix import Array, Partition

__all__ = ["factor_cuts", "panel_tiles"]

#: Tiles that a task needs for each tile of its panel (the tile, the panel joined, the factors, and these once more
#: while they are written); and beside these, those that it reads ahead, and pivots.
HELD_PER_TILE, HELD_BESIDE = 4, 4


def factor_cuts(a: Array) -> tuple[Partition, Partition]:
    """How rows and columns of a matrix are cut: into square tiles, but where it is one tile wide, or high.

    A panel's pivots move rows of its first tile only, which therefore must not have fewer rows than the panel columns.
    Chunks that are far from square, such as single rows, give way to squares of their size.
    """
    m, n = a.shape[-2:]
    rows, columns = (max(1, chunk) for chunk in a.chunks[-2:])
    if not (rows >= n <= columns or columns >= m <= rows):
        rows = columns = square_side(a)
    return Partition(m, max(1, min(rows, m))), Partition(n, max(1, min(columns, n)))


def panel_tiles(rows: Partition, columns: Partition, dtype: np.dtype[np.generic]) -> int:
    """How many tiles one task may factor together: the panels that are taller play a tournament."""
    held = held_tiles(rows.chunk * columns.chunk * dtype.itemsize)
    return max(1, min(rows.tiles, (held - HELD_BESIDE) // HELD_PER_TILE))
