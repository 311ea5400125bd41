"""Write a LAmbdaPACK program: the inverse of a lower triangular matrix, with a kernel of one's own."""

import numpy as np
import scipy.linalg

import numpywren as nw
from numpywren.kernels.trsm import trsm
from numpywren.lambdapack import Input, Output, Size


@nw.kernel(flops=lambda a: a[0] ** 3 / 3)
def invert(a):
    """Inverse of one lower triangular tile."""
    return np.asfortranarray(scipy.linalg.solve_triangular(a, np.eye(len(a), dtype=a.dtype), lower=True))


@nw.program(L="n n", X="n n")
def inverse_lower(L: Input, X: Output, n: Size):
    """L X = I, one column of tiles after another."""
    for j in range(n):
        X[j, j] = invert(L[j, j])
        for i in range(j + 1, n):
            # row i of L X = I:  L[i, i] X[i, j] = -Σ L[i, k] X[k, j]
            X[i, j] = trsm(-sum(L[i, k] @ X[k, j] for k in range(j, i)), L[i, i])


print(inverse_lower)
for tiles in (10, 1000):
    print(f"{tiles} × {tiles} tiles: {inverse_lower.count({'n': tiles})} tasks")
task = next(each for each in inverse_lower.tasks({"n": 4}) if inverse_lower.writes(each, {"n": 4})[0].index == (3, 1))
print("X[3, 1] reads", ", ".join(tile.id for tile in inverse_lower.reads(task, {"n": 4})))

rng = np.random.default_rng(0)
lower = np.tril(rng.standard_normal((700, 700)) / 30) + 2 * np.eye(700)
X = nw.run(inverse_lower, L=nw.asarray(lower, chunks=128))
error = np.abs(lower @ np.asarray(X) - np.eye(700)).max()
print(f"greatest error of L X = I: {error:.1e}")
assert error < 1e-12
