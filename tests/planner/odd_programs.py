"""Programs that are written as none of ours is, to be counted all the same."""

from numpywren.lambdapack import Input, Output, Size, kernel, log2, program, temporary


@kernel()
def halved(a):
    return a / 2


@kernel(shape=lambda tiles: tiles[0], flops=lambda tiles: float(sum(rows * columns for rows, columns in tiles)))
def first_of(tiles):
    return tiles[0]


@kernel(shape=lambda a, b: a, flops=lambda a, b: 7.0 * b[0])
def shaped(a, b):
    return a


@program(A="n n", X="n n")
def backwards(A: Input, X: Output, n: Size) -> None:
    """What is read comes later in the text, loops count down, and bounds of loops depend on other loops."""
    T = temporary("* *")
    for i in range(n):
        for j in range(n):
            if i >= j:
                X[i, j] = A[i, j] + T[i, j]
            else:
                X[i, j] = shaped(A[i, j], T[j, i] - T[j, max(i, 0)])
    for i in range(n - 1, -1, -1):
        T[i, i] = first_of([A[i, k] for k in range(i, n)])
        for j in range(i - 1, -1, -1):
            T[i, j] = T[i, j + 1] - sum(T[k, k] for k in range(i) if k % 2 == 0)


@program(A="m n", X="m n")
def shapeless(A: Input, X: Output, m: Size, n: Size) -> None:
    """Intermediates to which no grid gives shapes, in trees and in a chain, and tiles that a task reads twice."""
    T = temporary("* * *")
    C = temporary("*")
    D = temporary("* *")
    for j in range(n):
        for i in range(m):
            T[0, i, j] = halved(A[i, j])
        for level in range(log2(m)):
            for i in range(0, m, 2 ** (level + 1)):
                T[level + 1, i, j] = first_of(
                    [T[level, k, j] for k in range(i, min(i + 2 ** (level + 1), m), 2**level)]
                )
        if m > 0:
            C[j] = T[log2(m), 0, j].T @ T[log2(m), 0, j]
        for i in range(m):
            if j > 0:
                D[i, j] = D[i, j - 1] @ (D[i, j - 1].T @ A[i, j])
            else:
                D[i, j] = halved(A[i, j])
    for i in range(m):
        for j in range(n):
            X[i, j] = A[i, j] @ C[j] - 2 * D[i, j]
