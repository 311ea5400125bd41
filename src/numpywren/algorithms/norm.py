"""Norms of a matrix that need one pass over its tiles.

Each row (or column) of tiles is one task that streams them; one last task combines the pieces.
"""

from numpywren.kernels.lange import (
    add_sums_of_squares,
    column_sums,
    largest,
    largest_of,
    norm_of_squares,
    row_sums,
    smallest_of,
    sum_of_squares,
)
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["norm_fro", "norm_inf", "norm_minus_inf", "norm_minus_one", "norm_one"]


@program(A="m n", N="one one")
def norm_fro(A: Input, N: Output, m: Size, n: Size, one: Size) -> None:
    """Frobenius norm, scaled so that squares neither overflow nor vanish.

    References
    ----------
    LAPACK: ``lassq``.
    """
    R = temporary("* m")
    if n > 0:
        for i in range(m):
            R[0, i] = add_sums_of_squares([sum_of_squares(A[i, j]) for j in range(n)])
        if m > 0:
            for o in range(one):
                N[o, o] = norm_of_squares(add_sums_of_squares([R[0, i] for i in range(m)]))


@program(A="m n", N="one one")
def norm_one(A: Input, N: Output, m: Size, n: Size, one: Size) -> None:
    """Largest sum of absolute values of a column."""
    R = temporary("* n")
    if m > 0:
        for j in range(n):
            R[0, j] = largest(sum(column_sums(A[i, j]) for i in range(m)))
        if n > 0:
            for o in range(one):
                N[o, o] = largest_of([R[0, j] for j in range(n)])


@program(A="m n", N="one one")
def norm_inf(A: Input, N: Output, m: Size, n: Size, one: Size) -> None:
    """Largest sum of absolute values of a row."""
    R = temporary("* m")
    if n > 0:
        for i in range(m):
            R[0, i] = largest(sum(row_sums(A[i, j]) for j in range(n)))
        if m > 0:
            for o in range(one):
                N[o, o] = largest_of([R[0, i] for i in range(m)])


@program(A="m n", N="one one")
def norm_minus_one(A: Input, N: Output, m: Size, n: Size, one: Size) -> None:
    """Smallest sum of absolute values of a column; no norm, whatever it is called."""
    R = temporary("* n")
    if m > 0:
        for j in range(n):
            R[0, j] = smallest_of([sum(column_sums(A[i, j]) for i in range(m))])
        if n > 0:
            for o in range(one):
                N[o, o] = smallest_of([R[0, j] for j in range(n)])


@program(A="m n", N="one one")
def norm_minus_inf(A: Input, N: Output, m: Size, n: Size, one: Size) -> None:
    """Smallest sum of absolute values of a row; no norm, whatever it is called."""
    R = temporary("* m")
    if n > 0:
        for i in range(m):
            R[0, i] = smallest_of([sum(row_sums(A[i, j]) for j in range(n))])
        if m > 0:
            for o in range(one):
                N[o, o] = smallest_of([R[0, i] for i in range(m)])
