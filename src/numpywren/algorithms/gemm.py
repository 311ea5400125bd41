"""Matrix products."""

from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["gemm", "gemm_split"]


@program(A="m k", B="k n", C="m n")
def gemm(A: Input, B: Input, C: Output, m: Size, k: Size, n: Size):  # noqa: ANN201 - parsed, never run
    """C = A B, one task a tile of C.

    ==============  =====================================================================
    flops           2 M K N (times 4 for complex numbers)
    tiles read      2 m k n, fewer where a worker holds some of them
    tiles written   m n, and nothing else
    parallelism     m n tasks, all ready at once
    ==============  =====================================================================
    """
    for i in range(m):
        for j in range(n):
            C[i, j] = sum(A[i, l] @ B[l, j] for l in range(k))


@program(A="m k", B="k n", C="m n")
def gemm_split(A: Input, B: Input, C: Output, m: Size, k: Size, n: Size, splits: Size):  # noqa: ANN201
    """C = A B with the inner dimension in `splits` parts (a power of two, 2 or more), added up by a binary tree.

    For few tiles of C and many of the inner dimension, as in AᴴA of a tall matrix: m n splits tasks are ready at
    once, and log2(splits) additions follow.
    """
    P = temporary("* * m n")
    for i in range(m):
        for j in range(n):
            for s in range(splits):
                P[0, s, i, j] = sum(A[i, l] @ B[l, j] for l in range(s * k // splits, (s + 1) * k // splits))
            for level in range(log2(splits) - 1):  # noqa: F821 - a word of the language
                for s in range(0, splits, 2 ** (level + 1)):
                    P[level + 1, s, i, j] = P[level, s, i, j] + P[level, s + 2**level, i, j]
            C[i, j] = P[log2(splits) - 1, 0, i, j] + P[log2(splits) - 1, splits // 2, i, j]  # noqa: F821
