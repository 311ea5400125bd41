"""Logarithm of the determinant of a Hermitian positive definite matrix."""

from numpywren.algorithms.cholesky import cholesky
from numpywren.algorithms.hermitian import hermitian
from numpywren.kernels.spectral import log_pivots
from numpywren.kernels.total import total
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["logdet"]


@program(A="n n", D="one one")
def logdet(A: Input, D: Output, n: Size, one: Size, depth: Size) -> None:
    """Logarithm of det A, which is 2 Σ log L(i,i) with A = L Lᴴ; the factor is freed as the factorization passes it.

    Flops and tile traffic are those of `cholesky`, and those of `hermitian`, whose zero is one of the terms.
    """
    L = temporary("n n")
    P = temporary("*")
    E = temporary("*")
    hermitian(A, E)
    cholesky(A, L, depth=depth)
    for i in range(n):
        P[i] = log_pivots(L[i, i])
    if n > 0:
        for o in range(one):
            D[o, o] = total([P[i] for i in range(n)]) + E[0]
