"""Matrix products."""

from numpywren.lambdapack import Input, Output, Size, log2, program, temporary

__all__ = ["gemm"]


@program(A="m k", B="k n", C="m n")
def gemm(A: Input, B: Input, C: Output, m: Size, k: Size, n: Size, splits: Size = 1) -> None:
    """C = A B, the inner dimension in `splits` parts whose products are added by a binary tree.

    One part means one task a tile of C. Several are for few tiles of C and many of the inner dimension, as in AᴴA of a
    tall matrix: then m n splits tasks are ready at once, and log2(splits) levels of additions follow.

    ==============  =====================================================================
    flops           2 M K N (times 4 for complex numbers)
    tiles read      2 m k n, fewer where a worker holds some of them
    tiles written   m n, and with splits > 1 about 2 m n splits intermediates
    parallelism     m n splits tasks, all ready at once
    ==============  =====================================================================
    """
    P = temporary("* * m n")
    for i in range(m):
        for j in range(n):
            if splits <= 1:
                C[i, j] = sum(A[i, q] @ B[q, j] for q in range(k))
            else:
                for s in range(splits):
                    P[0, s, i, j] = sum(A[i, q] @ B[q, j] for q in range(s * k // splits, (s + 1) * k // splits))
                for level in range(log2(splits)):
                    for s in range(0, splits, 2 ** (level + 1)):
                        if s > 0 or level + 1 < log2(splits):
                            if s + 2**level < splits:
                                P[level + 1, s, i, j] = P[level, s, i, j] + P[level, s + 2**level, i, j]
                            else:
                                P[level + 1, s, i, j] = P[level, s, i, j]
                C[i, j] = P[log2(splits) - 1, 0, i, j] + P[log2(splits) - 1, 2 ** (log2(splits) - 1), i, j]
