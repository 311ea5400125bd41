"""Typed calls of LAPACK: column-major matrices given as an address and a leading dimension, the GIL released."""

from __future__ import annotations

import ctypes

from numpywren.kernels.capsule import Address, char, integer, routine

__all__ = ["potrf"]


def potrf(letter: str, uplo: str, n: int, a: Address, lda: int) -> int:
    """Factor the n×n Hermitian positive definite matrix A in place; returns LAPACK's info (k > 0: minor k failed)."""
    info = ctypes.c_int(0)
    routine("lapack", letter + "potrf")(char(uplo), integer(n), a, integer(lda), ctypes.byref(info))
    return info.value
