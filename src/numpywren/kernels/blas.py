"""Typed calls of BLAS: column-major matrices given as an address and a leading dimension.

Every function takes the precision's letter first, and lets go of the GIL while it computes. Nothing is checked here but
the range of the integers; kernels check shapes.
"""

from __future__ import annotations

from numpywren.kernels.capsule import Address, char, integer, routine, scalar

__all__ = ["gemm", "syrk", "trsm"]


def gemm(
    letter: str,
    transa: str,
    transb: str,
    m: int,
    n: int,
    k: int,
    alpha: complex,
    a: Address,
    lda: int,
    b: Address,
    ldb: int,
    beta: complex,
    c: Address,
    ldc: int,
) -> None:
    """C ← α op(A) op(B) + β C, with C m×n and the inner dimension k."""
    routine("blas", letter + "gemm")(
        char(transa),
        char(transb),
        integer(m),
        integer(n),
        integer(k),
        scalar(letter, alpha),
        a,
        integer(lda),
        b,
        integer(ldb),
        scalar(letter, beta),
        c,
        integer(ldc),
    )


def syrk(
    letter: str,
    uplo: str,
    trans: str,
    n: int,
    k: int,
    alpha: float,
    a: Address,
    lda: int,
    beta: float,
    c: Address,
    ldc: int,
) -> None:
    """C ← α A Aᴴ + β C (trans "N") or α Aᴴ A + β C (trans "C") in one triangle of the n×n matrix C; herk if complex."""
    if letter in "cz":
        name, real = letter + "herk", "s" if letter == "c" else "d"
    else:
        name, real = letter + "syrk", letter
    routine("blas", name)(
        char(uplo),
        char(trans),
        integer(n),
        integer(k),
        scalar(real, alpha),
        a,
        integer(lda),
        scalar(real, beta),
        c,
        integer(ldc),
    )


def trsm(
    letter: str, side: str, uplo: str, trans: str, diag: str, m: int, n: int, a: Address, lda: int, b: Address, ldb: int
) -> None:
    """B ← op(A)⁻¹ B (side "L") or B op(A)⁻¹ (side "R"), with B m×n and A triangular."""
    routine("blas", letter + "trsm")(
        char(side),
        char(uplo),
        char(trans),
        char(diag),
        integer(m),
        integer(n),
        scalar(letter, 1.0),
        a,
        integer(lda),
        b,
        integer(ldb),
    )
