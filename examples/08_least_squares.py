"""Least squares on real data: elevations of the world's airports. Needs the extra: pip install 'numpywren[demo]'."""

import numpy as np

import numpywren as nw
from numpywren.demo import airports  # the data of the package airportsdata (MIT licence), of some 28 000 airports

WIDTH = 0.12  # of a bump, in radians: 760 km


def bump(i, j, places, centres):
    """Entries of the design matrix: how near place i is to centre j, as a bump that falls with the distance."""
    cosine = places[i[:, 0]] @ centres[j[0]].T
    return np.exp((cosine - 1) / WIDTH**2)


rng = np.random.default_rng(0)
data = airports.load()
order = rng.permutation(len(data))
train, held_out = data.take(order[2000:]), data.take(order[:2000])
centres = train.points[rng.choice(len(train), 400, replace=False)]
mean = train.elevation.mean()


def design(places):
    """The design matrix, evaluated where it is read."""
    return nw.from_function(bump, (len(places), len(centres)), chunks=(2048, 400), args=(places, centres))


# 26 000 equations in 400 unknowns. Bumps that overlap make columns that are nearly dependent: the smallest singular
# values of the matrix are noise, and rcond says where they begin. QR of the tall matrix, then the SVD of what is left.
A = design(train.points)
fit = nw.linalg.lstsq(A, train.elevation - mean, rcond=1e-6)
print(f"{A.shape[0]} equations, {A.shape[1]} unknowns, rank {fit.rank}, condition {fit.s[0] / fit.s[-1]:.1e}")

predicted = mean + np.asarray(design(held_out.points) @ fit.x)
error = np.sqrt(np.mean((predicted - held_out.elevation) ** 2))
spread = np.std(held_out.elevation)
print(f"held-out airports: elevations differ by {spread:.0f} m from their mean, by {error:.0f} m from the fit")
assert error < 0.75 * spread

again, _, rank, _ = np.linalg.lstsq(np.asarray(A), train.elevation - mean, rcond=1e-6)
print(f"difference from NumPy's fit: {np.max(np.abs(np.asarray(design(held_out.points) @ (fit.x - again)))):.1e} m")
assert rank == fit.rank
