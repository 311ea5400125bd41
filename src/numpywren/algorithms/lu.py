"""LU factors of a matrix, brought into the order and the forms in which they are wanted."""

from numpywren.algorithms.getrf import getrf, getrf_order
from numpywren.kernels.laswp import gather
from numpywren.kernels.lu_parts import exchanged_rows, lower_factor, permutation, upper_factor
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["lu", "lu_factor", "lu_indices", "lu_permuted"]


@program(A="m n", F="m n", V="k one")
def lu_factor(
    A: Input,
    F: Output,
    V: Output,
    m: Size,
    n: Size,
    k: Size,
    one: Size,
    fan: Size,
    height: Size,
    rows: Size,
    rank: Size,
) -> None:
    """P A = L U with both factors packed in F, and LAPACK's exchanges V, counted from 0.

    Rows of L change places after they were computed, whenever a later panel exchanges rows. Instead of moving tiles
    about step by step, `getrf_order` follows the numbers of the rows, and each tile of L is gathered once, in the
    order of the end: n²/2 tasks that read half a column of tiles each, one after another.
    """
    L = temporary("m n")
    P = temporary("*")
    R = temporary("* *")
    Z = temporary("*")
    getrf(A, L, F, P, fan=fan)
    getrf_order(P, R, Z, ...)
    for c in range(min(m, n)):
        for i in range(c + 1, m):
            # row Z of A, wherever it was when L(:,c) was computed
            F[i, c] = sum(gather(L[h, c], R[c + 1, h], Z[i]) for h in range(c + 1, m))
        if c < k:
            for o in range(one):
                V[c, o] = exchanged_rows(P[c], count=min(height, rank - c * height), height=height, panel=c)


@program(A="m n", L="m k", U="k n", Z="*", R="* *")
def lu_factors(
    A: Input, L: Output, U: Output, Z: Output, R: Output, m: Size, n: Size, k: Size, fan: Size, height: Size, rows: Size
) -> None:
    """L and U as matrices of their own, rows of L in the order Z of the end; see `lu_factor`, and `getrf_order`."""
    G = temporary("m n")
    F = temporary("m n")
    P = temporary("*")
    getrf(A, G, F, P, fan=fan)
    getrf_order(P, R, Z, ...)
    for c in range(min(m, n, k)):
        L[c, c] = lower_factor(F[c, c])
        for i in range(c + 1, m):
            L[i, c] = sum(gather(G[h, c], R[c + 1, h], Z[i]) for h in range(c + 1, m))
        U[c, c] = upper_factor(F[c, c])
        for j in range(c + 1, n):
            U[c, j] = F[c, j]


@program(A="m n", P="m m", L="m k", U="k n")
def lu(
    A: Input, P: Output, L: Output, U: Output, m: Size, n: Size, k: Size, fan: Size, height: Size, rows: Size
) -> None:
    """A = P L U, with P a matrix."""
    R = temporary("* *")
    Z = temporary("*")
    lu_factors(A, L, U, Z, R, ...)
    for i in range(m):
        for j in range(m):
            P[i, j] = permutation(R[0, i], Z[j])


@program(A="m n", V="m one", L="m k", U="k n")
def lu_indices(
    A: Input, V: Output, L: Output, U: Output, m: Size, n: Size, k: Size, one: Size, fan: Size, height: Size, rows: Size
) -> None:
    """A = (L U)[v], with v the row of L U that each row of A is."""
    R = temporary("* *")
    Z = temporary("*")
    lu_factors(A, L, U, Z, R, ...)
    for i in range(m):
        for o in range(one):
            V[i, o] = sum(gather(R[0, j], Z[j], R[0, i]) for j in range(m))


@program(A="m n", L="m k", U="k n")
def lu_permuted(A: Input, L: Output, U: Output, m: Size, n: Size, k: Size, fan: Size, height: Size, rows: Size) -> None:
    """A = L U, with the rows of L in the order of A, so that L is a lower triangle but for the order of its rows."""
    G = temporary("m n")
    F = temporary("m n")
    P = temporary("*")
    R = temporary("* *")
    Z = temporary("*")
    getrf(A, G, F, P, fan=fan)
    getrf_order(P, R, Z, ...)
    for c in range(min(m, n, k)):
        for i in range(m):
            # rows i of A, wherever they were after step c; those that had gone up before have zeros
            L[i, c] = gather(lower_factor(F[c, c]), Z[c], R[0, i]) + sum(
                gather(G[h, c], R[c + 1, h], R[0, i]) for h in range(c + 1, m)
            )
        U[c, c] = upper_factor(F[c, c])
        for j in range(c + 1, n):
            U[c, j] = F[c, j]
