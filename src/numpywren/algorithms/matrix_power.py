"""Integer powers of a square matrix."""

from numpywren.algorithms.gesv import gesv
from numpywren.kernels.diagonal import identity
from numpywren.lambdapack import Input, Output, Size, program, stages, temporary

__all__ = ["inverse_power", "matrix_power", "zeroth_power"]


@program(A="n n", X="n n")
def matrix_power(A: Input, X: Output, n: Size, bits: Size, exponent: Size) -> None:
    """X = A to the power of `exponent`, which has `bits` binary digits after the first.

    The digits are taken from the left: each squares what there is, and a 1 then multiplies by A.

    ==============  =====================================================================
    flops           2 N³ a product, of which there are `bits` and one for each 1 after the first digit
    tiles written   n² a product
    parallelism     n² tasks, a product ahead of the next by rows and columns
    ==============  =====================================================================

    References
    ----------
    D. E. Knuth, "The Art of Computer Programming", vol. 2, section 4.6.3.
    """
    S = stages(A)
    if bits == 0:
        for i in range(n):
            for j in range(n):
                X[i, j] = A[i, j]
    for b in range(bits):
        # S(2b+1) = S² of what came of the digit before, which is S(2b) if that was a 1, and S(2b-1) if not
        if b + 1 == bits and exponent % 2 == 0:
            for i in range(n):
                for j in range(n):
                    X[i, j] = sum(
                        S[max(0, 2 * b - 1 + exponent // 2 ** (bits - b) % 2), i, k]
                        @ S[max(0, 2 * b - 1 + exponent // 2 ** (bits - b) % 2), k, j]
                        for k in range(n)
                    )
        else:
            for i in range(n):
                for j in range(n):
                    S[2 * b + 1, i, j] = sum(
                        S[max(0, 2 * b - 1 + exponent // 2 ** (bits - b) % 2), i, k]
                        @ S[max(0, 2 * b - 1 + exponent // 2 ** (bits - b) % 2), k, j]
                        for k in range(n)
                    )
                    if b + 1 == bits:
                        X[i, j] = sum(S[2 * b + 1, i, k] @ A[k, j] for k in range(n))
                    elif exponent // 2 ** (bits - 1 - b) % 2 == 1:
                        S[2 * b + 2, i, j] = sum(S[2 * b + 1, i, k] @ A[k, j] for k in range(n))


@program(A="n n", B="n n", X="n n")
def inverse_power(A: Input, B: Input, X: Output, n: Size, depth: Size, fan: Size, bits: Size, exponent: Size) -> None:
    """X = A⁻¹ to the power of `exponent`, with A⁻¹ the solution of A Y = B, B the identity."""
    Y = temporary("n n")
    gesv(A, B, Y, ...)
    matrix_power(Y, X, ...)


@program(A="n n", X="n n")
def zeroth_power(A: Input, X: Output, n: Size) -> None:
    """X = I, of the shape and type of A, whose elements are not read."""
    for i in range(n):
        X[i, i] = identity(A[i, i])
