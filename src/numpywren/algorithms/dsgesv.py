"""General linear systems in mixed precision."""

from numpywren.algorithms.gesv import gesv
from numpywren.algorithms.getrf import getrf, laswp_trsm
from numpywren.kernels.elementwise import zeros
from numpywren.kernels.lange import largest, row_sums
from numpywren.kernels.refine import (
    corrected,
    largest_entries,
    nonzero,
    not_settled,
    replaced,
    settled,
    single,
    unless,
)
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack import Input, Output, Size, program, stages, temporary

__all__ = ["dsgesv"]


@program(U="n n", B="n r", X="n r")
def back_substitution(U: Input, B: Input, X: Output, n: Size, r: Size) -> None:
    """U X = B, right-looking; infinite, or not a number, where U is singular."""
    S = stages(B)
    for k in range(n):
        for j in range(r):
            X[n - 1 - k, j] = trsm(S[k, n - 1 - k, j], nonzero(U[n - 1 - k, n - 1 - k]), side="L", uplo="U")
            for i in range(n - 1 - k):
                S[k + 1, i, j] = S[k, i, j] - U[i, n - 1 - k] @ X[n - 1 - k, j]


@program(A="n n", B="n r", X="n r")
def dsgesv(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, fan: Size, order: Size, steps: Size) -> None:
    """A X = B: factored in single precision, refined to the full one; factored in full precision where that fails.

    Each of `steps` steps solves for a correction with the factors in single precision, and computes the residual in
    full precision. When the residual of each column is as small as working precision allows, a flag goes up, and what
    is left to do is done with empty tiles: the other steps, and at the end the factorization of A in full precision.

    ==============  =====================================================================
    flops           2 N³/3 in single precision, and 4 N² R a step; 2 N³/3 more in full precision without convergence
    tiles written   n² and n³/3 of intermediates in single precision, and n² r of right-hand sides a step; as many as
                    `gesv` writes, but empty, for what is not computed
    tiles read      as `gesv` in single precision, and A once a step and once more
    ==============  =====================================================================

    References
    ----------
    A. Buttari, J. Dongarra, J. Langou, J. Langou, P. Luszczek, J. Kurzak, "Mixed precision iterative refinement
    techniques for the solution of dense linear systems", Int. J. High Perform. Comput. Appl. 21 (2007). N. J. Higham,
    T. Mary, "Mixed precision algorithms in numerical linear algebra", Acta Numerica 31 (2022). LAPACK: ``dsgesv``.
    """
    E = temporary("n n")
    L = temporary("n n")
    U = temporary("n n")
    P = temporary("*")
    R = stages(B)
    V = temporary("* n r")
    T = temporary("* n r")
    Y = temporary("* n r")
    D = temporary("* n r")
    M = temporary("* * *")
    N = temporary("*")
    C = temporary("*")
    G = temporary("n n")
    H = temporary("n r")
    Z = temporary("n r")
    for i in range(n):
        for j in range(n):
            # the same in single precision
            E[i, j] = single(A[i, j])
        for j in range(r):
            V[0, i, j] = zeros(B[i, j])
        N[i] = largest(sum(row_sums(A[i, j]) for j in range(n)))
    getrf(E, L, U, P, fan=fan)
    C[0] = not_settled()
    for s in range(steps):
        for i in range(n):
            for j in range(r):
                T[s, i, j] = single(unless(R[s, i, j], C[s]))
        # A d = r, in single precision; then x <- x + d, and r <- b - A x
        laswp_trsm(L, U, P, T[s], Y[s])
        back_substitution(U, Y[s], D[s])
        for i in range(n):
            for j in range(r):
                V[s + 1, i, j] = corrected(V[s, i, j], D[s, i, j])
                R[s + 1, i, j] = unless(B[i, j], C[s]) - sum(A[i, k] @ unless(V[s + 1, k, j], C[s]) for k in range(n))
                M[s + 1, i, j] = largest_entries(R[s + 1, i, j], V[s + 1, i, j])
        C[s + 1] = settled(
            [M[s + 1, i, j] for j in range(r) for i in range(n)], [N[i] for i in range(n)], C[s], height=n, order=order
        )
    for i in range(n):
        for j in range(n):
            G[i, j] = unless(A[i, j], C[steps], empty="all")
        for j in range(r):
            H[i, j] = unless(B[i, j], C[steps], empty="all")
    gesv(G, H, Z, ...)
    for i in range(n):
        for j in range(r):
            X[i, j] = replaced(V[steps, i, j], Z[i, j])
