"""Polar decompositions of matrices with at least as many rows as columns."""

from numpywren.algorithms.gesvd import gesvd
from numpywren.algorithms.gesvd_tall import gesvd_tall
from numpywren.kernels.mirror import mirror
from numpywren.kernels.polar import root_scaled
from numpywren.kernels.syrk import syrk
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["polar_left", "polar_right"]


@program(A="m n", U="m n", V="n n", S="* *", W="m n")
def polar_factors(
    A: Input,
    U: Output,
    V: Output,
    S: Output,
    W: Output,
    m: Size,
    n: Size,
    tall: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
) -> None:
    """A = U diag(S) Vᴴ and W = U Vᴴ for m ≥ n; sizes as in `numpywren.algorithms.spectrum`."""
    if m >= n:
        if tall == 1:
            gesvd_tall(A, U, S, V, ..., one=1, direct=1)
        else:
            gesvd(A, U, S, V, ..., one=1, direct=1)
        for i in range(m):
            for j in range(n):
                W[i, j] = sum(U[i, k] @ V[j, k].H for k in range(n))


@program(A="m n", W="m n", P="n n")
def polar_right(
    A: Input,
    W: Output,
    P: Output,
    m: Size,
    n: Size,
    tall: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
) -> None:
    """A = W P for m ≥ n, with orthonormal columns in W and P Hermitian, positive semidefinite: P = V diag(S) Vᴴ.

    P is the product of V diag(S)^½ with its adjoint, so that it is Hermitian to the last bit. Beside the singular value
    decomposition 2 M N² + N³ flops (times 4 for complex numbers).

    References
    ----------
    N. J. Higham, *Functions of Matrices*, SIAM 2008, chapter 8.
    """
    U = temporary("m n")
    V = temporary("n n")
    S = temporary("* *")
    G = temporary("n n")
    polar_factors(A, U, V, S, W, ...)
    if m >= n:
        for i in range(n):
            for k in range(n):
                G[i, k] = root_scaled(V[i, k], S[k, 0])
            P[i, i] = mirror(sum(syrk(G[i, k]) for k in range(n)))
            for j in range(i):
                P[i, j] = sum(G[i, k] @ G[j, k].H for k in range(n))
                P[j, i] = P[i, j].H


@program(A="m n", W="m n", P="m m")
def polar_left(
    A: Input,
    W: Output,
    P: Output,
    m: Size,
    n: Size,
    tall: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
) -> None:
    """A = P W for m ≥ n, as `polar_right`, with P = U diag(S) Uᴴ; 2 M N² + M² N flops beside the decomposition."""
    U = temporary("m n")
    V = temporary("n n")
    S = temporary("* *")
    G = temporary("m n")
    polar_factors(A, U, V, S, W, ...)
    if m >= n > 0:
        for i in range(m):
            for k in range(n):
                G[i, k] = root_scaled(U[i, k], S[k, 0])
            P[i, i] = mirror(sum(syrk(G[i, k]) for k in range(n)))
            for j in range(i):
                P[i, j] = sum(G[i, k] @ G[j, k].H for k in range(n))
                P[j, i] = P[i, j].H
