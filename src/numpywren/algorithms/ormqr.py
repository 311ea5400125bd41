"""Q of a QR factorization applied to a matrix of tiles, never formed: X = Qᴴ C, and X = Q C.

The pieces of Q are those that `numpywren.algorithms.geqrf` writes, for the same `fan` and `depth`. Q itself is Q times
the identity. In X = Q C the matrix C may end before Q does: the rows that it lacks are zeros, and cost nothing.
"""

from numpywren.kernels.fitted import fitted
from numpywren.kernels.larfb import larfb
from numpywren.kernels.tpqrt import tpmqrt
from numpywren.kernels.trmm import trmm
from numpywren.lambdapack import Input, Output, Size, log2, program, stages, temporary

__all__ = [
    "ormqr",
    "ormqr_adjoint",
    "ormqr_adjoint_panels",
    "ormqr_adjoint_tree",
    "ormqr_panels",
    "ormqr_tree",
]


@program(V="m d", T="* d d", C="m r", X="m r")
def ormqr_adjoint_panels(V: Input, T: Input, C: Input, X: Output, m: Size, d: Size, r: Size, depth: Size) -> None:
    """X = Qᴴ C by whole panels, `depth` of them at once; as the update in `geqrf_panels`.

    ==============  =====================================================================
    flops           4 M N R - 2 N² R (times 4 for complex numbers)
    tiles written   m r of X, and about d r (m - d/2) / depth of intermediates
    critical path   2 d tasks
    ==============  =====================================================================
    """
    S = stages(C)
    W = temporary("* *")
    for p in range(0, min(m, d), depth):
        for k in range(p, min(p + depth, m, d)):
            for j in range(r):
                # W(k,j) = Tᴴ V(:,k)ᴴ (C(:,j) - sum V(:,q) W(q,j))
                W[k, j] = trmm(
                    T[0, k, k],
                    trmm(V[k, k], S[p, k, j], trans="C")
                    + sum(V[i, k].H @ S[p, i, j] for i in range(k + 1, m))
                    - sum(T[0, k, q] @ W[q, j] for q in range(p, k)),
                    uplo="U",
                    trans="C",
                )
                X[k, j] = S[p, k, j] - sum(V[k, q] @ W[q, j] for q in range(p, k)) - trmm(V[k, k], W[k, j])
        for j in range(r):
            # C(i,j) <- C(i,j) - sum V(i,k) W(k,j), for the last time where no panel is left
            if p + depth < min(m, d):
                for i in range(p + depth, m):
                    S[p + depth, i, j] = S[p, i, j] - sum(V[i, k] @ W[k, j] for k in range(p, p + depth))
            else:
                for i in range(min(m, d), m):
                    X[i, j] = S[p, i, j] - sum(V[i, k] @ W[k, j] for k in range(p, min(m, d)))
    if min(m, d) < 1:
        for i in range(m):
            for j in range(r):
                X[i, j] = C[i, j]


@program(V="m d", T="* d d", U="* d d", K="* d d", C="m r", X="m r")
def ormqr_adjoint_tree(
    V: Input, T: Input, U: Input, K: Input, C: Input, X: Output, m: Size, d: Size, r: Size, fan: Size
) -> None:
    """X = Qᴴ C, panel after panel: groups of `fan` tile rows first, then the tree that merges them."""
    S = stages(C)
    Y = temporary("* * * *")  # first tiles of groups, on their way through the tree
    for k in range(min(m, d)):
        for j in range(r):
            for g in range(k // fan, (m + fan - 1) // fan):
                if k + 1 < min(m, d):
                    Y[k, 0, g, j], S[k + 1, max(k, g * fan) + 1 : min(g * fan + fan, m), j] = larfb(
                        V[max(k, g * fan), k],
                        [V[i, k] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                        T[g, k, k],
                        S[k, max(k, g * fan), j],
                        [S[k, i, j] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                        trans="C",
                    )
                else:
                    Y[k, 0, g, j], X[max(k, g * fan) + 1 : min(g * fan + fan, m), j] = larfb(
                        V[max(k, g * fan), k],
                        [V[i, k] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                        T[g, k, k],
                        S[k, max(k, g * fan), j],
                        [S[k, i, j] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                        trans="C",
                    )
            for level in range(log2((m + fan - 1) // fan - k // fan)):
                for g in range(k // fan, (m + fan - 1) // fan, 2 ** (level + 1)):
                    if g + 2**level >= (m + fan - 1) // fan:
                        Y[k, level + 1, g, j] = Y[k, level, g, j]
                    else:
                        if k + 1 < min(m, d):
                            Y[k, level + 1, g, j], S[k + 1, (g + 2**level) * fan, j] = tpmqrt(
                                U[g + 2**level, k, k],
                                K[g + 2**level, k, k],
                                Y[k, level, g, j],
                                [Y[k, level, g + 2**level, j]],
                                trans="C",
                            )
                        else:
                            Y[k, level + 1, g, j], X[(g + 2**level) * fan, j] = tpmqrt(
                                U[g + 2**level, k, k],
                                K[g + 2**level, k, k],
                                Y[k, level, g, j],
                                [Y[k, level, g + 2**level, j]],
                                trans="C",
                            )
            X[k, j] = Y[k, log2((m + fan - 1) // fan - k // fan), k // fan, j]
    if min(m, d) < 1:
        for i in range(m):
            for j in range(r):
                X[i, j] = C[i, j]


@program(V="m d", T="* d d", U="* d d", K="* d d", C="m r", X="m r")
def ormqr_adjoint(
    V: Input, T: Input, U: Input, K: Input, C: Input, X: Output, m: Size, d: Size, r: Size, fan: Size, depth: Size
) -> None:
    """X = Qᴴ C, all rows."""
    if fan >= m:
        ormqr_adjoint_panels(V, T, C, X, depth=depth)
    else:
        ormqr_adjoint_tree(V, T, U, K, C, X, fan=fan)


@program(V="m d", T="* d d", C="c r", X="m r")
def ormqr_panels(
    V: Input, T: Input, C: Input, X: Output, m: Size, d: Size, c: Size, r: Size, depth: Size, height: Size
) -> None:
    """X = Q [C; 0] by whole panels, the last first, `depth` of them at once.

    C(i,j) is taken for zero where i >= j + height: with 1, C is upper triangular, and panel k touches no column before
    k. So column j is first touched by panel l(j) - 1, l(j) = min(m, d, c, j + height); what C has of it is used there,
    and by the panels before in the rows where they begin.

    ==============  =====================================================================
    flops           4 M N R - 2 N² R; for Q itself (C = I, height = 1) 2 M N² - 2 N³/3
    tiles written   m r of X, and about d r (m - d/2) / depth of intermediates
    critical path   2 d tasks
    ==============  =====================================================================
    """
    W = temporary("* *")
    Z = temporary("* * *")  # by the first panel that has been applied
    for p in range((min(m, d) - 1) // depth * depth, -1, -depth):
        for k in range(min(p + depth, m, d) - 1, p - 1, -1):
            for j in range(r):
                if k < min(c, j + height):
                    # W(k,j) = T V(:,k)ᴴ (C(:,j) - sum V(:,q) W(q,j))
                    W[k, j] = trmm(
                        T[0, k, k],
                        trmm(V[k, k], fitted(C[k, j], V[k, k]), trans="C")
                        + sum(
                            V[i, k].H @ fitted(C[i, j], V[i, k])
                            for i in range(k + 1, min(m, c, j + height))
                            if i < p + depth or p + depth >= min(m, d, c, j + height)
                        )
                        + sum(
                            V[i, k].H @ Z[p + depth, i, j]
                            for i in range(p + depth, m)
                            if p + depth < min(m, d, c, j + height)
                        )
                        - sum(T[0, q, k].H @ W[q, j] for q in range(k + 1, min(p + depth, m, d, c, j + height))),
                        uplo="U",
                    )
        for j in range(r):
            if p < min(c, j + height):
                for i in range(p, m):
                    # C(i,j) <- C(i,j) - sum V(i,k) W(k,j)
                    if p > 0:
                        Z[p, i, j] = (
                            sum(
                                fitted(C[q, j], V[q, p])
                                for q in range(i, min(i + 1, c, j + height))
                                if i < p + depth or p + depth >= min(m, d, c, j + height)
                            )
                            + sum(
                                Z[q, i, j]
                                for q in range(p + depth, min(p + depth + 1, m, d, c, j + height))
                                if i >= p + depth
                            )
                            - sum(V[i, k] @ W[k, j] for k in range(p, min(p + depth, i, d, c, j + height)))
                            - sum(trmm(V[k, k], W[k, j]) for k in range(i, min(p + depth, i + 1, d, c, j + height)))
                        )
                    else:
                        X[i, j] = (
                            sum(
                                fitted(C[q, j], V[q, 0])
                                for q in range(i, min(i + 1, c, j + height))
                                if i < depth or depth >= min(m, d, c, j + height)
                            )
                            + sum(Z[q, i, j] for q in range(depth, min(depth + 1, m, d, c, j + height)) if i >= depth)
                            - sum(V[i, k] @ W[k, j] for k in range(min(depth, i, d, c, j + height)))
                            - sum(trmm(V[k, k], W[k, j]) for k in range(i, min(depth, i + 1, d, c, j + height)))
                        )
    if min(m, d) < 1:
        for i in range(min(m, c)):
            for j in range(r):
                X[i, j] = C[i, j]


@program(V="m d", T="* d d", U="* d d", K="* d d", C="c r", X="m r")
def ormqr_tree(
    V: Input,
    T: Input,
    U: Input,
    K: Input,
    C: Input,
    X: Output,
    m: Size,
    d: Size,
    c: Size,
    r: Size,
    fan: Size,
    height: Size,
) -> None:
    """X = Q [C; 0], the last panel first: the tree from its root, then its groups of `fan` tile rows."""
    Y = temporary("* * * *")  # first tiles of groups, on their way through the tree
    Z = temporary("* * *")  # by the first panel that has been applied
    for k in range(min(m, d) - 1, -1, -1):
        for j in range(r):
            if k < min(c, j + height):
                Y[k, log2((m + fan - 1) // fan - k // fan), k // fan, j] = fitted(C[k, j], V[k, k])
                for level in range(log2((m + fan - 1) // fan - k // fan) - 1, -1, -1):
                    for g in range(k // fan, (m + fan - 1) // fan, 2 ** (level + 1)):
                        if g + 2**level >= (m + fan - 1) // fan:
                            Y[k, level, g, j] = Y[k, level + 1, g, j]
                        else:
                            Y[k, level, g, j], Y[k, level, g + 2**level, j] = tpmqrt(
                                U[g + 2**level, k, k],
                                K[g + 2**level, k, k],
                                Y[k, level + 1, g, j],
                                [
                                    Z[k + 1, i, j] if k + 1 < min(m, d, c, j + height) else fitted(C[i, j], V[i, k])
                                    for i in range((g + 2**level) * fan, (g + 2**level) * fan + 1)
                                    if k + 1 < min(m, d, c, j + height) or i < min(c, j + height)
                                ],
                            )
                for g in range(k // fan, (m + fan - 1) // fan):
                    if k > 0:
                        Z[k, max(k, g * fan) : min(g * fan + fan, m), j] = larfb(
                            V[max(k, g * fan), k],
                            [V[i, k] for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))],
                            T[g, k, k],
                            Y[k, 0, g, j],
                            [
                                Z[k + 1, i, j] if k + 1 < min(m, d, c, j + height) else C[i, j]
                                for i in range(max(k, g * fan) + 1, min(g * fan + fan, m))
                                if k + 1 < min(m, d, c, j + height) or i < min(c, j + height)
                            ],
                        )
                    else:
                        X[g * fan : min(g * fan + fan, m), j] = larfb(
                            V[g * fan, k],
                            [V[i, k] for i in range(g * fan + 1, min(g * fan + fan, m))],
                            T[g, k, k],
                            Y[k, 0, g, j],
                            [
                                Z[k + 1, i, j] if k + 1 < min(m, d, c, j + height) else C[i, j]
                                for i in range(g * fan + 1, min(g * fan + fan, m))
                                if k + 1 < min(m, d, c, j + height) or i < min(c, j + height)
                            ],
                        )
    if min(m, d) < 1:
        for i in range(min(m, c)):
            for j in range(r):
                X[i, j] = C[i, j]


@program(V="m d", T="* d d", U="* d d", K="* d d", C="c r", X="m r")
def ormqr(
    V: Input,
    T: Input,
    U: Input,
    K: Input,
    C: Input,
    X: Output,
    m: Size,
    d: Size,
    c: Size,
    r: Size,
    fan: Size,
    depth: Size,
    height: Size,
) -> None:
    """X = Q [C; 0], with C(i,j) taken for zero where i >= j + height."""
    if fan >= m:
        ormqr_panels(V, T, C, X, ...)
    else:
        ormqr_tree(V, T, U, K, C, X, ...)
