"""Linear systems whose matrix is factored already."""

from numpywren.algorithms.trsm import trsm_lower, trsm_upper
from numpywren.kernels.laswp import gather, row_numbers
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["getrs", "getrs_transposed"]


@program(B="n r", Q="n", X="n r")
def permute_rows(B: Input, Q: Input, X: Output, n: Size, r: Size, height: Size, rows: Size) -> None:
    """Row i of X is row Q(i) of B: each tile of X reads a column of tiles of B, one after another."""
    R = temporary("*")
    for i in range(n):
        R[i] = row_numbers(start=i * height, stop=min((i + 1) * height, rows))
        for j in range(r):
            X[i, j] = sum(gather(B[h, j], R[h], Q[i]) for h in range(n))


@program(F="n n", Q="n", B="n r", X="n r")
def getrs(F: Input, Q: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, height: Size, rows: Size) -> None:
    """L U X = P B, L and U packed in F; row i of P B is row Q(i) of B."""
    Y = temporary("n r")
    Z = temporary("n r")
    permute_rows(B, Q, Y, ...)
    trsm_lower(F, Y, Z, depth=depth, unit=1)
    trsm_upper(F, Z, X, depth=depth)


@program(F="n n", Q="n", B="n r", X="n r")
def getrs_transposed(
    F: Input, Q: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, height: Size, rows: Size
) -> None:
    """(Pᵀ L U)ᵀ X = B, with F the transpose of what holds L and U: Uᵀ Lᵀ Z = B, and row i of X is row Q(i) of Z."""
    Y = temporary("n r")
    Z = temporary("n r")
    trsm_lower(F, B, Y, depth=depth)
    trsm_upper(F, Y, Z, depth=depth, unit=1)
    permute_rows(Z, Q, X, ...)
