"""Linear least squares of any rank: QR factorization, then the SVD of its triangle."""

from numpywren.algorithms.gesvd_tall import geqrf_svd
from numpywren.algorithms.ormqr import ormqr, ormqr_adjoint
from numpywren.kernels.fitted import fitted
from numpywren.kernels.singular_values import rank, residual_count, rows_divided, tail_squares
from numpywren.lambdapack import Input, Output, Scalar, Size, program, temporary

__all__ = ["gelss", "gelss_adjoint"]


@program(A="m n", B="m r", X="n r", E="r one", L="one one", N="one one", S="n one")
def gelss(
    A: Input,
    B: Input,
    X: Output,
    E: Output,
    L: Output,
    N: Output,
    S: Output,
    m: Size,
    n: Size,
    r: Size,
    one: Size,
    fan: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    residuals: Size,
    rtol: Scalar,
) -> None:
    """The X of least norm that minimizes ‖A X - B‖, for M ≥ N: A = Q R, R = P S Wᴴ, X = W S⁺ Pᴴ Qᴴ B.

    Beside X: the squares of the residuals' norms E, which are in the rows of Qᴴ B beyond R, and how many of them mean
    anything L (all `residuals` where A has full rank, else none), the rank N, and the singular values S of A.

    ==============  =====================================================================
    flops           2 M N² - 2 N³/3 for Q R, 4 M N R for Qᴴ B, and the SVD of R
    ==============  =====================================================================

    References
    ----------
    LAPACK: ``gelss``. G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., section 5.5.
    """
    V = temporary("m n")
    T = temporary("* n n")
    U = temporary("* n n")
    K = temporary("* n n")
    P = temporary("n n")
    W = temporary("n n")
    Y = temporary("m r")
    Z = temporary("n r")
    if m >= n and one > 0:
        geqrf_svd(A, V, T, U, K, P, S, W, ..., depth=1, direct=1)
        ormqr_adjoint(V, T, U, K, B, Y, fan=fan, depth=1)
        for j in range(r):
            for k in range(n):
                Z[k, j] = rows_divided(
                    sum(P[i, k].H @ fitted(Y[i, j], P[i, k]) for i in range(n)), S[k, 0], S[0, 0], rtol=rtol
                )
            for i in range(n):
                X[i, j] = sum(W[i, k] @ Z[k, j] for k in range(n))
            for o in range(one):
                if m > 0:
                    E[j, o] = tail_squares(
                        [Y[i, j] for i in range(max(0, n - 1), m)], [P[k, k] for k in range(max(0, n - 1), n)]
                    )
        for o in range(one):
            N[o, o] = rank([S[k, 0] for k in range(n)], rtol=rtol)
            L[o, o] = residual_count([S[k, 0] for k in range(n)], rtol=rtol, columns=residuals)


@program(A="m n", B="n r", X="m r", L="one one", N="one one", S="n one")
def gelss_adjoint(
    A: Input,
    B: Input,
    X: Output,
    L: Output,
    N: Output,
    S: Output,
    m: Size,
    n: Size,
    r: Size,
    one: Size,
    fan: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    rtol: Scalar,
) -> None:
    """The X of least norm that minimizes ‖Aᴴ X - B‖, for M ≥ N: A = Q R, R = P S Wᴴ, X = Q P S⁺ Wᴴ B.

    Beside X as of `gelss`: there are never residuals, as Aᴴ has no more rows than columns.
    """
    V = temporary("m n")
    T = temporary("* n n")
    U = temporary("* n n")
    K = temporary("* n n")
    P = temporary("n n")
    W = temporary("n n")
    Y = temporary("n r")
    Z = temporary("n r")
    if m >= n and one > 0:
        geqrf_svd(A, V, T, U, K, P, S, W, ..., depth=1, direct=1)
        for j in range(r):
            for k in range(n):
                Z[k, j] = rows_divided(sum(W[i, k].H @ B[i, j] for i in range(n)), S[k, 0], S[0, 0], rtol=rtol)
            for i in range(n):
                Y[i, j] = sum(P[i, k] @ Z[k, j] for k in range(n))
        ormqr(V, T, U, K, Y, X, fan=fan, depth=1, height=n + 1)
        for o in range(one):
            N[o, o] = rank([S[k, 0] for k in range(n)], rtol=rtol)
            L[o, o] = residual_count([S[k, 0] for k in range(n)], rtol=rtol, columns=0)
