"""Eigenvalues and eigenvectors of a Hermitian matrix, in two stages: to a band, and from there to tridiagonal form."""

from numpywren.algorithms.he2hb import he2hb
from numpywren.algorithms.stedc import stedc
from numpywren.kernels.hb2st import hb2st, hbpack
from numpywren.kernels.heevd import heevd as heevd_kernel
from numpywren.kernels.heevd import heevd_values as heevd_values_kernel
from numpywren.kernels.ormtr import cut_rows, ormtr
from numpywren.kernels.stedc import sterf, tridiagonal
from numpywren.kernels.sweeps import sweep_factors, sweeps
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
    he2hb(A, B, V, T, ...)
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
    levels: Size,
    first: Size,
    count: Size,
    width: Size,
    height: Size,
    held: Size,
    depth: Size,
    order: Size,
) -> None:
    """A U = U diag(W) for a Hermitian matrix: eigenvalues `first` to `first` + `count` - 1, and their vectors.

    A = Q1 Q2 Z diag(W) Zᴴ Q2ᴴ Q1ᴴ: Q1 makes A a band, panel by panel; Q2 makes the band tridiagonal, in n - 1 sweeps of
    bulge chasing, `group` of them a task; Z are the eigenvectors of what is left, by `levels` levels of divide and
    conquer. Q2 Z and Q1 Q2 Z are made a strip of `width` columns at a time, from `held` groups of sweeps and `depth`
    tile columns of panels a task.

    ==============  =====================================================================
    flops           4/3 N³ to the band, 6 N² band to tridiagonal form, at most 4/3 N³ for Z, and for K columns 2 N² K
                    each for Q2 and Q1 (times 4 for complex numbers, Z excepted)
    tiles written   as `he2hb` and `stedc`; N² of reflectors of Q2; groups/held + n/depth + 1 times the strips
    critical path   4 tasks a panel, one a group of sweeps, as `stedc`, and 3 for the vectors
    parallelism     as `he2hb`; one task for the chasing; as `stedc`; one for each strip
    ==============  =====================================================================

    The band, and Q2's `group` sweeps, must each fit in a worker. `order` is N.

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
    H = temporary("*")
    Z = temporary("* *")
    R = temporary("* *")
    he2hb(A, B, V, T, ...)
    if n > 0:
        C[0] = hbpack([B[q] for q in range(min(panels, n * ratio))], band=band)
        for g in range(groups):
            # C(g+1) = Q2(g)ᴴ C(g) Q2(g)
            C[g + 1], V2[g], H2[g] = hb2st(C[g], band=band, first=g * group, count=group)
            F2[g] = sweep_factors(V2[g], H2[g], band=band, first=g * group)
        # C(groups) = Z diag(W) Zᴴ; its first rows are ready before all sweeps are done
        for r in range(2**levels):
            H[r] = tridiagonal(
                C[((r + 1) * groups + 2**levels - 1) // 2**levels],
                C[0],
                start=r * order // 2**levels,
                stop=(r + 1) * order // 2**levels,
            )
        stedc(H, W, Z, ...)
        for j in range(k):
            # R(:,j) <- Q2(groups-1-s) R(:,j), the last group first
            for s in range(0, groups, held):
                if s == 0:
                    R[1, j] = sweeps(
                        [Z[r, j] for r in range(2**levels)],
                        [V2[groups - 1 - g] for g in range(min(held, groups))],
                        [F2[groups - 1 - g] for g in range(min(held, groups))],
                        band=band,
                        group=group,
                        top=groups - 1,
                    )
                else:
                    R[s // held + 1, j] = sweeps(
                        [R[s // held, j]],
                        [V2[groups - 1 - g] for g in range(s, min(s + held, groups))],
                        [F2[groups - 1 - g] for g in range(s, min(s + held, groups))],
                        band=band,
                        group=group,
                        top=groups - 1 - s,
                    )
            # R(:,j) <- (I - V(q) T(q) V(q)ᴴ) R(:,j), the last panel first
            for s in range(0, n, depth):
                R[(groups + held - 1) // held + s // depth + 1, j] = ormtr(
                    R[(groups + held - 1) // held + s // depth, j],
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
                U[0:m, j] = cut_rows(R[(groups + held - 1) // held + (n + depth - 1) // depth, j], length=height)
