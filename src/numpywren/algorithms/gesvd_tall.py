"""Singular value decompositions of matrices much taller than wide: QR factorization first."""

from numpywren.algorithms.geqrf import geqrf, geqrf_r
from numpywren.algorithms.gesvd import gesvd, gesvd_values
from numpywren.algorithms.ormqr import ormqr
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["geqrf_svd", "gesvd_tall", "gesvd_values_tall"]


@program(A="m n", V="m n", T="* n n", U="* n n", K="* n n", P="n n", S="n one", W="n n")
def geqrf_svd(
    A: Input,
    V: Output,
    T: Output,
    U: Output,
    K: Output,
    P: Output,
    S: Output,
    W: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    direct: Size,
) -> None:
    """A = Q R and R = P diag(S) Wᴴ for m ≥ n, with Q kept as its pieces. A part for other programs."""
    R = temporary("n n")
    B = temporary("n n")
    if m >= n and one > 0:
        geqrf(A, V, T, U, K, R, ...)
        for j in range(n):
            for i in range(n):
                # below its diagonal tiles R is not written
                B[i, j] = R[i, j] if i <= j else 0 * R[j, i].T
        gesvd(B, P, S, W, ...)


@program(A="m n", U="m n", S="n one", V="n n")
def gesvd_tall(
    A: Input,
    U: Output,
    S: Output,
    V: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    direct: Size = 0,
) -> None:
    """A = U diag(S) Vᴴ for m ≥ n: A = Q R, R = P S Vᴴ, U = Q P.

    `fan` and `depth` are those of `geqrf`, the other sizes those of `gesvd`.

    ==============  =====================================================================
    flops           6 M N² - 2 N³ for Q, and `gesvd` of an N × N matrix (times 4 for
                    complex numbers)
    tiles written   those of `geqrf`, `gesvd` and `ormqr`
    critical path   with one column of tiles, a tree of log2(m / fan) merges each way
    ==============  =====================================================================

    References
    ----------
    T. F. Chan, "An improved algorithm for computing the singular value decomposition", ACM Trans. Math. Softw. 8
    (1982).
    """
    Q = temporary("m n")
    T = temporary("* n n")
    W = temporary("* n n")
    K = temporary("* n n")
    P = temporary("n n")
    if m >= n and one > 0:
        geqrf_svd(A, Q, T, W, K, P, S, V, ...)
        ormqr(Q, T, W, K, P, U, ..., height=n)


@program(A="m n", S="n one")
def gesvd_values_tall(
    A: Input,
    S: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    direct: Size = 0,
) -> None:
    """Singular values of A for m ≥ n, those of R in A = Q R; 2 M N² - 2 N³/3 flops for that."""
    R = temporary("n n")
    B = temporary("n n")
    if m >= n and one > 0:
        geqrf_r(A, R, ...)
        for j in range(n):
            for i in range(n):
                B[i, j] = R[i, j] if i <= j else 0 * R[j, i].T
        gesvd_values(B, S, ...)
