"""Singular value decompositions."""

from numpywren.algorithms.ge2gb import ge2gb
from numpywren.kernels.bdsdc import bdsdc, bdsdc_values
from numpywren.kernels.gb2bd import gb2bd, gbpack
from numpywren.kernels.gesdd import gesdd, gesdd_values
from numpywren.kernels.ormbr import ormbr
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["gesvd", "gesvd_empty", "gesvd_values"]


@program(A="m n", U="m k", S="n one", V="n n")
def gesvd(
    A: Input,
    U: Output,
    S: Output,
    V: Output,
    m: Size,
    n: Size,
    k: Size,
    one: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    direct: Size = 0,
    full: Size = 0,
) -> None:
    """A = U diag(S) Vᴴ for m ≥ n, in two stages; rows and columns are cut alike into tiles of `tile`.

    Dense to band, by panels (`ge2gb`); band to bidiagonal, by `groups` groups of `group` sweeps of bulge chasing;
    divide and conquer; and both sets of transformations applied to strips of its vectors. With `full` U is square.

    With `direct` a matrix of one tile goes to LAPACK at once, and sizes that concern the two stages are of no effect.

    A = Q₁ B P₁ᴴ,  B = Q₂ D P₂ᴴ,  D = U₃ S V₃ᵀ:  U = Q₁ [Q₂ U₃; 0],  V = P₁ P₂ V₃

    ==============  =====================================================================
    flops           first stage 8 N³/3, second 8 N² `width`, divide and conquer at most 8 N³/3 and mostly far less,
                    back-transformation 10 N³, for square matrices (times 4 for complex numbers)
    tiles written   about n³/3 + 8 n²
    memory          divide and conquer takes 5 N² numbers in one task, the strips' tasks 2 N²
    critical path   the panels, then the band in one task at a time
    ==============  =====================================================================

    References
    ----------
    A. Haidar, J. Kurzak, P. Luszczek, "An improved parallel singular value algorithm and its implementation for
    multicore hardware", SC 2013.
    """
    V1 = temporary("* * *")
    T1 = temporary("* *")
    R = temporary("* *")
    U1 = temporary("* * *")
    Z1 = temporary("* *")
    L = temporary("* *")
    B = temporary("*")  # the band after some groups of sweeps
    V2 = temporary("*")
    T2 = temporary("*")
    F2 = temporary("*")
    U2 = temporary("*")
    Z2 = temporary("*")
    G2 = temporary("*")
    U3 = temporary("*")
    V3 = temporary("*")
    U4 = temporary("*")
    V4 = temporary("*")
    if direct == 1 and max(m, n) < 2:
        if min(m, n, k, one) > 0:
            U[0, 0], S[0, 0], V[0, 0] = gesdd(A[0, 0], full=full)
    elif min(m, n, one) > 0:
        ge2gb(A, V1, T1, R, U1, Z1, L, ...)
        B[0] = gbpack(
            [R[p, q] for p in range(min(m, n)) for q in range(panels)],
            [L[p, q] for p in range(min(m, n)) for q in range(panels) if p + (q + 1) // panels < n],
            band=width,
        )
        for g in range(groups):
            B[g + 1], V2[g], T2[g], U2[g], Z2[g] = gb2bd(B[g], band=width, first=g * group, count=group)
            F2[g] = sweep_factors(V2[g], T2[g], band=width, first=g * group)
            G2[g] = sweep_factors(U2[g], Z2[g], band=width, first=g * group)
        U3[0:n], V3[0:n], S[0:n, 0] = bdsdc(B[groups], band=width, width=tile)
        for j in range(n):
            U4[j] = sweeps(
                [U3[j]],
                [V2[groups - 1 - g] for g in range(groups)],
                [F2[groups - 1 - g] for g in range(groups)],
                band=width,
                group=group,
                top=groups - 1,
            )
            V4[j] = sweeps(
                [V3[j]],
                [U2[groups - 1 - g] for g in range(groups)],
                [G2[groups - 1 - g] for g in range(groups)],
                band=width,
                group=group,
                top=groups - 1,
            )
            V[0:n, j] = ormbr(
                [V4[j]],
                [S[i, 0] for i in range(n)],
                [U1[p, q, i] for p in range(min(m, n)) for q in range(panels) for i in range(p + (q + 1) // panels, n)],
                [Z1[p, q] for p in range(min(m, n)) for q in range(panels) if p + (q + 1) // panels < n],
                strip=j,
                panels=panels,
                right=1,
            )
        for j in range(k):
            U[0:m, j] = ormbr(
                [U4[i] for i in range(j, min(j + 1, n))],
                [V1[0, 0, i] for i in range(m)],
                [V1[p, q, i] for p in range(min(m, n)) for q in range(panels) for i in range(p, m)],
                [T1[p, q] for p in range(min(m, n)) for q in range(panels)],
                strip=j,
                panels=panels,
                full=full,
            )


@program(A="m n", S="n one")
def gesvd_values(
    A: Input,
    S: Output,
    m: Size,
    n: Size,
    one: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    direct: Size = 0,
) -> None:
    """Singular values of A for m ≥ n: as `gesvd`, keeping no reflectors; the bidiagonal matrix goes to dqds."""
    V1 = temporary("* * *")
    T1 = temporary("* *")
    R = temporary("* *")
    U1 = temporary("* * *")
    Z1 = temporary("* *")
    L = temporary("* *")
    B = temporary("*")
    if direct == 1 and max(m, n) < 2:
        if min(m, n, one) > 0:
            S[0, 0] = gesdd_values(A[0, 0])
    elif min(m, n, one) > 0:
        ge2gb(A, V1, T1, R, U1, Z1, L, ...)
        B[0] = gbpack(
            [R[p, q] for p in range(min(m, n)) for q in range(panels)],
            [L[p, q] for p in range(min(m, n)) for q in range(panels) if p + (q + 1) // panels < n],
            band=width,
        )
        for g in range(groups):
            B[g + 1] = gb2bd(B[g], band=width, first=g * group, count=group, vectors=0)
        S[0:n, 0] = bdsdc_values(B[groups], band=width, width=tile)


@program(A="m n", I="k k", U="m k", S="n one", V="n n")
def gesvd_empty(A: Input, I: Input, U: Output, S: Output, V: Output, m: Size, n: Size, k: Size, one: Size) -> None:  # noqa: E741
    """Singular vectors of a matrix of no columns: the identity, given as `I`, and nothing."""
    for i in range(min(m, k)):
        for j in range(k):
            U[i, j] = I[i, j]
    for i in range(min(m, n, n * one)):
        S[i, 0] = gesdd_values(A[i, i])
        for j in range(n):
            V[i, j] = A[i, j]
