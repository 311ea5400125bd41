"""Triangular systems with many right-hand sides.

Every combination of side, triangle and transposition is one of three programs on a view: X op(A) = B is
op(A)ᵀ Xᵀ = Bᵀ, and a transposed upper triangle is a lower one. The adjoint has a program of its own because a factor
that is still being written, as inside `posv`, has no view.
"""

from numpywren.kernels.trsm import trsm
from numpywren.lambdapack import Input, Output, Size, program, stages

__all__ = ["trsm_adjoint", "trsm_lower", "trsm_upper"]


@program(A="n n", B="n r", X="n r")
def trsm_lower(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, unit: Size = 0) -> None:
    """A X = B by forward substitution, A lower triangular; `unit` is 1 where its diagonal is to be taken as ones.

    Blocks of `depth` rows of tiles are solved left-looking; what they explain is then taken from the rows below, all
    of which may go on at once.

    ==============  =====================================================================
    flops           N² R (times 4 for complex numbers)
    tiles written   n r of X and about n² r / (2 depth) of intermediates
    critical path   2 n tasks
    ==============  =====================================================================
    """
    S = stages(B)
    for p in range(0, n, depth):
        for i in range(p, min(p + depth, n)):
            for j in range(r):
                # A(i,i) X(i,j) = B(i,j) less what the rows of X so far explain
                X[i, j] = trsm(
                    S[p, i, j] - sum(A[i, k] @ X[k, j] for k in range(p, i)), A[i, i], side="L", uplo="L", unit=unit
                )
        for i in range(p + depth, n):
            for j in range(r):
                S[p + depth, i, j] = S[p, i, j] - sum(A[i, k] @ X[k, j] for k in range(p, p + depth))


@program(A="n n", B="n r", X="n r")
def trsm_upper(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, unit: Size = 0) -> None:
    """A X = B by back substitution, A upper triangular; as `trsm_lower`, from the last row to the first."""
    S = stages(B)
    for p in range(0, n, depth):
        for i in range(p, min(p + depth, n)):
            for j in range(r):
                X[n - 1 - i, j] = trsm(
                    S[p, n - 1 - i, j] - sum(A[n - 1 - i, n - 1 - k] @ X[n - 1 - k, j] for k in range(p, i)),
                    A[n - 1 - i, n - 1 - i],
                    side="L",
                    uplo="U",
                    unit=unit,
                )
        for i in range(p + depth, n):
            for j in range(r):
                S[p + depth, n - 1 - i, j] = S[p, n - 1 - i, j] - sum(
                    A[n - 1 - i, n - 1 - k] @ X[n - 1 - k, j] for k in range(p, p + depth)
                )


@program(A="n n", B="n r", X="n r")
def trsm_adjoint(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, unit: Size = 0) -> None:
    """Aᴴ X = B by back substitution, A lower triangular; as `trsm_upper`, with the tiles of A conjugate transposed."""
    S = stages(B)
    for p in range(0, n, depth):
        for i in range(p, min(p + depth, n)):
            for j in range(r):
                X[n - 1 - i, j] = trsm(
                    S[p, n - 1 - i, j] - sum(A[n - 1 - k, n - 1 - i].H @ X[n - 1 - k, j] for k in range(p, i)),
                    A[n - 1 - i, n - 1 - i],
                    side="L",
                    uplo="L",
                    trans="C",
                    unit=unit,
                )
        for i in range(p + depth, n):
            for j in range(r):
                S[p + depth, n - 1 - i, j] = S[p, n - 1 - i, j] - sum(
                    A[n - 1 - k, n - 1 - i].H @ X[n - 1 - k, j] for k in range(p, p + depth)
                )
