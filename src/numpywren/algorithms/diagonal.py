"""Diagonals of a matrix whose rows and columns are cut alike."""

from numpywren.kernels.diagonal import diagonal as diagonal_kernel
from numpywren.kernels.total import total
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["diagonal", "trace"]


@program(A="m n", D="d one")
def diagonal(A: Input, D: Output, m: Size, n: Size, d: Size, one: Size, skip: Size, offset: Size) -> None:
    """The diagonal that starts `skip` tiles and `offset` columns to the right of the main one, as a column.

    It crosses two tiles of each row of tiles, or one.
    """
    for t in range(min(d, m)):
        for o in range(one):
            D[t, o] = diagonal_kernel([A[t, j] for j in range(t + skip, min(t + skip + 2, n))], offset=offset)


@program(A="m n", T="one one")
def trace(A: Input, T: Output, m: Size, n: Size, d: Size, one: Size, skip: Size, offset: Size) -> None:
    """Sum of that diagonal."""
    P = temporary("*")
    for t in range(min(d, m)):
        P[t] = total([diagonal_kernel([A[t, j] for j in range(t + skip, min(t + skip + 2, n))], offset=offset)])
    if min(d, m) > 0:
        for o in range(one):
            T[o, o] = total([P[t] for t in range(min(d, m))])
