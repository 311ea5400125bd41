"""Principal components of data that are larger than the memory they are found in."""

import numpy as np

import numpywren as nw

n_samples, n_features, n_factors = 40_000, 600, 5


def observation(i, j, factors, loadings, mean):
    """Entries of the data: a few hidden factors, seen through many features, with noise and a mean."""
    noise = np.sin(12.9898 * (i + 1) + 78.233 * (j + 1)) * 43758.5453  # its last digits are as good as random
    return factors[i[:, 0]] @ loadings[:, j[0]] + mean[j] + (noise % 1 - 0.5)


rng = np.random.default_rng(0)
loadings = np.linalg.qr(rng.standard_normal((n_features, n_factors)))[0].T
deviations = np.array([20.0, 10.0, 5.0, 4.0, 3.0])
factors = rng.standard_normal((n_samples, n_factors)) * deviations
mean = rng.uniform(-1, 1, n_features)

X = nw.from_function(observation, (n_samples, n_features), chunks=1000, args=(factors, loadings, mean))
X = X.save("data.zarr", overwrite=True)  # 192 MB on disk: the tiles are computed and written one after another
print("data:", X)

# Tiles may take a sixth of what the data take. The mean is taken off where a tile is read: a centred copy of the data
# is never written, nor held.
with nw.config.set({"worker.memory": "32MiB"}):
    found = nw.linalg.pca(X, n_components=n_factors, seed=0)

variances = np.asarray(found.explained_variance)
shares = np.asarray(found.explained_variance_ratio)
for number, (variance, share) in enumerate(zip(variances, shares, strict=True), 1):
    print(f"component {number}: standard deviation {np.sqrt(variance):7.3f}, {share:6.1%} of the variance")

# The plane that the components span is that of the loadings, up to noise: the cosines of the angles between them.
cosines = np.linalg.svd(np.asarray(found.components) @ loadings.T, compute_uv=False)
print(f"smallest cosine of an angle to the true factors: {cosines.min():.6f}")
assert cosines.min() > 0.999
assert np.allclose(np.sqrt(variances), deviations, rtol=0.02)
assert np.allclose(np.asarray(found.mean), mean + factors.mean(axis=0) @ loadings, atol=0.02)
X.delete()
