"""Operations tile by tile."""

from numpywren.kernels.diagonal import add_diagonal as add_diagonal_kernel
from numpywren.lambdapack import Input, Output, Scalar, Size, program

__all__ = ["add_diagonal", "axpby", "axpby_vector", "scale", "scale_vector"]


@program(A="m n", B="m n", C="m n")
def axpby(A: Input, B: Input, C: Output, m: Size, n: Size, alpha: Scalar, beta: Scalar) -> None:
    """C = alpha A + beta B."""
    for i in range(m):
        for j in range(n):
            C[i, j] = alpha * A[i, j] + beta * B[i, j]


@program(A="m", B="m", C="m")
def axpby_vector(A: Input, B: Input, C: Output, m: Size, alpha: Scalar, beta: Scalar) -> None:
    """Add vectors: c = alpha a + beta b."""
    for i in range(m):
        C[i] = alpha * A[i] + beta * B[i]


@program(A="m n", C="m n")
def scale(A: Input, C: Output, m: Size, n: Size, alpha: Scalar) -> None:
    """C = alpha A."""
    for i in range(m):
        for j in range(n):
            C[i, j] = alpha * A[i, j]


@program(A="m", C="m")
def scale_vector(A: Input, C: Output, m: Size, alpha: Scalar) -> None:
    """Scale a vector: c = alpha a."""
    for i in range(m):
        C[i] = alpha * A[i]


@program(A="n n", C="n n")
def add_diagonal(A: Input, C: Output, n: Size, alpha: Scalar) -> None:
    """C = A + alpha I."""
    for i in range(n):
        for j in range(n):
            if i == j:
                C[i, i] = add_diagonal_kernel(A[i, i], alpha=alpha)
            else:
                C[i, j] = A[i, j]
