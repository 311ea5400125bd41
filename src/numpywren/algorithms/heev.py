"""Eigenvalues and eigenvectors of a Hermitian matrix, in two stages: to a band, and from there to tridiagonal form."""

from numpywren.algorithms.he2hb import he2hb
from numpywren.kernels.hb2st import hb2st, hbpack
from numpywren.kernels.heevd import heevd as heevd_kernel
from numpywren.kernels.heevd import heevd_values as heevd_values_kernel
from numpywren.kernels.ormtr import cut_rows, orgtr, ormtr
from numpywren.kernels.stedc import stedc, sterf
from numpywren.kernels.sweeps import sweep_factors, sweeps, sweeps_right
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["heev", "heev_values", "heevd", "heevd_values"]


@program(A="n n", W="k one")
def heevd_values(A: Input, W: Output, n: Size, k: Size, one: Size, first: Size, count: Size) -> None:
    """Eigenvalues `first` to `first` + `count` - 1, ascending, of a Hermitian matrix of one tile."""
    for o in range(min(one, n, k)):
        W[o, o] = heevd_values_kernel(A[o, o], first=first, count=count)


@program(A="n n", W="k one", U="n k")
def heevd(A: Input, W: Output, U: Output, n: Size, k: Size, one: Size, first: Size, count: Size) -> None:
    """Eigenvalues `first` to `first` + `count` - 1, ascending, and their eigenvectors, of a matrix of one tile."""
    for o in range(min(one, n, k)):
        W[o, o], U[o, o] = heevd_kernel(A[o, o], first=first, count=count)


@program(A="n n", W="k one")
def heev_values(
    A: Input,
    W: Output,
    n: Size,
    k: Size,
    one: Size,
    ratio: Size,
    panels: Size,
    band: Size,
    groups: Size,
    group: Size,
    first: Size,
    count: Size,
    width: Size,
) -> None:
    """Eigenvalues `first` to `first` + `count` - 1 of a Hermitian matrix, ascending, in tiles of `width`.

    As `heev`, with no reflector kept.

    ==============  =====================================================================
    flops           4/3 N³ + 6 N² band (times 4 for complex numbers)
    critical path   4 tasks a panel, and one a group of sweeps
    ==============  =====================================================================
    """
    B = temporary("*")
    V = temporary("* *")
    T = temporary("*")
    C = temporary("*")
    V2 = temporary("*")
    H2 = temporary("*")
    E = temporary("*")
    he2hb(A, B, V, T, ratio=ratio, panels=panels, band=band)
    if n > 0:
        C[0] = hbpack([B[q] for q in range(min(panels, n * ratio))], band=band)
        for g in range(groups):
            C[g + 1], V2[g], H2[g] = hb2st(C[g], band=band, first=g * group, count=group, vectors=0)
        E[0] = sterf(C[groups], first=first, count=count)
        for o in range(min(one, k)):
            W[0:k, o] = cut_rows(E[0], length=width)


@program(A="n n", W="k one", U="m k")
def heev(
    A: Input,
    W: Output,
    U: Output,
    n: Size,
    k: Size,
    m: Size,
    one: Size,
    ratio: Size,
    panels: Size,
    band: Size,
    groups: Size,
    group: Size,
    first: Size,
    count: Size,
    width: Size,
    height: Size,
    held: Size,
    depth: Size,
    order: Size,
    formed: Size,
) -> None:
    """A U = U diag(W) for a Hermitian matrix: eigenvalues `first` to `first` + `count` - 1, and their vectors.

    A = Q1 Q2 Z diag(W) Zᴴ Q2ᴴ Q1ᴴ: Q1 makes A a band, panel by panel; Q2 makes the band tridiagonal, in n - 1 sweeps of
    bulge chasing, `group` of them a task; Z are the eigenvectors of what is left.

    There are two ways to the vectors. Without `formed`, Q2 Z and Q1 Q2 Z are made a strip of `width` columns at a time,
    from `held` groups of sweeps and `depth` tile columns of panels a task: the fewest flops, and all of them after Z.
    With `formed`, Q1 is made by strips of columns as its panels come, Q1 Q2 by strips of rows as the chase goes on, and
    Z makes a product: more flops, of which but the last 2 N² K are done beside the panels, the chase and divide and
    conquer, of which the last two leave all slots but one idle.

    ==============  =====================================================================
    flops           4/3 N³ to the band, 6 N² band to tridiagonal form, at most 4/3 N³ for Z; for K columns 2 N² K
                    each for Q2 and Q1, or with `formed` 4/3 N³ for Q1, 2 N³ for Q1 Q2 and 2 N² K for the product
                    (times 4 for complex numbers, Z excepted)
    tiles written   as `he2hb`; N² of reflectors of Q2; groups/held + n/depth + 1 times the strips
    critical path   4 tasks a panel, one a group of sweeps, 3 for the vectors
    parallelism     as `he2hb`; one task for the chasing, and beside it those of Q1 Q2; one for each strip, or tile
    ==============  =====================================================================

    The band, Q2's `group` sweeps, and Z must each fit in a worker. `order` is N.

    References
    ----------
    A. Haidar, P. Luszczek, J. Dongarra, "New algorithm for computing eigenvectors of the symmetric eigenvalue problem",
    IPDPSW 2014.
    """
    B = temporary("*")
    V = temporary("* *")
    T = temporary("*")
    C = temporary("*")
    V2 = temporary("*")
    H2 = temporary("*")
    F2 = temporary("*")
    E = temporary("*")
    Z = temporary("* *")
    Q = temporary("* *")
    P = temporary("* *")
    R = temporary("* *")
    he2hb(A, B, V, T, ratio=ratio, panels=panels, band=band)
    if n > 0:
        C[0] = hbpack([B[q] for q in range(min(panels, n * ratio))], band=band)
        for g in range(groups):
            # C(g+1) = Q2(g)ᴴ C(g) Q2(g)
            C[g + 1], V2[g], H2[g] = hb2st(C[g], band=band, first=g * group, count=group)
            F2[g] = sweep_factors(V2[g], H2[g], band=band, first=g * group)
        # C(groups) = Z diag(W) Zᴴ
        E[0], Z[0, 0:k] = stedc(C[groups], first=first, count=count, width=width)
        for o in range(min(one, k)):
            W[0:k, o] = cut_rows(E[0], length=width)
        if formed == 0:
            for j in range(k):
                # Z(:,j) <- Q2(groups-1-s) Z(:,j), the last group first
                for s in range(0, groups, held):
                    Z[s // held + 1, j] = sweeps(
                        Z[s // held, j],
                        [V2[groups - 1 - g] for g in range(s, min(s + held, groups))],
                        [F2[groups - 1 - g] for g in range(s, min(s + held, groups))],
                        band=band,
                        group=group,
                        top=groups - 1 - s,
                    )
                # Z(:,j) <- (I - V(q) T(q) V(q)ᴴ) Z(:,j), the last panel first
                for s in range(0, n, depth):
                    Z[(groups + held - 1) // held + s // depth + 1, j] = ormtr(
                        Z[(groups + held - 1) // held + s // depth, j],
                        [
                            V[q, i]
                            for q in range(min((n - s) * ratio - 1, panels - 2), max(n - s - depth, 0) * ratio - 1, -1)
                            for i in range((q + 1) // ratio, n)
                            if q + 1 < n * ratio
                        ],
                        [
                            T[q]
                            for q in range(min((n - s) * ratio - 1, panels - 2), max(n - s - depth, 0) * ratio - 1, -1)
                            if q + 1 < n * ratio
                        ],
                        tiles=n,
                        ratio=ratio,
                        top=min((n - s) * ratio - 1, panels - 2),
                    )
                if m > 0:
                    U[0:m, j] = cut_rows(
                        Z[(groups + held - 1) // held + (n + depth - 1) // depth, j],
                        length=height,
                    )
        else:
            for j in range(n):
                # Q1(:,j) = (I - V(0) T(0) V(0)ᴴ) (I - V(1) T(1) V(1)ᴴ) … I(:,j), of the panels that begin above its end
                for s in range(0, j + 1, depth):
                    if s == 0:
                        Q[1, j] = orgtr(
                            B[0],
                            [
                                V[q, i]
                                for q in range(
                                    min((j + 1) * ratio - 2, panels - 2), max(j + 1 - depth, 0) * ratio - 1, -1
                                )
                                for i in range((q + 1) // ratio, n)
                            ],
                            [
                                T[q]
                                for q in range(
                                    min((j + 1) * ratio - 2, panels - 2), max(j + 1 - depth, 0) * ratio - 1, -1
                                )
                            ],
                            order=order,
                            left=j * ratio * band,
                            width=ratio * band,
                            tiles=n,
                            ratio=ratio,
                            top=min((j + 1) * ratio - 2, panels - 2),
                        )
                    else:
                        Q[s // depth + 1, j] = ormtr(
                            Q[s // depth, j],
                            [
                                V[q, i]
                                for q in range(
                                    min((j + 1 - s) * ratio - 1, panels - 2),
                                    max(j + 1 - s - depth, 0) * ratio - 1,
                                    -1,
                                )
                                for i in range((q + 1) // ratio, n)
                            ],
                            [
                                T[q]
                                for q in range(
                                    min((j + 1 - s) * ratio - 1, panels - 2),
                                    max(j + 1 - s - depth, 0) * ratio - 1,
                                    -1,
                                )
                            ],
                            tiles=n,
                            ratio=ratio,
                            top=min((j + 1 - s) * ratio - 1, panels - 2),
                        )
                if m > 0:
                    P[0:m, j] = cut_rows(Q[j // depth + 1, j], length=height)
            for i in range(m):
                # R(i,:) <- R(i,:) Q2(g), the first group first
                for s in range(0, groups, held):
                    if s == 0:
                        R[1, i] = sweeps_right(
                            [P[i, j] for j in range(n)],
                            [V2[g] for g in range(min(held, groups))],
                            [F2[g] for g in range(min(held, groups))],
                            band=band,
                            group=group,
                            bottom=0,
                        )
                    else:
                        R[s // held + 1, i] = sweeps_right(
                            [R[s // held, i]],
                            [V2[g] for g in range(s, min(s + held, groups))],
                            [F2[g] for g in range(s, min(s + held, groups))],
                            band=band,
                            group=group,
                            bottom=s,
                        )
                for j in range(k):
                    U[i, j] = R[(groups + held - 1) // held, i] @ Z[0, j]
