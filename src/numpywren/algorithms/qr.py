"""QR factorization with Q formed, or kept as the reflectors that make it."""

from numpywren.algorithms.geqrf import geqrf
from numpywren.algorithms.ormqr import ormqr, ormqr_adjoint
from numpywren.kernels.fitted import fitted
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["qr", "qr_apply", "qr_apply_adjoint", "qr_apply_adjoint_top", "qr_complete", "qr_factor"]


@program(A="m n", E="d d", Q="m d", R="d n")
def qr(A: Input, E: Input, Q: Output, R: Output, m: Size, n: Size, d: Size, fan: Size, depth: Size) -> None:
    """A = Q R with min(M, N) columns of Q, which is Q times the identity E. LAPACK: ``geqrf``, ``orgqr``."""
    V = temporary("* *")
    T = temporary("* * *")
    U = temporary("* * *")
    K = temporary("* * *")
    geqrf(A, V, T, U, K, R, ...)
    ormqr(V, T, U, K, E, Q, ..., d=min(m, n, d), height=1)


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
    geqrf(A, V, T, U, K, S, ...)
    ormqr(V, T, U, K, E, Q, ..., d=min(m, n, d), height=1)
    for k in range(min(m, n, d)):
        for j in range(k, n):
            R[k, j] = fitted(S[k, j], A[k, j])


@program(A="m n", V="m d", T="g d d", U="g d d", K="g d d", R="d n")
def qr_factor(
    A: Input,
    V: Output,
    T: Output,
    U: Output,
    K: Output,
    R: Output,
    m: Size,
    n: Size,
    d: Size,
    g: Size,
) -> None:
    """A = Q R with Q kept as its pieces, for tile rows in at most `g` groups of equal height."""
    if g > 0:
        geqrf(A, V, T, U, K, R, fan=max(1, (m + g - 1) // max(1, g)), depth=1)


@program(V="m d", T="g d d", U="g d d", K="g d d", C="c r", X="m r")
def qr_apply(
    V: Input, T: Input, U: Input, K: Input, C: Input, X: Output, m: Size, d: Size, g: Size, c: Size, r: Size
) -> None:
    """X = Q [C; 0], given the pieces that `qr_factor` wrote."""
    if g > 0:
        ormqr(V, T, U, K, C, X, fan=max(1, (m + g - 1) // max(1, g)), depth=1, height=c + 1)


@program(V="m d", T="g d d", U="g d d", K="g d d", C="m r", X="m r")
def qr_apply_adjoint(
    V: Input, T: Input, U: Input, K: Input, C: Input, X: Output, m: Size, d: Size, g: Size, r: Size
) -> None:
    """X = Qᴴ C, all rows, given the pieces that `qr_factor` wrote."""
    if g > 0:
        ormqr_adjoint(V, T, U, K, C, X, fan=max(1, (m + g - 1) // max(1, g)), depth=1)


@program(V="m d", T="g d d", U="g d d", K="g d d", C="m r", X="d r")
def qr_apply_adjoint_top(
    V: Input, T: Input, U: Input, K: Input, C: Input, X: Output, m: Size, d: Size, g: Size, r: Size
) -> None:
    """X = the first rows of Qᴴ C, as many as R has, given the pieces that `qr_factor` wrote."""
    Y = temporary("m r")
    if g > 0:
        ormqr_adjoint(V, T, U, K, C, Y, fan=max(1, (m + g - 1) // max(1, g)), depth=1)
        for k in range(min(m, d)):
            for j in range(r):
                X[k, j] = fitted(Y[k, j], T[k // max(1, (m + g - 1) // max(1, g)), k, k])
