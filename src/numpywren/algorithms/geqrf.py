"""QR factorization of a matrix of tiles: A = Q R, with Q kept as the reflectors that make it.

Tile rows are taken in groups of `fan`. A panel, one column of tiles, is factored group by group, and the triangles that
are left are merged two by two. The pieces of Q, shared by these programs and those of `numpywren.algorithms.ormqr`:

=============  ==========================================================================================
V[i, k]        reflectors of panel k in tile row i: unit lower trapezoidal in the first tile of its group
T[g, k, k]     compact WY factor of group g of panel k: the group's Q is I - V T Vᴴ
T[0, k, q]     V(:,k)ᴴ V(:,q) for q < k, where several whole panels are applied at once
U, K[g, k, k]  reflectors [I; U] of the merge in which the triangle of group g is the lower one, and their factor
=============  ==========================================================================================

A group that covers all tile rows (`fan` >= m) makes this the blocked Householder factorization with no tree.
"""

from numpywren.kernels.geqrt import geqrf as geqrf_kernel
from numpywren.kernels.geqrt import geqrt
from numpywren.kernels.larfb import larfb
from numpywren.kernels.tpqrt import tpmqrt, tpqrf, tpqrt
from numpywren.kernels.trmm import trmm
from numpywren.lambdapack import Input, Output, Size, log2, program, stages, temporary

__all__ = ["geqrf", "geqrf_panels", "geqrf_r", "geqrf_tree"]


@program(A="m n", V="m d", T="* d d", R="d n")
def geqrf_panels(A: Input, V: Output, T: Output, R: Output, m: Size, n: Size, d: Size, depth: Size, last: Size) -> None:
    """A = Q R by whole panels, of which `depth` are applied to the rest of the matrix at once.

    With W(k,j) = T(k,k)ᴴ V(:,k)ᴴ (what panel k finds in column j), Qᴴ takes V(:,k) W(k,j) from column j, panel after
    panel. Inside a group of panels what the earlier ones take is accounted for in W by the small products
    V(:,k)ᴴ V(:,q), so that the column itself is written once for the group.

    `last` is 1 where all reflectors are wanted, 2 where those of the last column are not.

    ==============  =====================================================================
    flops           2 M N² - 2 N³/3 for M >= N (times 4 for complex numbers); M N nb more for
                    T, and M N nb (depth - 1) for the products between panels
    tiles written   m n of V and R, and about n² (m - n/3) / (2 depth) of intermediates
    tiles read      about 2 n² (m - n/3) / 2 (1 + 1/depth)
    critical path   3 n tasks, of which n are panels; (m - p) (n - p) tasks are ready behind panel p
    ==============  =====================================================================

    References
    ----------
    R. Schreiber, C. Van Loan, "A storage-efficient WY representation for products of Householder transformations",
    SIAM J. Sci. Stat. Comput. 10 (1989).
    """
    S = stages(A)
    P = temporary("* *")
    W = temporary("* *")
    for p in range(0, min(m, n, d), depth):
        for k in range(p, min(p + depth, m, n, d)):
            if k > p:
                for i in range(k, m):
                    # the panel, less what the panels of its group so far explain
                    P[i, k] = S[p, i, k] - sum(V[i, q] @ W[q, k] for q in range(p, k))
            if k + 1 < n or last < 2:
                V[k:m, k], T[0, k, k], R[k, k] = geqrt([S[p, i, k] if k == p else P[i, k] for i in range(k, m)])
                for q in range(p, k):
                    T[0, k, q] = trmm(V[k, k], V[k, q], trans="C") + sum(V[i, k].H @ V[i, q] for i in range(k + 1, m))
            else:
                R[k, k] = geqrf_kernel([S[p, i, k] if k == p else P[i, k] for i in range(k, m)])
            for j in range(k + 1, min(p + depth, n)):
                # W(k,j) = Tᴴ V(:,k)ᴴ (A(:,j) - sum V(:,q) W(q,j))
                W[k, j] = trmm(
                    T[0, k, k],
                    trmm(V[k, k], S[p, k, j], trans="C")
                    + sum(V[i, k].H @ S[p, i, j] for i in range(k + 1, m))
                    - sum(T[0, k, q] @ W[q, j] for q in range(p, k)),
                    uplo="U",
                    trans="C",
                )
        # the same for columns behind the group, which no panel of the group waits for
        for k in range(p, min(p + depth, m, n, d)):
            for j in range(p + depth, n):
                W[k, j] = trmm(
                    T[0, k, k],
                    trmm(V[k, k], S[p, k, j], trans="C")
                    + sum(V[i, k].H @ S[p, i, j] for i in range(k + 1, m))
                    - sum(T[0, k, q] @ W[q, j] for q in range(p, k)),
                    uplo="U",
                    trans="C",
                )
        for j in range(p + depth, n):
            for i in range(p + depth, m):
                # A(i,j) <- A(i,j) - sum V(i,k) W(k,j)
                S[p + depth, i, j] = S[p, i, j] - sum(V[i, k] @ W[k, j] for k in range(p, min(p + depth, d)))
        # nobody waits for these: they stand last, so that what panels wait for is done first
        for k in range(p, min(p + depth, m, n, d)):
            for j in range(k + 1, n):
                # R(k,j) = (Qᴴ A)(k,j)
                R[k, j] = S[p, k, j] - sum(V[k, q] @ W[q, j] for q in range(p, k)) - trmm(V[k, k], W[k, j])


@program(A="m n", V="m d", T="* d d", U="* d d", K="* d d", R="d n")
def geqrf_tree(
    A: Input,
    V: Output,
    T: Output,
    U: Output,
    K: Output,
    R: Output,
    m: Size,
    n: Size,
    d: Size,
    fan: Size,
    last: Size,
) -> None:
    """A = Q R with panels cut into groups of `fan` tile rows, merged by a binary tree: communication-avoiding QR.

    Groups are counted from the top of the matrix, so that those below do not move as the factorization goes down. A
    tall matrix of one column of tiles is all tree: TSQR.

    ==============  =====================================================================
    flops           as `geqrf_panels`, and about 3 nb³ a merge and column of tiles
    tiles written   m n of V and R, n² (m - n/3) / 2 (1 + 2/fan) of intermediates
    parallelism     (m - k) / fan groups at once in panel k, times n - k in the update behind it
    critical path   2 n (1 + log2(m / fan)) tasks
    ==============  =====================================================================

    References
    ----------
    J. Demmel, L. Grigori, M. Hoemmen, J. Langou, "Communication-optimal parallel and sequential QR and LU
    factorizations", SIAM J. Sci. Comput. 34 (2012).
    """
    S = stages(A)
    B = temporary("* * *")  # triangles: panel, level, group
    X = temporary("* * * *")  # first tiles of groups, on their way through the tree
    for k in range(min(m, n, d)):
        for g in range(k // fan, (m + fan - 1) // fan):
            if k + 1 < n or last < 2:
                V[max(k, g * fan) : min(g * fan + fan, m), k], T[g, k, k], B[k, 0, g] = geqrt(
                    [S[k, i, k] for i in range(max(k, g * fan), min(g * fan + fan, m))], wide=g - k // fan
                )
            else:
                B[k, 0, g] = geqrf_kernel([S[k, i, k] for i in range(max(k, g * fan), min(g * fan + fan, m))])
            for j in range(k + 1, n):
                # A(group,j) <- (I - V T Vᴴ)ᴴ A(group,j)
                X[k, 0, g, j], S[k + 1, max(k, g * fan) + 1 : min(g * fan + fan, m), j] = larfb(
                    V[max(k, g * fan), k],
                    [V[i, k] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                    T[g, k, k],
                    S[k, max(k, g * fan), j],
                    [S[k, i, j] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                    trans="C",
                )
        for level in range(log2((m + fan - 1) // fan - k // fan)):
            for g in range(k // fan, (m + fan - 1) // fan, 2 ** (level + 1)):
                if g + 2**level < (m + fan - 1) // fan:
                    if k + 1 < n or last < 2:
                        U[g + 2**level, k, k], K[g + 2**level, k, k], B[k, level + 1, g] = tpqrt(
                            B[k, level, g], B[k, level, g + 2**level]
                        )
                    else:
                        B[k, level + 1, g] = tpqrf(B[k, level, g], B[k, level, g + 2**level])
                    for j in range(k + 1, n):
                        X[k, level + 1, g, j], S[k + 1, (g + 2**level) * fan, j] = tpmqrt(
                            U[g + 2**level, k, k],
                            K[g + 2**level, k, k],
                            X[k, level, g, j],
                            [X[k, level, g + 2**level, j]],
                            trans="C",
                        )
                else:
                    B[k, level + 1, g] = B[k, level, g]
                    for j in range(k + 1, n):
                        X[k, level + 1, g, j] = X[k, level, g, j]
        R[k, k] = B[k, log2((m + fan - 1) // fan - k // fan), k // fan]
        for j in range(k + 1, n):
            R[k, j] = X[k, log2((m + fan - 1) // fan - k // fan), k // fan, j]


@program(A="m n", V="m d", T="* d d", U="* d d", K="* d d", R="d n")
def geqrf(
    A: Input,
    V: Output,
    T: Output,
    U: Output,
    K: Output,
    R: Output,
    m: Size,
    n: Size,
    d: Size,
    fan: Size,
    depth: Size,
) -> None:
    """A = Q R: by whole panels if a group has all tile rows, else by a tree of groups."""
    if fan >= m:
        geqrf_panels(A, V, T, R, depth=depth, last=1)
    else:
        geqrf_tree(A, V, T, U, K, R, fan=fan, last=1)


@program(A="m n", R="d n")
def geqrf_r(A: Input, R: Output, m: Size, n: Size, d: Size, fan: Size, depth: Size) -> None:
    """R alone of A = Q R; no reflectors are made that nothing is applied to."""
    V = temporary("m d")
    T = temporary("* d d")
    U = temporary("* d d")
    K = temporary("* d d")
    if fan >= m:
        geqrf_panels(A, V, T, R, depth=depth, last=2)
    else:
        geqrf_tree(A, V, T, U, K, R, fan=fan, last=2)
