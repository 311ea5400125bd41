"""What needs singular values, and the pseudo-inverse, which needs vectors too.

Every program takes the sizes of both `gesvd` and `gesvd_tall`; `tall` is 1 where a QR factorization comes first, 0
where not. A matrix (or a triangle) of one tile goes to LAPACK at once.
"""

from numpywren.algorithms.gesv import gesv
from numpywren.algorithms.gesvd import gesvd, gesvd_values
from numpywren.algorithms.gesvd_tall import gesvd_tall, gesvd_values_tall
from numpywren.algorithms.norm import norm_fro, norm_minus_one, norm_one
from numpywren.kernels.singular_values import columns_divided, largest, nuclear, ratio, smallest
from numpywren.kernels.singular_values import rank as rank_kernel
from numpywren.lambdapack import Input, Output, Scalar, Size, program, temporary

__all__ = [
    "cond_fro",
    "cond_minus_one",
    "cond_minus_two",
    "cond_one",
    "cond_two",
    "norm_minus_two",
    "norm_nuclear",
    "norm_two",
    "pinv",
    "rank",
]


@program(A="m n", S="n one")
def singular_values(
    A: Input,
    S: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Singular values of A for m ≥ n."""
    if tall == 1:
        gesvd_values_tall(A, S, ..., direct=1)
    else:
        gesvd_values(A, S, ..., direct=1)


@program(A="m n", N="one one")
def norm_two(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Largest singular value of A for m ≥ n."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = largest([S[k, 0] for k in range(n)])


@program(A="m n", N="one one")
def norm_minus_two(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Smallest singular value of A for m ≥ n."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = smallest([S[k, 0] for k in range(n)])


@program(A="m n", N="one one")
def norm_nuclear(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Sum of the singular values of A for m ≥ n."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = nuclear([S[k, 0] for k in range(n)])


@program(A="m n", N="one one")
def cond_two(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Ratio of the largest singular value of A to the smallest, for m ≥ n."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = ratio([S[k, 0] for k in range(n)])


@program(A="m n", N="one one")
def cond_minus_two(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
) -> None:
    """Ratio of the smallest singular value of A to the largest, for m ≥ n."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = ratio([S[k, 0] for k in range(n)], inverse=1)


@program(A="m n", N="one one")
def rank(
    A: Input,
    N: Output,
    m: Size,
    n: Size,
    one: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
    rtol: Scalar,
) -> None:
    """How many singular values of A, for m ≥ n, are larger than `rtol` times the largest."""
    S = temporary("n one")
    if m >= n and n > 0 and one > 0:
        singular_values(A, S, ...)
        N[0, 0] = rank_kernel([S[k, 0] for k in range(n)], rtol=rtol)


@program(A="m n", X="n m")
def pinv(
    A: Input,
    X: Output,
    m: Size,
    n: Size,
    fan: Size,
    depth: Size,
    panels: Size,
    width: Size,
    tile: Size,
    groups: Size,
    group: Size,
    tall: Size,
    rtol: Scalar,
) -> None:
    """X = V S⁺ Uᴴ of A = U S Vᴴ, for m ≥ n. Flops of `gesvd` or `gesvd_tall`, and 2 M N²."""
    U = temporary("m n")
    S = temporary("* *")
    V = temporary("n n")
    W = temporary("n n")
    if m >= n:
        if tall == 1:
            gesvd_tall(A, U, S, V, ..., one=1, direct=1)
        else:
            gesvd(A, U, S, V, ..., one=1, direct=1)
        for i in range(n):
            for k in range(n):
                W[i, k] = columns_divided(V[i, k], S[k, 0], S[0, 0], rtol=rtol)
            for j in range(m):
                X[i, j] = sum(W[i, k] @ U[j, k].H for k in range(n))


@program(A="n n", E="n n", N="one one")
def cond_one(A: Input, E: Input, N: Output, n: Size, one: Size, depth: Size, fan: Size) -> None:
    """1-norm of A, times that of its inverse, which is A⁻¹ times the identity E."""
    X = temporary("n n")
    P = temporary("one one")
    Q = temporary("one one")
    gesv(A, E, X, ...)
    norm_one(A, P)
    norm_one(X, Q)
    if n > 0:
        for o in range(one):
            N[o, o] = P[o, o] @ Q[o, o]


@program(A="n n", E="n n", N="one one")
def cond_minus_one(A: Input, E: Input, N: Output, n: Size, one: Size, depth: Size, fan: Size) -> None:
    """Smallest column sum of absolute values of A, times that of its inverse, which is A⁻¹ times the identity E."""
    X = temporary("n n")
    P = temporary("one one")
    Q = temporary("one one")
    gesv(A, E, X, ...)
    norm_minus_one(A, P)
    norm_minus_one(X, Q)
    if n > 0:
        for o in range(one):
            N[o, o] = P[o, o] @ Q[o, o]


@program(A="n n", E="n n", N="one one")
def cond_fro(A: Input, E: Input, N: Output, n: Size, one: Size, depth: Size, fan: Size) -> None:
    """Frobenius norm of A, times that of its inverse, which is A⁻¹ times the identity E."""
    X = temporary("n n")
    P = temporary("one one")
    Q = temporary("one one")
    gesv(A, E, X, ...)
    norm_fro(A, P)
    norm_fro(X, Q)
    if n > 0:
        for o in range(one):
            N[o, o] = P[o, o] @ Q[o, o]
