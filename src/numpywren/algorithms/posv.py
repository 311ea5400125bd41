"""Linear systems with a Hermitian positive definite matrix."""

from numpywren.algorithms.cholesky import cholesky
from numpywren.algorithms.trsm import trsm_adjoint, trsm_lower
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["posv", "potrs"]


@program(L="n n", B="n r", X="n r")
def potrs(L: Input, B: Input, X: Output, n: Size, r: Size, depth: Size) -> None:
    """L Lᴴ X = B, L lower triangular: forward, then back substitution."""
    Y = temporary("n r")
    trsm_lower(L, B, Y, depth=depth)
    trsm_adjoint(L, Y, X, depth=depth)


@program(A="n n", B="n r", X="n r")
def posv(A: Input, B: Input, X: Output, n: Size, r: Size, depth: Size) -> None:
    """A X = B, A Hermitian positive definite, by Cholesky factorization.

    The factor is an intermediate: its tiles are freed as back substitution passes them. Forward substitution starts
    on the first rows of the factor while its last ones are being computed.
    """
    L = temporary("n n")
    Y = temporary("n r")
    cholesky(A, L, depth=depth)
    trsm_lower(L, B, Y, depth=depth)
    trsm_adjoint(L, Y, X, depth=depth)
