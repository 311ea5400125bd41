"""A picture from its largest singular values. Needs the extra: pip install 'numpywren[demo]'."""

import matplotlib.cbook
import matplotlib.image
import numpy as np

import numpywren as nw

# A portrait of Grace Hopper, by the United States Navy and in the public domain, that comes with matplotlib.
with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
    picture = matplotlib.image.imread(file).mean(axis=2) / 255  # grey levels, 0 to 1
rows, columns = picture.shape

A = nw.asarray(picture, chunks=128)
U, S, Vh = nw.linalg.svd(A, full_matrices=False)
s = np.asarray(S)
print(f"{rows} × {columns} picture, singular values {s[0]:.2f} to {s[-1]:.2e}")

# The nearest matrix of rank k, in the 2-norm and in Frobenius', has the k largest singular values and their vectors
# (Eckart and Young), and the singular values left out say how far it is away. Slices read only the tiles they need.
print("rank  numbers kept  error of a grey level")
for k in (5, 20, 60):
    near = (U[:, :k] * s[:k]) @ Vh[:k, :]
    error = np.sqrt(np.mean((near - picture) ** 2))
    kept = k * (rows + columns + 1) / picture.size
    print(f"{k:4} {kept:13.1%} {error:22.4f}")
    assert np.isclose(error, np.sqrt(np.sum(s[k:] ** 2) / picture.size))

# Where k is known beforehand, random sketches find the leading ones alone, without the reduction of the whole matrix.
leading = nw.linalg.svd(A, full_matrices=False, k=20, n_iter=4, seed=0)
difference = np.max(np.abs(np.asarray(leading.S) / s[:20] - 1))
print(f"the 20 largest singular values from random sketches: relative difference {difference:.1e}")
assert difference < 1e-3

matplotlib.image.imsave("hopper.png", np.hstack([picture, near]), cmap="gray", vmin=0, vmax=1)
print("the picture, and beside it what rank 60 leaves of it: hopper.png")
