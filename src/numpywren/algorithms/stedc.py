"""Eigenvalues and eigenvectors of a real symmetric tridiagonal matrix, by divide and conquer over tiles."""

from numpywren.kernels.laed import laed2, laed3, laed4, merged, merged_ends
from numpywren.kernels.stedc import stedc_piece, stedc_values
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["stedc"]


@program(H="*", W="k one", Z="* *")
def stedc(
    H: Input,
    W: Output,
    Z: Output,
    k: Size,
    one: Size,
    levels: Size,
    order: Size,
    first: Size,
    count: Size,
    width: Size,
) -> None:
    """T = Z diag(W) Zᵀ: eigenvalues `first` to `first` + `count` - 1 and their vectors, in strips of `width`.

    A part for other programs. H[r] are 2**levels pieces of T of nearly one length, of which piece r begins with row
    r · order // 2**levels. Z[r, j] has the rows of piece r in strip j.

    A level merges neighbours two by two. Values come from the first and the last rows of the vectors alone, in thin
    tasks that run ahead of the products with which the vectors follow. Q[l, r, c] is a tile of the vectors after l
    levels; both r and c count pieces.

    ==============  =====================================================================
    flops           at most 4/3 N³, three quarters of them in the last level; what deflates is not multiplied
    tiles written   2 N² numbers in all, half of them Z
    critical path   5 tasks a level, and the products of the last
    parallelism     2**levels pieces, then 4**levels products a level
    memory          two tiles of N/2**levels rows and columns, and what is thin
    ==============  =====================================================================

    References
    ----------
    M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", SIAM J. Matrix
    Anal. Appl. 16 (1995). G. Pichon, A. Haidar, M. Faverge, J. Kurzak, "Divide and conquer symmetric tridiagonal
    eigensolver for multicore architectures", IPDPS 2015.
    """
    Q = temporary("* * *")
    V = temporary("* *")
    D = temporary("* *")
    I = temporary("* *")  # noqa: E741
    L = temporary("* * *")
    P = temporary("* * *")
    S = temporary("* *")
    J = temporary("* *")
    for r in range(2**levels):
        V[0, r], Q[0, r, r] = stedc_piece(H[r])
    for l in range(1, levels + 1):  # noqa: E741
        for i in range(2 ** (levels - l)):
            # blkdiag(Q, Q) (D + ρ z zᵀ) blkdiag(Q, Q)ᵀ, less what deflates
            D[l, i], I[l, i] = laed2(
                H[(2 * i + 1) * 2 ** (l - 1) - 1],
                [V[l - 1, c] for c in range(2 * i * 2 ** (l - 1), (2 * i + 1) * 2 ** (l - 1))],
                [V[l - 1, c] for c in range((2 * i + 1) * 2 ** (l - 1), (2 * i + 2) * 2 ** (l - 1))],
            )
            for p in range(2**l):
                L[l, i, p], P[l, i, p] = laed4(D[l, i], I[l, i], part=p, parts=2**l)
            S[l, i], J[l, i] = laed3(
                D[l, i], I[l, i], [L[l, i, p] for p in range(2**l)], [P[l, i, p] for p in range(2**l)]
            )
            if l < levels:
                for c in range(i * 2**l, (i + 1) * 2**l):
                    V[l, c] = merged_ends(
                        S[l, i],
                        J[l, i],
                        [V[l - 1, s] for s in range(2 * i * 2 ** (l - 1), (2 * i + 1) * 2 ** (l - 1))],
                        [V[l - 1, s] for s in range((2 * i + 1) * 2 ** (l - 1), (2 * i + 2) * 2 ** (l - 1))],
                        start=c * order // 2**levels - i * 2**l * order // 2**levels,
                        stop=(c + 1) * order // 2**levels - i * 2**l * order // 2**levels,
                    )
                    for r in range(i * 2**l, (i + 1) * 2**l):
                        Q[l, r, c] = sum(
                            merged(
                                Q[l - 1, r, s],
                                S[l, i],
                                J[l, i],
                                V[l, c],
                                row=s * order // 2**levels - i * 2**l * order // 2**levels,
                                start=c * order // 2**levels - i * 2**l * order // 2**levels,
                            )
                            for s in range(r // 2 ** (l - 1) * 2 ** (l - 1), (r // 2 ** (l - 1) + 1) * 2 ** (l - 1))
                        )
            else:
                for j in range(k):
                    V[l, j] = merged_ends(
                        S[l, i],
                        J[l, i],
                        [V[l - 1, s] for s in range(2 ** (l - 1))],
                        [V[l - 1, s] for s in range(2 ** (l - 1), 2**l)],
                        start=first + j * width,
                        stop=first + min((j + 1) * width, count),
                    )
                    for r in range(2**l):
                        Z[r, j] = sum(
                            merged(
                                Q[l - 1, r, s],
                                S[l, i],
                                J[l, i],
                                V[l, j],
                                row=s * order // 2**levels,
                                start=first + j * width,
                            )
                            for s in range(r // 2 ** (l - 1) * 2 ** (l - 1), (r // 2 ** (l - 1) + 1) * 2 ** (l - 1))
                        )
    for o in range(min(one, k)):
        W[0:k, o] = stedc_values(H[0], [V[levels, j] for j in range(k)])
