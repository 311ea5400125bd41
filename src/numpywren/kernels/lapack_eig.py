"""Typed calls of LAPACK's Hermitian eigenproblem routines: column-major, the GIL released."""

from __future__ import annotations

import ctypes

import numpy as np

from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, char, integer, routine, scalar

__all__ = ["check_converged", "heevd", "laed4", "stedc", "sterf"]


def check_converged(name: str, info: int) -> None:
    """Raise what NumPy raises where LAPACK's info says that an iteration did not converge."""
    if info:
        raise np.linalg.LinAlgError(
            f"eigenvalues did not converge (LAPACK's {name}: {info}); look for infinities and NaNs in the matrix"
        )


def sterf(d: NDArray, e: NDArray) -> int:
    """Eigenvalues of the real symmetric tridiagonal matrix (d, e), which are left in d; returns LAPACK's info."""
    info = ctypes.c_int(0)
    routine("lapack", LETTERS[d.dtype] + "sterf")(integer(d.size), address(d), address(e), ctypes.byref(info))
    return info.value


def stedc(d: NDArray, e: NDArray, z: NDArray) -> int:
    """Eigenvalues, left in d, and eigenvectors, written to z, of the real symmetric tridiagonal matrix (d, e).

    Returns LAPACK's info (k > 0: not converged).
    """
    n = d.size
    length, ilength = (1, 1) if n <= 1 else (1 + 4 * n + n * n, 3 + 5 * n)
    work, iwork = fresh((length,), d.dtype), np.empty(ilength, np.int32)
    info = ctypes.c_int(0)
    routine("lapack", LETTERS[d.dtype] + "stedc")(
        char("I"),
        integer(n),
        address(d),
        address(e),
        address(z),
        integer(max(1, n)),
        address(work),
        integer(length),
        address(iwork),
        integer(ilength),
        ctypes.byref(info),
    )
    return info.value


def laed4(root: int, d: NDArray, z: NDArray, rho: float, away: NDArray) -> int:
    """Write to `away` the distances d_j - λ of three poles or more from a root λ of 1 + ρ Σ z_j² / (d_j - λ).

    Poles ascend; roots count from 0. Returns LAPACK's info (k > 0: not converged).
    """
    info, value = ctypes.c_int(0), np.empty(1, d.dtype)
    letter = LETTERS[d.dtype]
    routine("lapack", letter + "laed4")(
        integer(d.size),
        integer(root + 1),
        address(d),
        address(z),
        address(away),
        scalar(letter, rho),
        address(value),
        ctypes.byref(info),
    )
    return info.value


def heevd(jobz: str, a: NDArray, w: NDArray) -> int:
    """Eigenvalues w of the Hermitian matrix in the lower triangle of a, and with jobz "V" its eigenvectors, left in a.

    Returns LAPACK's info (k > 0: not converged).
    """
    letter, n = LETTERS[a.dtype], a.shape[0]
    hermitian = letter in "cz"
    # zeros, as a routine for real matrices leaves `real` as it is
    wanted, real, iwork = np.zeros(1, a.dtype), np.zeros(1, w.dtype), np.zeros(1, np.int32)
    info = ctypes.c_int(0)

    def call(work: NDArray, real: NDArray, iwork: NDArray, query: bool) -> None:
        def length(array: NDArray) -> object:
            return ctypes.byref(ctypes.c_int(-1 if query else array.size))

        extra = (address(real), length(real)) if hermitian else ()
        routine("lapack", letter + ("heevd" if hermitian else "syevd"))(
            char(jobz),
            char("L"),
            integer(n),
            address(a),
            integer(max(1, n)),
            address(w),
            address(work),
            length(work),
            *extra,
            address(iwork),
            length(iwork),
            ctypes.byref(info),
        )

    call(wanted, real, iwork, query=True)
    # single precision may round the length down
    sizes = [int(float(found[0].real) * (1 + 2e-7)) + 1 for found in (wanted, real)]
    call(
        np.empty(sizes[0], a.dtype),
        np.empty(sizes[1], w.dtype),
        np.empty(int(iwork[0]), np.int32),
        query=False,
    )
    return info.value
