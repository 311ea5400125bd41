"""Leading singular values and vectors of a matrix, by subspace iteration from a random start.

Two programs for one task. `subspace_rows` needs a whole row of tiles in memory, and then reads the matrix once for each
product with AᴴA. `subspace_tiles` holds one tile of A at a time and reads it twice for that. Both take a matrix with at
least as many rows as columns, or the adjoint of one, and can centre it on the way: `centred` is 1 to subtract the row
M[j] from the rows of tiles in column j, 2 to subtract the column M[i]ᴴ from the columns of those in row i, 0 for
neither. Whoever centres writes M; nobody writes a centred matrix.

References
----------
N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness: probabilistic algorithms for constructing
approximate matrix decompositions", SIAM Review 53 (2011), algorithms 4.4 and 5.1.
"""

from numpywren.algorithms.tall_qr import joined_qr, tall_qr
from numpywren.algorithms.total import total
from numpywren.kernels.sketch import gaussian
from numpywren.kernels.small_svd import adjoint_rows, join_phases, largest_entries, spectrum_of_triangle
from numpywren.kernels.spectral import scale_columns
from numpywren.kernels.subspace import (
    centred_gemm,
    leading_directions,
    normal_product,
    project,
    spectrum,
)
from numpywren.lambdapack import Input, Output, Scalar, Size, program, temporary

__all__ = ["gesvd_rows", "gesvd_tiles", "subspace_rows", "subspace_tiles"]


@program(A="m n", M="*", U="m r", S="r", Vh="r n")
def subspace_rows(
    A: Input,
    M: Input,
    U: Output,
    S: Output,
    Vh: Output,
    m: Size,
    n: Size,
    r: Size,
    centred: Size,
    iterations: Size,
    lanes: Size,
    group: Size,
    fan: Size,
    width: Scalar,
    rank: Scalar,
    length: Scalar,
    chunk: Scalar,
    seed: Scalar,
    code: Scalar,
) -> None:
    """A ≈ U S Vᴴ, each row of tiles read once an iteration, and once more.

    With Ω an N × l matrix of random numbers: Q[p+1] = basis of AᴴA Q[p], Q[0] = Ω; then Y = A Q, Z = Aᴴ Y in one more
    pass. Y = P R by a tree over blocks of `group` rows of tiles, Aᴴ P = Z R⁻¹, and the SVD of this N × l matrix gives
    that of P Pᴴ A: algorithm 5.1 for the range that algorithm 4.4 finds, with half as many passes.

    Q, Z and the like, N × l, are one tile each. `lanes` sums run over the rows at the same time; `fan` of their
    results, or of triangles, are joined at a time.

    ==============  =====================================================================
    flops           4 M N l (iterations + 1), times 4 for complex numbers
    tiles read      m n (iterations + 1) of A
    tiles written   M l numbers twice, N l numbers for each of m / group blocks once
    parallelism     `lanes`, and m / group in the last pass
    ==============  =====================================================================
    """
    Q = temporary("*")
    N = temporary("* *")
    G = temporary("* *")
    P = temporary("*")
    R = temporary("*")
    Z = temporary("*")
    C = temporary("*")
    D = temporary("*")
    T = temporary("*")
    Y = temporary("*")
    W = temporary("*")
    V = temporary("*")
    if min(m, n) > 0:
        Q[0] = gaussian(seed=seed, part=0, chunk=length, length=length, width=width, code=code)
        for p in range(iterations):
            # AᴴA Q[p], in lanes; then Q[p+1], a basis of it turned towards singular vectors, of length near 1 / σ
            for s in range(min(lanes, m)):
                N[p, s] = sum(
                    normal_product(
                        [A[i, j] for j in range(n)],
                        Q[p],
                        [M[j] for j in range(n) if centred == 1],
                        [M[k].H for k in range(i, i + 1) if centred == 2],
                        step=p,
                    )
                    for i in range(s * m // min(lanes, m), (s + 1) * m // min(lanes, m))
                )
            total(N[p], G[p], count=min(lanes, m), fan=fan)
            Q[p + 1] = leading_directions(G[p, 0], Q[p])
        for b in range((m + group - 1) // group):
            # A[b] Q = P[b] R[b], and what this block of rows gives of Aᴴ (A Q)
            P[b * group : min((b + 1) * group, m)], R[b], Z[b] = project(
                [A[i, j] for i in range(b * group, min((b + 1) * group, m)) for j in range(n)],
                Q[iterations],
                [M[j] for j in range(n) if centred == 1],
                [M[i].H for i in range(b * group, min((b + 1) * group, m)) if centred == 2],
                columns=n,
            )
        total(Z, Y, count=(m + group - 1) // group, fan=fan)
        # [R[0]; R[1]; …] = Q T[0] with Q[b] = C[b] D[b // fan]: the triangle of Y = A Q is T[0]
        joined_qr(R, C, D, T, count=(m + group - 1) // group, fan=fan)
        for c in range(min(r, 1)):
            W[c], S[c], V[c] = spectrum(Y[0], Q[iterations], T[0], rank=rank)
            for i in range(m):
                # U = P C D W
                U[i, c] = P[i] @ (C[i // group] @ (D[i // (group * fan)] @ W[c]))
            for j in range(n):
                Vh[c, j] = adjoint_rows(V[c], part=j, chunk=chunk)


@program(A="m n", M="*", U="m r", S="r", Vh="r n")
def subspace_tiles(
    A: Input,
    M: Input,
    U: Output,
    S: Output,
    Vh: Output,
    m: Size,
    n: Size,
    r: Size,
    centred: Size,
    iterations: Size,
    fan: Size,
    width: Scalar,
    rank: Scalar,
    length: Scalar,
    chunk: Scalar,
    seed: Scalar,
    code: Scalar,
) -> None:
    """A ≈ U S Vᴴ, each tile of A read twice an iteration, and twice more.

    Y = A Ω; then Y = A F, where E is an orthonormal basis of Y and F one of AᴴE; at last the SVD of AᴴE gives that of
    E EᴴA.

    ==============  =====================================================================
    flops           4 M N l (iterations + 1), times 4 for complex numbers
    tiles read      2 m n (iterations + 1) of A
    tiles written   about 4 (M + N) l numbers an iteration
    parallelism     m, and n, tasks in turn
    ==============  =====================================================================
    """
    O = temporary("*")  # noqa: E741 - the letter that looks like the Ω of the paper
    X = temporary("* *")
    Y = temporary("* *")
    E = temporary("* *")
    F = temporary("* *")
    K = temporary("*")
    H = temporary("* *")
    T = temporary("* *")
    W = temporary("*")
    V = temporary("*")
    if min(m, n) > 0:
        for j in range(n):
            O[j] = gaussian(seed=seed, part=j, chunk=chunk, length=length, width=width, code=code)
        for i in range(m):
            if centred == 1:
                Y[0, i] = sum(centred_gemm(A[i, j], O[j], M[j], adjoint=0) for j in range(n))
            elif centred == 2:
                Y[0, i] = sum(centred_gemm(A[i, j], O[j], M[i].H, adjoint=0) for j in range(n))
            else:
                Y[0, i] = sum(A[i, j] @ O[j] for j in range(n))
        for p in range(iterations + 1):
            tall_qr(Y[p], E[p], T[2 * p], count=m, fan=fan)
            for j in range(n):
                if centred == 1:
                    X[p, j] = sum(centred_gemm(A[i, j], E[p, i], M[j], adjoint=1) for i in range(m))
                elif centred == 2:
                    X[p, j] = sum(centred_gemm(A[i, j], E[p, i], M[i].H, adjoint=1) for i in range(m))
                else:
                    X[p, j] = sum(A[i, j].H @ E[p, i] for i in range(m))
            tall_qr(X[p], F[p], T[2 * p + 1], count=n, fan=fan)
            if p < iterations:
                for i in range(m):
                    if centred == 1:
                        Y[p + 1, i] = sum(centred_gemm(A[i, j], F[p, j], M[j], adjoint=0) for j in range(n))
                    elif centred == 2:
                        Y[p + 1, i] = sum(centred_gemm(A[i, j], F[p, j], M[i].H, adjoint=0) for j in range(n))
                    else:
                        Y[p + 1, i] = sum(A[i, j] @ F[p, j] for j in range(n))
        for c in range(min(r, 1)):
            # AᴴE = F T, T = V S Wᴴ
            W[c], S[c], V[c] = spectrum_of_triangle(T[2 * iterations + 1, 0], rank=rank)
            for j in range(n):
                H[c, j] = largest_entries(F[iterations, j] @ V[c])
            K[c] = join_phases([H[c, j] for j in range(n)])
            for i in range(m):
                U[i, c] = scale_columns(E[iterations, i] @ W[c], K[c])
            for j in range(n):
                Vh[c, j] = scale_columns(F[iterations, j] @ V[c], K[c]).H


@program(A="m n", U="m r", S="r", Vh="r n")
def gesvd_rows(
    A: Input,
    U: Output,
    S: Output,
    Vh: Output,
    m: Size,
    n: Size,
    r: Size,
    iterations: Size,
    lanes: Size,
    group: Size,
    fan: Size,
    width: Scalar,
    rank: Scalar,
    length: Scalar,
    chunk: Scalar,
    seed: Scalar,
    code: Scalar,
) -> None:
    """The leading singular values and vectors of A by `subspace_rows`."""
    M = temporary("*")
    subspace_rows(A, M, U, S, Vh, ..., centred=0)


@program(A="m n", U="m r", S="r", Vh="r n")
def gesvd_tiles(
    A: Input,
    U: Output,
    S: Output,
    Vh: Output,
    m: Size,
    n: Size,
    r: Size,
    iterations: Size,
    fan: Size,
    width: Scalar,
    rank: Scalar,
    length: Scalar,
    chunk: Scalar,
    seed: Scalar,
    code: Scalar,
) -> None:
    """The leading singular values and vectors of A by `subspace_tiles`."""
    M = temporary("*")
    subspace_tiles(A, M, U, S, Vh, ..., centred=0)
