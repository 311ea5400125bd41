"""Typed calls of LAPACK's LU factorization: column-major matrices as addresses, the GIL released."""

from __future__ import annotations

import ctypes

import numpy as np

from numpywren.kernels.capsule import Address, NDArray, address, integer, routine

__all__ = ["getrf"]


def getrf(letter: str, m: int, n: int, a: Address, lda: int) -> NDArray:
    """A ← L U with partial pivoting, in place; returns the row with which each row was exchanged, counted from 0.

    A pivot that is exactly zero is passed over, as LAPACK does: its column of L is zero below the diagonal.
    """
    pivots = np.arange(1, min(m, n) + 1, dtype=np.int32)
    if pivots.size:
        info = ctypes.c_int(0)
        routine("lapack", letter + "getrf")(
            integer(m), integer(n), a, integer(lda), address(pivots), ctypes.byref(info)
        )
    # among numbers that are none, BLAS may name a row that is not below
    return np.clip(pivots.astype(np.int64) - 1, np.arange(pivots.size), max(0, m - 1))
