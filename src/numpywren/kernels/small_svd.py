"""Last steps of a singular value decomposition that a random sketch has made small, and the signs of its vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = [
    "adjoint_rows",
    "factors",
    "join_phases",
    "largest_entries",
    "phases_of",
    "spectrum_of_triangle",
]


def factors(r: NDArray, rank: int) -> tuple[NDArray, NDArray, NDArray]:
    """For P (Q r)ᴴ with orthonormal P and Q: w, s, v with its best approximation (P w) diag(s) (Q v)ᴴ of this rank."""
    left, s, righth = np.linalg.svd(r, full_matrices=False)
    return righth[:rank].conj().T, s[:rank], left[:, :rank]


def phases_of(v: NDArray) -> NDArray:
    """Numbers of modulus 1 that make the largest entry of each column real and positive."""
    if not v.size:
        return np.ones(v.shape[1], v.dtype)
    largest = v[np.abs(v).argmax(axis=0), np.arange(v.shape[1])]
    size = np.abs(largest)
    phases: NDArray = np.divide(largest.conj(), size, out=np.ones_like(largest), where=size > 0)
    return phases


@kernel(
    results=3,
    shape=lambda r, rank=1: ((r[1], rank), (rank,), (r[0], rank)),
    flops=lambda r, rank=1: 20.0 * r[0] * r[1] ** 2,
)
def spectrum_of_triangle(r: NDArray, *, rank: int) -> tuple[NDArray, NDArray, NDArray]:
    """Leading singular values and vectors of P (Q r)ᴴ, P and Q with orthonormal columns.

    Parameters
    ----------
    r : ndarray, shape (l, l)
    rank : int

    Returns
    -------
    w : ndarray, shape (l, rank)
        P w are the left singular vectors.
    s : ndarray, shape (rank,)
        Singular values, real.
    v : ndarray, shape (l, rank)
        Q v are the right singular vectors.
    """
    w, s, v = factors(r, rank)
    return np.asfortranarray(w), s, np.asfortranarray(v)


@kernel(shape=lambda v: (1, v[1]), flops=lambda v: float(v[0] * v[1]))
def largest_entries(v: NDArray) -> NDArray:
    """Entry of largest modulus of each column, as a row; zeros if there is none."""
    found = np.zeros((1, v.shape[1]), common_dtype(v), order="F")
    if v.size:
        found[0] = v[np.abs(v).argmax(axis=0), np.arange(v.shape[1])]
    return found


@kernel(shape=lambda pieces: pieces[0])
def join_phases(pieces: Sequence[NDArray]) -> NDArray:
    """Numbers that make the largest entry of each column real and positive, as a row.

    Parameters
    ----------
    pieces : list of ndarray, each of shape (1, k)
        What `largest_entries` found in parts of the columns.
    """
    return np.asfortranarray(phases_of(np.concatenate(pieces))[None, :])


def _rows_shape(v: Shape, *, part: int, chunk: int) -> Shape:
    return (v[1], max(0, min(chunk, v[0] - part * chunk)))


@kernel(shape=_rows_shape)
def adjoint_rows(v: NDArray, *, part: int, chunk: int) -> NDArray:
    """Conjugate transpose of tile `part` of the rows of `v`, cut into tiles of `chunk` rows."""
    rows = v[part * chunk : (part + 1) * chunk]
    return np.asfortranarray(rows.conj().T)
