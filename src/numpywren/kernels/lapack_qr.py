"""Typed calls of LAPACK's QR factorizations, as `numpywren.kernels.lapack`: in place, the GIL released."""

from __future__ import annotations

import ctypes

from numpywren.kernels.capsule import Address, integer, routine

__all__ = ["geqrt3", "tpqrt2"]


def geqrt3(letter: str, m: int, n: int, a: Address, lda: int, t: Address, ldt: int) -> None:
    """Factor the m×n matrix A, m ≥ n, as Q R with Q = I - V T Vᴴ.

    R goes on and above the diagonal of A, the reflectors V below it.
    """
    info = ctypes.c_int(0)
    routine("lapack", letter + "geqrt3")(integer(m), integer(n), a, integer(lda), t, integer(ldt), ctypes.byref(info))
    assert not info.value, info.value  # only says which argument was wrong


def tpqrt2(
    letter: str,
    m: int,
    n: int,
    trapezoid: int,
    a: Address,
    lda: int,
    b: Address,
    ldb: int,
    t: Address,
    ldt: int,
) -> None:
    """Factor an upper triangle A (n×n) on top of B (m×n), whose last rows are upper trapezoidal, as Q R.

    R replaces A, the lower part V of the reflectors [I; V] replaces B, and T is as for `geqrt3`.
    """
    info = ctypes.c_int(0)
    routine("lapack", letter + "tpqrt2")(
        integer(m),
        integer(n),
        integer(trapezoid),
        a,
        integer(lda),
        b,
        integer(ldb),
        t,
        integer(ldt),
        ctypes.byref(info),
    )
    assert not info.value, info.value
