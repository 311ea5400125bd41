"""Cholesky factorization of a Hermitian positive definite matrix of tiles."""

from numpywren.kernels.potrf import potrf
from numpywren.kernels.syrk import syrk
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack import Input, Output, Size, program, stages

__all__ = ["cholesky"]


@program(A="n n", L="n n")
def cholesky(A: Input, L: Output, n: Size, depth: Size) -> None:
    """A = L Lᴴ, right-looking over panels `depth` tiles wide, left-looking inside a panel.

    Reads the lower triangle of A and writes that of L. Between panels the trailing matrix is written as a new stage;
    inside a panel updates are summed where they are used.

    ==============  =====================================================================
    flops           N³/3 (times 4 for complex numbers)
    tiles written   n²/2 of L and about n³/(6 depth) of intermediates
    tiles read      about n³/6 (2 + 1/depth)
    critical path   3 n tasks; about (n - p)²/2 tasks are ready at panel p when depth is 1
    ==============  =====================================================================

    References
    ----------
    A. Buttari, J. Langou, J. Kurzak, J. Dongarra, "A class of parallel tiled linear algebra algorithms for multicore
    architectures", Parallel Computing 35 (2009).
    """
    S = stages(A)
    for p in range(0, n, depth):
        for j in range(p, min(p + depth, n)):
            # L(j,j) L(j,j)ᴴ = A(j,j) less what the panel's columns so far explain
            L[j, j] = potrf(S[p, j, j] - sum(syrk(L[j, k]) for k in range(p, j)))
            for i in range(j + 1, n):
                # L(i,j) L(j,j)ᴴ = A(i,j) less the same
                L[i, j] = trsm(
                    S[p, i, j] - sum(L[i, k] @ L[j, k].H for k in range(p, j)), L[j, j], side="R", uplo="L", trans="C"
                )
        for j in range(p + depth, n):
            # A(i,j) <- A(i,j) - L(i,p:p+depth) L(j,p:p+depth)ᴴ, of which the diagonal needs half
            S[p + depth, j, j] = S[p, j, j] - sum(syrk(L[j, k]) for k in range(p, p + depth))
            for i in range(j + 1, n):
                S[p + depth, i, j] = S[p, i, j] - sum(L[i, k] @ L[j, k].H for k in range(p, p + depth))
