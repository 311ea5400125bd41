"""How a kernel says that the mathematics failed."""

from __future__ import annotations

import numpy as np

__all__ = ["LeadingMinorError", "SingularTileError"]


class LeadingMinorError(np.linalg.LinAlgError):
    """A tile that is not positive definite.

    Parameters
    ----------
    minor : int
        Order of the first leading minor, inside the tile and counted from 1, that is not positive.
    """

    def __init__(self, minor: int) -> None:
        super().__init__(minor)
        self.minor = minor

    def __str__(self) -> str:
        return f"leading minor of order {self.minor} is not positive: the matrix is not positive definite"


class SingularTileError(np.linalg.LinAlgError):
    """A triangular tile with a zero on its diagonal.

    Parameters
    ----------
    index : int
        Position of the first such zero inside the tile, counted from 0.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index

    def __str__(self) -> str:
        return f"singular matrix: element ({self.index}, {self.index}) of a triangular tile is zero"
