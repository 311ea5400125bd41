"""The log-likelihood of a Gaussian process, and with it the length scale and the noise that measurements have."""

import numpy as np

import numpywren as nw

n = 1500


def covariance(i, j, x, length, noise):
    """Entries of a Matérn 3/2 covariance, with noise on the diagonal; i is a column of indices, j a row."""
    scaled = np.sqrt(3.0) * np.abs(x[i] - x[j]) / length
    return (1 + scaled) * np.exp(-scaled) + noise**2 * (i == j)


def log_likelihood(x, y, length, noise):
    """Logarithm of the density: -(yᴴ K⁻¹ y + log det K + n log 2π) / 2, where y has the covariance K."""
    K = nw.from_function(covariance, (n, n), chunks=384, args=(x, length, noise))  # never stored
    L = nw.linalg.cholesky(K)  # half the work of any other factorization, and all that is needed
    weights = np.asarray(nw.linalg.cho_solve((L, True), y))
    log_det = 2 * np.log(np.asarray(nw.linalg.diagonal(L))).sum()
    return -0.5 * (y @ weights + log_det + n * np.log(2 * np.pi))


# Measurements at random times of a path whose length scale is 2 and whose noise is 0.3.
rng = np.random.default_rng(1)
x = np.sort(rng.uniform(0, 100, n))
truth = nw.linalg.cholesky(nw.from_function(covariance, (n, n), chunks=384, args=(x, 2.0, 0.3)))
y = np.asarray(truth @ rng.standard_normal(n))

print("length  noise  log-likelihood")
found = {}
for length in (1.0, 2.0, 4.0):
    for noise in (0.15, 0.3, 0.6):
        found[length, noise] = log_likelihood(x, y, length, noise)
        print(f"{length:6.1f} {noise:6.2f} {found[length, noise]:15.3f}")
best = max(found, key=found.get)
print(f"most likely: length scale {best[0]}, noise {best[1]}")
assert best == (2.0, 0.3)

# A determinant by itself is `slogdet`, by LU with pivoting: for matrices that need not be positive definite.
K = nw.from_function(covariance, (n, n), chunks=384, args=(x, *best))
sign, log_det = nw.linalg.slogdet(K)
print(f"log det K = {float(log_det):.6f}")
weights = np.asarray(nw.linalg.solve(K, y, assume_a="pos"))
again = -0.5 * (y @ weights + float(log_det) + n * np.log(2 * np.pi))
print(f"log-likelihood again: {again:.3f}")
assert float(sign) == 1.0
assert np.isclose(again, found[best])
