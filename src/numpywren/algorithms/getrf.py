"""LU factorization with row pivoting of a matrix of square tiles."""

from numpywren.kernels.getrf import gessm
from numpywren.kernels.getrf import getrf as panel
from numpywren.kernels.getrf_tournament import candidates, contest, crown, tstrf
from numpywren.kernels.laswp import put, row_numbers, take
from numpywren.lambdapack import Input, Output, Size, log2, program, stages, temporary

__all__ = ["getrf", "getrf_order", "laswp_trsm"]


@program(A="m n", L="m n", U="m n", P="*")
def getrf(A: Input, L: Output, U: Output, P: Output, m: Size, n: Size, fan: Size) -> None:
    """L U = a row permutation of A, right-looking; P[k] are the exchanges of panel k.

    A panel of at most `fan` tiles is one task, with partial pivoting as in LAPACK. A taller one plays a tournament:
    groups of `fan` tiles each name pivot rows, a binary tree of contests leaves as many as the panel has columns, and
    these are the pivots of all of it.

    Rows move without any tile being written twice: a tile of U gathers its rows from the whole column, tile by tile
    into one accumulator; the update of each other tile first puts the rows displaced from the top where others were
    taken. Tiles of L below the diagonal keep the order that rows have after the step that made them: `getrf_order`
    tells it. Diagonal tiles of U hold both factors, as LAPACK packs them.

    ==============  =====================================================================
    flops           2 N³/3 for a square matrix, M N² - N³/3 for a tall one (times 4 for complex numbers); tournaments
                    add the order of N² times the tile's
    tiles written   m n of L and U, and about n³/3 of intermediates
    tiles read      about 5 n³/3: an update reads its tile, the one on top of it and two factors, and each column is
                    read once more for the rows that it gives to U
    critical path   3 n tasks, and log2(m / fan) more for each panel with a tournament; (n - k)² tasks are ready at
                    step k
    ==============  =====================================================================

    References
    ----------
    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, chapter 9. L. Grigori,
    J. Demmel, H. Xiang, "CALU: a communication optimal LU factorization algorithm", SIAM J. Matrix Anal. Appl. 32
    (2011). LAPACK: ``getrf``.
    """
    S = stages(A)
    C = temporary("* * *")
    W = temporary("* * *")
    for k in range(min(m, n)):
        if m - k <= fan:
            # L(k:,k) U(k,k) = (P A)(k:,k)
            U[k, k], L[k + 1 : m, k], P[k] = panel([S[k, i, k] for i in range(k, m)])
        else:
            # group g of tiles names the rows C, from the places W
            for g in range((m - k + fan - 1) // fan):
                C[k, 0, g], W[k, 0, g] = candidates(
                    [S[k, i, k] for i in range(k + g * fan, min(k + (g + 1) * fan, m))], first=g * fan
                )
            # two groups meet; one without an opponent goes on
            for level in range(log2((m - k + fan - 1) // fan)):
                for g in range(0, (m - k + fan - 1) // fan, 2 ** (level + 1)):
                    C[k, level + 1, g], W[k, level + 1, g] = contest(
                        [
                            C[k, level, h]
                            for h in range(g, min(g + 2 ** (level + 1), (m - k + fan - 1) // fan), 2**level)
                        ],
                        [
                            W[k, level, h]
                            for h in range(g, min(g + 2 ** (level + 1), (m - k + fan - 1) // fan), 2**level)
                        ],
                    )
            U[k, k], P[k] = crown(
                S[k, k, k], C[k, log2((m - k + fan - 1) // fan), 0], W[k, log2((m - k + fan - 1) // fan), 0]
            )
            for i in range(k + 1, m):
                # L(i,k) = (P A)(i,k) U(k,k)⁻¹
                L[i, k] = tstrf(put(S[k, i, k], S[k, k, k], P[k], tile=i - k), U[k, k])
        for j in range(k + 1, n):
            # U(k,j) = L(k,k)⁻¹ (P A)(k,j)
            U[k, j] = gessm(sum(take(S[k, i, j], P[k], tile=i - k) for i in range(k, m)), U[k, k])
            for i in range(k + 1, m):
                # A(i,j) <- (P A)(i,j) - L(i,k) U(k,j)
                S[k + 1, i, j] = put(S[k, i, j], S[k, k, j], P[k], tile=i - k) - L[i, k] @ U[k, j]


@program(L="n n", U="n n", P="*", B="n r", Y="n r")
def laswp_trsm(L: Input, U: Input, P: Input, B: Input, Y: Output, n: Size, r: Size) -> None:
    """L Y = P B, forward substitution with the factors that `getrf` leaves: B goes through the steps of the matrix.

    As the rows of B are exchanged step by step, just as those of A were, L is never brought into its final order, and
    substitution starts when the first panel is factored.

    ==============  =====================================================================
    flops           N² R (times 4 for complex numbers)
    tiles written   n r of Y and n² r / 2 of intermediates
    critical path   2 n tasks; up to n r tasks are ready at each step
    ==============  =====================================================================
    """
    S = stages(B)
    for k in range(n):
        for j in range(r):
            # Y(k) = L(k,k)⁻¹ (P B)(k)
            Y[k, j] = gessm(sum(take(S[k, i, j], P[k], tile=i - k) for i in range(k, n)), U[k, k])
            for i in range(k + 1, n):
                # B(i) <- (P B)(i) - L(i,k) Y(k)
                S[k + 1, i, j] = put(S[k, i, j], S[k, k, j], P[k], tile=i - k) - L[i, k] @ Y[k, j]


@program(P="*", R="* *", Z="*")
def getrf_order(P: Input, R: Output, Z: Output, m: Size, n: Size, height: Size, rows: Size) -> None:
    """Where the rows of an m × n matrix of tiles go in `getrf`, by their numbers in A.

    R[k, i] numbers the rows of tile i before step k, Z[i] those of tile i in the end: integers that go through the
    steps of the matrix as if they were one more column of it. Tiles are `height` high, and there are `rows` in all.
    About m²/2 tasks on a column of integers each.
    """
    for i in range(m):
        R[0, i] = row_numbers(start=i * height, stop=min((i + 1) * height, rows))
    for k in range(min(m, n)):
        Z[k] = sum(take(R[k, i], P[k], tile=i - k) for i in range(k, m))
        for i in range(k + 1, m):
            R[k + 1, i] = put(R[k, i], R[k, k], P[k], tile=i - k)
    for i in range(n, m):
        Z[i] = R[n, i]
