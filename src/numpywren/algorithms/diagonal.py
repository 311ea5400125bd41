"""Diagonals of a matrix whose rows and columns are cut alike."""

from numpywren.kernels.diagonal import diagonal as diagonal_kernel
from numpywren.kernels.total import total
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["diagonal", "trace"]


@program(A="m n", D="d one")
def diagonal(A: Input, D: Output, m: Size, n: Size, d: Size, skip: Size, offset: Size):  # noqa: ANN201
    """The diagonal that starts `skip` tiles and `offset` columns to the right of the main one, as a column.

    It crosses two tiles of each row of tiles, or one.
    """
    for t in range(d):
        D[t, 0] = diagonal_kernel([A[t, j] for j in range(t + skip, min(t + skip + 2, n))], offset=offset)


@program(A="m n", T="one one")
def trace(A: Input, T: Output, m: Size, n: Size, d: Size, skip: Size, offset: Size):  # noqa: ANN201
    """Sum of that diagonal."""
    P = temporary("*")
    for t in range(d):
        P[t] = total([diagonal_kernel([A[t, j] for j in range(t + skip, min(t + skip + 2, n))], offset=offset)])
    if d > 0:
        T[0, 0] = total([P[t] for t in range(d)])
