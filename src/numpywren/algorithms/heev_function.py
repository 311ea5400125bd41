"""Functions of Hermitian matrices that are positive semidefinite: the square root, and the exponential."""

from numpywren.algorithms.heev import heev
from numpywren.algorithms.hermitian import hermitian
from numpywren.kernels.heevd import heevd
from numpywren.kernels.mirror import mirror
from numpywren.kernels.spectral import half_exponentials, half_roots, scale_columns
from numpywren.kernels.syrk import syrk
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["heev_function", "heevd_function"]


@program(W="k one", U="m k", E="*", X="m m")
def spectral_function(W: Input, U: Input, E: Input, X: Output, m: Size, k: Size, one: Size, root: Size) -> None:
    """X = F Fᴴ with F = U diag(√f(W)), where f is the square root if `root` is 1, and else the exponential.

    E[0] is waited for, and not used: it comes from `hermitian`.

    X is Hermitian to the last bit, and half of its tiles are products.

    ==============  =====================================================================
    flops           N³ (times 4 for complex numbers)
    tiles written   m² of X and m k of F
    tiles read      m² k
    critical path   4 tasks; about m²/2 tasks are ready at once
    ==============  =====================================================================
    """
    R = temporary("*")
    F = temporary("* *")
    for o in range(min(one, k, 1)):
        if root == 1:
            R[0:k] = half_roots([W[s, o] for s in range(k)], E[0])
        else:
            R[0:k] = half_exponentials([W[s, o] for s in range(k)], E[0])
    if one > 0 and k > 0:
        for i in range(m):
            for s in range(k):
                F[i, s] = scale_columns(U[i, s], R[s])
            X[i, i] = mirror(sum(syrk(F[i, s]) for s in range(k)))
            for j in range(i):
                X[i, j] = sum(F[i, s] @ F[j, s].H for s in range(k))
                X[j, i] = X[i, j].H


@program(A="n n", X="n n")
def heevd_function(A: Input, X: Output, n: Size, count: Size, root: Size) -> None:
    """The square root (`root` 1) or the exponential (2) of a Hermitian matrix of one tile."""
    W = temporary("*")
    U = temporary("*")
    R = temporary("*")
    E = temporary("*")
    hermitian(A, E)
    for i in range(min(n, 1)):
        W[i], U[i] = heevd(A[i, i], first=0, count=count)
        if root == 1:
            R[i : i + 1] = half_roots([W[i]], E[0])
        else:
            R[i : i + 1] = half_exponentials([W[i]], E[0])
        X[i, i] = mirror(syrk(scale_columns(U[i], R[i])))


@program(A="n n", X="m m")
def heev_function(
    A: Input,
    X: Output,
    n: Size,
    m: Size,
    strips: Size,
    ratio: Size,
    panels: Size,
    band: Size,
    groups: Size,
    group: Size,
    levels: Size,
    count: Size,
    width: Size,
    height: Size,
    held: Size,
    depth: Size,
    order: Size,
    root: Size,
) -> None:
    """The square root (`root` 1) or the exponential (2) of a Hermitian matrix: `heev`, and F Fᴴ with its vectors."""
    W = temporary("* *")
    U = temporary("* *")
    E = temporary("*")
    hermitian(A, E)
    heev(A, W, U, ..., k=strips, one=1, first=0)
    if n > 0:
        spectral_function(W, U, E, X, k=strips, one=1, root=root)
