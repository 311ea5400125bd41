"""Triangular solves in place, mostly by gemm.

OpenBLAS's own trsm runs at two thirds of its gemm's rate. Halving the triangle until it is small leaves nearly all the
work to gemm, and is as stable: each column of the result solves a slightly perturbed triangular system, as after
substitution.

References
----------
N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., SIAM 2002, sections 8.1 and 13.2.
"""

from __future__ import annotations

from typing import NamedTuple

from numpywren.kernels import blas
from numpywren.kernels.capsule import Address

__all__ = ["Triangle", "halves", "solve_left", "solve_right"]

#: Order of the triangles that are left to BLAS.
_SMALL = 64


class Triangle(NamedTuple):
    """op(A), with A triangular and column-major."""

    letter: str
    itemsize: int
    uplo: str
    trans: str
    diag: str
    where: Address
    ld: int

    @property
    def lower(self) -> bool:
        """Whether op(A) is lower triangular."""
        return (self.uplo == "L") == (self.trans == "N")

    def block(self, i: int, j: int) -> Address:
        """Where the block of op(A) that starts at row i and column j starts in memory."""
        if self.trans != "N":
            i, j = j, i
        return self.where + (i + j * self.ld) * self.itemsize

    def corner(self, i: int) -> Triangle:
        """Return the triangle from diagonal element i on."""
        return self._replace(where=self.block(i, i))


def halves(n: int, block: int) -> int:
    """Return where to cut n, at a multiple of `block`: in the middle, or just above it."""
    return (n // 2 + block - 1) // block * block or n // 2


def solve_left(t: Triangle, m: int, n: int, b: Address, ldb: int) -> None:
    """B ← op(A)⁻¹ B in place, with A m×m and B m×n."""
    if m <= _SMALL:
        blas.trsm(t.letter, "L", t.uplo, t.trans, t.diag, m, n, t.where, t.ld, b, ldb)
        return
    h = halves(m, _SMALL)
    below = b + h * t.itemsize
    if t.lower:
        # X1 = L11⁻¹ B1;  X2 = L22⁻¹ (B2 - L21 X1)
        solve_left(t, h, n, b, ldb)
        blas.gemm(t.letter, t.trans, "N", m - h, n, h, -1.0, t.block(h, 0), t.ld, b, ldb, 1.0, below, ldb)
        solve_left(t.corner(h), m - h, n, below, ldb)
    else:
        # X2 = U22⁻¹ B2;  X1 = U11⁻¹ (B1 - U12 X2)
        solve_left(t.corner(h), m - h, n, below, ldb)
        blas.gemm(t.letter, t.trans, "N", h, n, m - h, -1.0, t.block(0, h), t.ld, below, ldb, 1.0, b, ldb)
        solve_left(t, h, n, b, ldb)


def solve_right(t: Triangle, m: int, n: int, b: Address, ldb: int) -> None:
    """B ← B op(A)⁻¹ in place, with A n×n and B m×n."""
    if n <= _SMALL:
        blas.trsm(t.letter, "R", t.uplo, t.trans, t.diag, m, n, t.where, t.ld, b, ldb)
        return
    h = halves(n, _SMALL)
    right = b + h * ldb * t.itemsize
    if t.lower:
        # X2 = B2 L22⁻¹;  X1 = (B1 - X2 L21) L11⁻¹
        solve_right(t.corner(h), m, n - h, right, ldb)
        blas.gemm(t.letter, "N", t.trans, m, h, n - h, -1.0, right, ldb, t.block(h, 0), t.ld, 1.0, b, ldb)
        solve_right(t, m, h, b, ldb)
    else:
        # X1 = B1 U11⁻¹;  X2 = (B2 - X1 U12) U22⁻¹
        solve_right(t, m, h, b, ldb)
        blas.gemm(t.letter, "N", t.trans, m, n - h, h, -1.0, b, ldb, t.block(0, h), t.ld, 1.0, right, ldb)
        solve_right(t.corner(h), m, n - h, right, ldb)
