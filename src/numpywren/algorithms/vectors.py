"""Products and norms of many vectors, one in each row of a matrix. Every number is read once."""

from numpywren.kernels.powers import join_powers, powers, root_of_powers
from numpywren.kernels.rows import cross_rows, geru, row_dots
from numpywren.lambdapack import Input, Output, Scalar, Size, program, temporary

__all__ = ["cross", "norm_all", "norm_rows", "outer", "vecdot"]


@program(A="m n", B="m n", D="m one")
def vecdot(A: Input, B: Input, D: Output, m: Size, n: Size, one: Size, splits: Size) -> None:
    """D(i) = conj(A(i, :)) B(i, :)ᵀ for each row.

    Each row of tiles is summed in `splits` parts, which are added at the end. 2 M N flops.
    """
    P = temporary("* *")
    for i in range(m):
        for o in range(one):
            if splits <= 1 or splits > n:
                D[i, o] = sum(row_dots(A[i, j], B[i, j]) for j in range(n))
            else:
                for s in range(splits):
                    P[i, o * splits + s] = sum(
                        row_dots(A[i, j], B[i, j]) for j in range(s * n // splits, (s + 1) * n // splits)
                    )
                D[i, o] = sum(P[i, o * splits + s] for s in range(splits))


@program(A="m", B="n", C="m n")
def outer(A: Input, B: Input, C: Output, m: Size, n: Size) -> None:
    """C(i, j) = A(i) B(j); a task for each tile of C."""
    for i in range(m):
        for j in range(n):
            C[i, j] = geru(A[i], B[j])


@program(A="m n", B="m n", C="m n")
def cross(A: Input, B: Input, C: Output, m: Size, n: Size) -> None:
    """C(i, :) = A(i, :) × B(i, :) for each row; the matrices have three columns, in one tile."""
    for i in range(m):
        for j in range(n):
            C[i, j] = cross_rows(A[i, j], B[i, j])


@program(A="m n", N="m one")
def norm_rows(
    A: Input, N: Output, m: Size, n: Size, one: Size, splits: Size, kind: Size, power: Scalar, code: Scalar
) -> None:
    """Norm of each row, of the kind and exponent that `numpywren.kernels.powers` knows.

    Each row of tiles is looked at in `splits` parts.
    """
    P = temporary("* *")
    if n > 0:
        for i in range(m):
            for s in range(min(splits, n)):
                P[i, s] = join_powers(
                    [
                        powers(A[i, j], kind=kind, power=power, whole=0)
                        for j in range(s * n // min(splits, n), (s + 1) * n // min(splits, n))
                    ],
                    kind=kind,
                    power=power,
                )
            for o in range(one):
                N[i, o] = root_of_powers([P[i, s] for s in range(min(splits, n))], kind=kind, power=power, code=code)


@program(A="m n", N="one one")
def norm_all(A: Input, N: Output, m: Size, n: Size, one: Size, kind: Size, power: Scalar, code: Scalar) -> None:
    """Norm of all elements together; a task for each row of tiles, and one that joins what they found."""
    P = temporary("*")
    if n > 0:
        for i in range(m):
            P[i] = join_powers(
                [powers(A[i, j], kind=kind, power=power, whole=1) for j in range(n)], kind=kind, power=power
            )
        if m > 0:
            for o in range(one):
                N[o, o] = root_of_powers([P[i] for i in range(m)], kind=kind, power=power, code=code)
