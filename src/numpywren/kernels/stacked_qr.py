"""QR factorization of small matrices on top of one another: a node of the tree of a tall and skinny QR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["stacked_qr"]


def _shape(pieces: tuple[Shape, ...]) -> tuple[Shape, ...]:
    columns = pieces[0][1]
    width = min(sum(piece[0] for piece in pieces), columns)
    return (*((piece[0], width) for piece in pieces), (width, columns))


def _flops(pieces: tuple[Shape, ...]) -> float:
    """4 M l², for R and for Q."""
    return 4.0 * sum(piece[0] for piece in pieces) * pieces[0][1] ** 2


@kernel(results="any", shape=_shape, flops=_flops)
def stacked_qr(pieces: Sequence[NDArray]) -> tuple[NDArray, ...]:
    """Factor [A1; …; As] = [Q1; …; Qs] R.

    Parameters
    ----------
    pieces : list of ndarray, shapes (m1, l), …, (ms, l)

    Returns
    -------
    tuple of ndarray
        Q1, …, Qs of shapes (m1, k), …, (ms, k) and R of shape (k, l), with k the smaller of l and m1 + … + ms. The Qs
        on top of one another have orthonormal columns.
    """
    orthonormal, triangle = np.linalg.qr(np.concatenate(pieces))
    ends = np.cumsum([len(piece) for piece in pieces])[:-1]
    return (*(np.asfortranarray(piece) for piece in np.split(orthonormal, ends)), np.asfortranarray(triangle))
