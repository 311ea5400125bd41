"""QR factorization of a column of tiles with few columns, its orthonormal factor made explicit."""

from numpywren.kernels.stacked_qr import stacked_qr
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["joined_qr", "tall_qr"]


@program(A="*", C="*", D="*", R="*")
def joined_qr(A: Input, C: Output, D: Output, R: Output, count: Size, fan: Size) -> None:
    """A = Q R[0] for `count` small matrices A[i] on top of one another, with Q[i] = C[i] D[i // fan].

    A part for other programs: a tree of two levels that joins `fan` matrices at a time. With fan near the square root
    of count no task holds more than that many. Two tasks follow one another.

    References
    ----------
    J. Demmel, L. Grigori, M. Hoemmen, J. Langou, "Communication-optimal parallel and sequential QR and LU
    factorizations", SIAM J. Sci. Comput. 34 (2012).
    """
    E = temporary("*")
    for t in range((count + fan - 1) // fan):
        # [A[i]; …] = [C[i]; …] E[t]
        C[t * fan : min((t + 1) * fan, count)], E[t] = stacked_qr(
            [A[i] for i in range(t * fan, min((t + 1) * fan, count))]
        )
    if count > 0:
        # [E[0]; …] = [D[0]; …] R[0]
        D[0 : (count + fan - 1) // fan], R[0] = stacked_qr([E[t] for t in range((count + fan - 1) // fan)])


@program(A="*", Q="*", R="*")
def tall_qr(A: Input, Q: Output, R: Output, count: Size, fan: Size) -> None:
    """A = Q R[0] for `count` tiles A[i] with few columns, each factored by itself and then their triangles together.

    A part for other programs.

    ==============  =====================================================================
    flops           6 M l²
    tiles written   2 M l numbers
    critical path   4 tasks
    ==============  =====================================================================
    """
    L = temporary("*")
    T = temporary("*")
    C = temporary("*")
    D = temporary("*")
    for i in range(count):
        # A[i] = L[i] T[i]
        L[i], T[i] = stacked_qr([A[i]])
    joined_qr(T, C, D, R, ...)
    for i in range(count):
        Q[i] = L[i] @ (C[i] @ D[i // fan])
