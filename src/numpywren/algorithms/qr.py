"""QR factorization with Q formed, or kept as the reflectors that make it."""

from numpywren.algorithms.geqrf import geqrf
from numpywren.algorithms.ormqr import ormqr
from numpywren.kernels.fitted import fitted
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["qr", "qr_complete"]


@program(A="m n", E="d d", Q="m d", R="d n")
def qr(A: Input, E: Input, Q: Output, R: Output, m: Size, n: Size, d: Size, fan: Size, depth: Size) -> None:
    """A = Q R with min(M, N) columns of Q, which is Q times the identity E. LAPACK: ``geqrf``, ``orgqr``."""
    V = temporary("* *")
    T = temporary("* * *")
    U = temporary("* * *")
    K = temporary("* * *")
    geqrf(A, V, T, U, K, R, fan=fan, depth=depth)
    ormqr(V, T, U, K, E, Q, d=min(m, n, d), fan=fan, depth=depth, height=1)


@program(A="m n", E="m m", Q="m m", R="m n")
def qr_complete(A: Input, E: Input, Q: Output, R: Output, m: Size, n: Size, d: Size, fan: Size, depth: Size) -> None:
    """A = Q R with a square Q, which is Q times the identity E, and zeros below the triangle of R.

    `d` is the number of tiles along the shorter side of A.
    """
    V = temporary("* *")
    T = temporary("* * *")
    U = temporary("* * *")
    K = temporary("* * *")
    S = temporary("* *")
    geqrf(A, V, T, U, K, S, d=d, fan=fan, depth=depth)
    ormqr(V, T, U, K, E, Q, d=min(m, n, d), fan=fan, depth=depth, height=1)
    for k in range(min(m, n, d)):
        for j in range(k, n):
            R[k, j] = fitted(S[k, j], A[k, j])
