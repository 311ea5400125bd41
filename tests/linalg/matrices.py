"""Matrices and grids on which every function is tried; one row of a table each."""

import numpy as np

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]

#: (order, tile) pairs: whole tiles, ragged edges, one tile, tiles larger than the matrix, single elements.
GRIDS = [(1, 1), (1, 4), (2, 1), (5, 8), (7, 3), (8, 4), (9, 2), (12, 5), (27, 3), (33, 8)]


def rng(seed=0):
    return np.random.default_rng(seed)


def random(shape, dtype, seed=0):
    """Entries of the standard normal distribution, complex where the dtype is."""
    source = rng(seed)
    real = source.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        real = real + 1j * source.standard_normal(shape)
    return real.astype(dtype)


def positive_definite(n, dtype, seed=0):
    """Well conditioned, Hermitian."""
    a = random((n, n), dtype, seed)
    return (a @ a.conj().T + n * np.eye(n)).astype(dtype)


def hilbert_like(n, dtype):
    """Ill conditioned, positive definite: a Matérn covariance with a tiny nugget."""
    x = np.sort(rng(3).random(n))
    d = np.abs(x[:, None] - x[None, :]) / 0.3
    return ((1 + d) * np.exp(-d) + 1e3 * np.finfo(dtype).eps * np.eye(n)).astype(dtype)


def triangular(n, dtype, lower, seed=0):
    """Well conditioned, with rubbish in the other triangle that nobody may read."""
    a = random((n, n), dtype, seed) / max(n, 1)
    a += 2 * np.eye(n, dtype=dtype)
    return a


def eps(dtype):
    return float(np.finfo(dtype).eps)
