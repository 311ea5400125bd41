"""Determinants by LU factorization."""

from numpywren.algorithms.getrf import getrf
from numpywren.kernels.lu_parts import determinant, diagonal_product, log_determinant
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["det", "slogdet"]


@program(A="n n", X="*", E="*")
def pivot_products(A: Input, X: Output, E: Output, n: Size, fan: Size) -> None:
    """What each panel gives to the determinant, as x · 2ᵉ; the factors are freed as the factorization passes them."""
    L = temporary("n n")
    U = temporary("n n")
    P = temporary("*")
    getrf(A, L, U, P, fan=fan)
    for k in range(n):
        X[k], E[k] = diagonal_product(U[k, k], P[k])


@program(A="n n", D="one one")
def det(A: Input, D: Output, n: Size, one: Size, fan: Size) -> None:
    """Determinant: the product of the pivots, times the sign of the permutation. Flops as `getrf`."""
    X = temporary("*")
    E = temporary("*")
    pivot_products(A, X, E, fan=fan)
    for o in range(one):
        D[o, o] = determinant([X[k] for k in range(n)], [E[k] for k in range(n)])


@program(A="n n", S="one one", D="one one")
def slogdet(A: Input, S: Output, D: Output, n: Size, one: Size, fan: Size) -> None:
    """Sign and logarithm of the modulus of the determinant, which may itself be too large or too small to write."""
    X = temporary("*")
    E = temporary("*")
    pivot_products(A, X, E, fan=fan)
    for o in range(one):
        S[o, o], D[o, o] = log_determinant([X[k] for k in range(n)], [E[k] for k in range(n)])
