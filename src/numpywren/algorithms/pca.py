"""Principal components of data that are centred where they are read, never written."""

from numpywren.algorithms.subspace import subspace_rows, subspace_tiles
from numpywren.kernels.moments import as_vector, explained, join_moments, means_and_deviations, moments
from numpywren.lambdapack import Input, Output, Scalar, Size, program, temporary

__all__ = ["feature_means", "pca_rows", "pca_tiles"]


@program(A="m n", M="*", X="f", V="*")
def feature_means(
    A: Input,
    M: Output,
    X: Output,
    V: Output,
    m: Size,
    n: Size,
    f: Size,
    centred: Size,
    fan: Size,
    code: Scalar,
) -> None:
    """Means of the columns of A (`centred` is 1) or of Aᴴ (2): one pass over A.

    M[t], as a row, and X[t] are the means of tile t of the features, V[t] the sum of all squared distances from them.
    Pieces of at most `fan` tiles are joined at a time.
    """
    P = temporary("* *")
    J = temporary("* *")
    for i in range(m):
        for j in range(n):
            if centred == 1:
                P[j, i] = moments(A[i, j])
            else:
                P[i, j] = moments(A[i, j], adjoint=1)
    if centred == 1 and m > 0:
        for t in range(n):
            for s in range((m + fan - 1) // fan):
                J[t, s] = join_moments([P[t, k] for k in range(s * fan, min((s + 1) * fan, m))])
            M[t], V[t] = means_and_deviations([J[t, s] for s in range((m + fan - 1) // fan)], code=code)
        for t in range(min(f, n)):
            X[t] = as_vector(M[t])
    if centred == 2 and n > 0:
        for t in range(m):
            for s in range((n + fan - 1) // fan):
                J[t, s] = join_moments([P[t, k] for k in range(s * fan, min((s + 1) * fan, n))])
            M[t], V[t] = means_and_deviations([J[t, s] for s in range((n + fan - 1) // fan)], code=code)
        for t in range(min(f, m)):
            X[t] = as_vector(M[t])


@program(A="m n", U="m r", S="r", Vh="r n", X="f", E="r", R="r")
def pca_rows(
    A: Input,
    U: Output,
    S: Output,
    Vh: Output,
    X: Output,
    E: Output,
    R: Output,
    m: Size,
    n: Size,
    r: Size,
    f: Size,
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
    observations: Scalar,
) -> None:
    """Leading singular values and vectors of centred data by `subspace_rows`; one pass more, for the means.

    A is the data with observations in rows (`centred` is 1) or their adjoint (2). X holds the means of the features, E
    the variances along the components, R their shares of the exact total variance.
    """
    M = temporary("*")
    V = temporary("*")
    feature_means(A, M, X, V, ...)
    if min(m, n) > 0:
        subspace_rows(A, M, U, S, Vh, ...)
        for c in range(min(r, 1)):
            if centred == 1:
                E[c], R[c] = explained(S[c], [V[t] for t in range(n)], count=observations)
            else:
                E[c], R[c] = explained(S[c], [V[t] for t in range(m)], count=observations)


@program(A="m n", U="m r", S="r", Vh="r n", X="f", E="r", R="r")
def pca_tiles(
    A: Input,
    U: Output,
    S: Output,
    Vh: Output,
    X: Output,
    E: Output,
    R: Output,
    m: Size,
    n: Size,
    r: Size,
    f: Size,
    centred: Size,
    iterations: Size,
    fan: Size,
    width: Scalar,
    rank: Scalar,
    length: Scalar,
    chunk: Scalar,
    seed: Scalar,
    code: Scalar,
    observations: Scalar,
) -> None:
    """Leading singular values and vectors of centred data by `subspace_tiles`; one pass more, for the means.

    A is the data with observations in rows (`centred` is 1) or their adjoint (2). X holds the means of the features, E
    the variances along the components, R their shares of the exact total variance.
    """
    M = temporary("*")
    V = temporary("*")
    feature_means(A, M, X, V, ...)
    if min(m, n) > 0:
        subspace_tiles(A, M, U, S, Vh, ...)
        for c in range(min(r, 1)):
            if centred == 1:
                E[c], R[c] = explained(S[c], [V[t] for t in range(n)], count=observations)
            else:
                E[c], R[c] = explained(S[c], [V[t] for t in range(m)], count=observations)
