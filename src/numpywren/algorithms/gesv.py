"""General linear systems."""

from numpywren.algorithms.getrf import getrf, laswp_trsm
from numpywren.algorithms.trsm import trsm_upper
from numpywren.kernels.mirror import mirror
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["gesv", "hesv", "sysv"]


@program(A="n n", B="n r", X="n r")
def gesv(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, fan: Size) -> None:
    """A X = B by LU factorization with row pivoting.

    The factors are intermediates: their tiles are freed as back substitution passes them. Forward substitution runs
    one step behind the factorization. See `getrf` for `fan`, `trsm_upper` for `depth`.
    """
    L = temporary("n n")
    U = temporary("n n")
    P = temporary("*")
    Y = temporary("n r")
    getrf(A, L, U, P, fan=fan)
    laswp_trsm(L, U, P, B, Y)
    trsm_upper(U, Y, X, depth=depth)


@program(A="n n", B="n r", X="n r")
def sysv(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, fan: Size) -> None:
    """A X = B, A = Aᵀ of which the lower triangle is read: completed tile by tile, then `gesv`."""
    G = temporary("n n")
    for i in range(n):
        G[i, i] = mirror(A[i, i], trans="T")
        for j in range(i):
            G[i, j] = A[i, j]
            G[j, i] = A[i, j].T
    gesv(G, B, X, ...)


@program(A="n n", B="n r", X="n r")
def hesv(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size, fan: Size) -> None:
    """A X = B, A = Aᴴ of which the lower triangle is read: completed tile by tile, then `gesv`."""
    G = temporary("n n")
    for i in range(n):
        G[i, i] = mirror(A[i, i], trans="C")
        for j in range(i):
            G[i, j] = A[i, j]
            G[j, i] = A[i, j].H
    gesv(G, B, X, ...)
