"""Typed calls of LAPACK's singular value decompositions: column-major, the GIL released."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from numpywren.kernels.capsule import LETTERS, Address, NDArray, address, char, integer, routine

__all__ = ["bdsdc", "gesdd", "lasda"]


def bdsdc(letter: str, compq: str, n: int, d: NDArray, e: NDArray, u: Address, vt: Address, ld: int) -> int:
    """Decompose a real n×n upper bidiagonal matrix with diagonal d, which becomes its singular values, and above it e.

    With compq "I", U and Vᵀ are written to `u` and `vt`; with "N", nothing is. Returns LAPACK's info (k > 0: not
    converged).
    """
    work = np.empty(max(1, 4 * n if compq == "N" else 3 * n * n + 4 * n), d.dtype)
    iwork = np.empty(max(1, 8 * n), np.int32)
    unused = np.empty(1, d.dtype)
    info = ctypes.c_int(0)
    routine("lapack", letter + "bdsdc")(
        char("U"),
        char(compq),
        integer(n),
        address(d),
        address(e),
        u,
        integer(ld),
        vt,
        integer(ld),
        address(unused),
        address(unused),
        address(work),
        address(iwork),
        ctypes.byref(info),
    )
    return info.value


def gesdd(
    dtype: np.dtype[Any],
    jobz: str,
    m: int,
    n: int,
    a: Address,
    s: NDArray,
    u: Address,
    ldu: int,
    vt: Address,
    ldvt: int,
) -> int:
    """Decompose the m×n matrix A = U diag(s) Vᴴ, overwriting it; jobz is "A", "S" or "N". Returns LAPACK's info."""
    letter = LETTERS[dtype]
    small, large = min(m, n), max(m, n)
    iwork = np.empty(max(1, 8 * small), np.int32)
    length = 7 * small if jobz == "N" else small * max(5 * small + 7, 2 * large + 2 * small + 1)
    real = np.empty(max(1, length) if dtype.kind == "c" else 0, s.dtype)
    info = ctypes.c_int(0)

    def call(work: NDArray, lwork: int) -> None:
        routine("lapack", letter + "gesdd")(
            char(jobz),
            integer(m),
            integer(n),
            a,
            integer(max(1, m)),
            address(s),
            u,
            integer(ldu),
            vt,
            integer(ldvt),
            address(work),
            ctypes.byref(ctypes.c_int(lwork)),
            *([address(real)] if dtype.kind == "c" else []),
            address(iwork),
            ctypes.byref(info),
        )

    wanted = np.zeros(1, dtype)
    call(wanted, -1)
    # a large number of single precision comes rounded, perhaps down
    lwork = int(np.nextafter(wanted[0].real, np.inf)) + 1
    call(np.empty(lwork, dtype), lwork)
    return info.value


def lasda(d: NDArray, e: NDArray) -> int:
    """Singular values of a real upper bidiagonal matrix by divide and conquer without vectors, in double precision.

    They replace d, in any order. Neither d nor e, given with one more element than the superdiagonal has, should be
    much larger than 1; e is overwritten. Returns LAPACK's info (k > 0: not converged).
    """
    n, leaf = len(d), 25
    levels = int(np.log2(max(1.0, n / (leaf + 1)))) + 2

    def room(columns: int, dtype: Any = np.float64) -> Address:
        kept.append(np.zeros((n, columns), dtype, order="F"))
        return address(kept[-1])

    kept: list[NDArray] = []
    work, iwork = np.empty(6 * n + (leaf + 1) ** 2), np.empty(7 * n + 1, np.int32)
    info = ctypes.c_int(0)
    routine("lapack", "dlasda")(
        integer(0),  # no vectors
        integer(leaf),
        integer(n),
        integer(0),  # square
        address(d),
        address(e),
        room(leaf),
        integer(n),
        room(leaf + 1),
        room(1, np.int32),
        room(levels),
        room(2 * levels),
        room(levels),
        room(2 * levels),
        room(1, np.int32),
        room(2 * levels, np.int32),
        integer(n),
        room(levels, np.int32),
        room(2 * levels),
        room(1),
        room(1),
        address(work),
        address(iwork),
        ctypes.byref(info),
    )
    return info.value
