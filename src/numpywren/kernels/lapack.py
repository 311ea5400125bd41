"""Typed calls of LAPACK: column-major matrices given as an address and a leading dimension, the GIL released."""

from __future__ import annotations

import ctypes

from numpywren.kernels.capsule import Address, char, integer, routine

__all__ = ["lacpy", "potrf"]


def potrf(letter: str, uplo: str, n: int, a: Address, lda: int) -> int:
    """Factor the n×n Hermitian positive definite matrix A in place; returns LAPACK's info (k > 0: minor k failed)."""
    info = ctypes.c_int(0)
    routine("lapack", letter + "potrf")(char(uplo), integer(n), a, integer(lda), ctypes.byref(info))
    return info.value


def lacpy(letter: str, uplo: str, m: int, n: int, a: Address, lda: int, b: Address, ldb: int) -> None:
    """B ← A for one triangle ("L" or "U"), or all ("A"), of m×n matrices."""
    routine("lapack", letter + "lacpy")(char(uplo), integer(m), integer(n), a, integer(lda), b, integer(ldb))
