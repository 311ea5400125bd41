"""Gaussian-process regression of a field on the sphere: covariance, prediction and errors, on NumPy alone.

The field is a mean plus two independent zero-mean Gaussian processes, a regional and a local one, plus independent
noise, the *nugget*, at each measured place. Both processes have a Matérn covariance of smoothness 3/2 in the chordal
distance (the straight line through the Earth: any covariance valid in three dimensions is then valid on the sphere).
With ``K`` the covariance of the measurements ``y``, the prediction at new places is ``mean + K* K⁻¹ (y - mean)``.

References
----------
C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press, 2006, sections 2.2 and 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EARTH_RADIUS_KM",
    "Covariance",
    "Errors",
    "chord_km",
    "covariance",
    "cross_covariance",
    "errors",
    "log_marginal_likelihood",
    "matern32",
    "nearest",
    "unit_sphere",
]

EARTH_RADIUS_KM = 6371.0


class Covariance(NamedTuple):
    """Parameters of the covariance; deviations are in the unit of the field."""

    regional_km: float
    """Distance over which the regional process is alike."""
    regional_deviation: float
    """Standard deviation of the regional process."""
    local_km: float
    """Distance over which the local process is alike."""
    local_deviation: float
    """Standard deviation of the local process."""
    nugget: float
    """Standard deviation of the noise of one measurement."""


class Errors(NamedTuple):
    """Errors of a prediction, in the unit of the field."""

    rmse: float
    """Root of the mean square."""
    mae: float
    """Mean of the absolute values."""


def unit_sphere(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the unit sphere, shape (n, 3), of latitudes and longitudes in degrees, shape (n,)."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def chord_km(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight-line distances in kilometres between points of the unit sphere, (m, 3) and (n, 3): shape (m, n)."""
    distance: NDArray[np.float64] = cdist(a, b)
    distance *= EARTH_RADIUS_KM
    return distance


def matern32(distance: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Matérn correlation of smoothness 3/2, ``(1 + u) exp(-u)`` with ``u = √3 distance / length``; same shape."""
    u: NDArray[np.float64] = distance * (np.sqrt(3.0) / length)
    decay = np.exp(-u)
    u += 1.0
    u *= decay
    return u


def covariance(
    i: NDArray[np.integer], j: NDArray[np.integer], points: NDArray[np.float64], parameters: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Block of the covariance matrix of the measurements.

    Parameters
    ----------
    i : ndarray of int, shape (m, 1)
        Rows of the block.
    j : ndarray of int, shape (1, n)
        Columns of the block.
    points : ndarray of float, shape (N, 3)
        All measured places, on the unit sphere.
    parameters : ndarray of float, shape (5,)
        The fields of `Covariance`, in order.

    Returns
    -------
    ndarray of float64, shape (m, n)
        Sum over both processes of ``deviation² matern32(distance)``, and ``nugget²`` more where ``i == j``.
    """
    block = cross_covariance(i, j, points, points, parameters)
    block[i == j] += Covariance(*parameters).nugget ** 2
    return block


def cross_covariance(
    i: NDArray[np.integer],
    j: NDArray[np.integer],
    places: NDArray[np.float64],
    points: NDArray[np.float64],
    parameters: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Block of the covariance between the field at new places and at the measured ones.

    Parameters
    ----------
    i : ndarray of int, shape (m, 1)
        Which places.
    j : ndarray of int, shape (1, n)
        Which measurements.
    places, points : ndarray of float, shape (M, 3) and (N, 3)
        New and measured places, on the unit sphere.
    parameters : ndarray of float, shape (5,)
        The fields of `Covariance`, in order.

    Returns
    -------
    ndarray of float64, shape (m, n)
        Sum over both processes of ``deviation² matern32(distance)``.
    """
    model = Covariance(*parameters)
    distance = chord_km(places[i[:, 0]], points[j[0]])
    block = matern32(distance, model.regional_km)
    block *= model.regional_deviation**2
    local = matern32(distance, model.local_km)
    local *= model.local_deviation**2
    block += local
    return block


def log_marginal_likelihood(
    y: NDArray[np.float64], weights: NDArray[np.float64], factor_diagonal: NDArray[np.float64]
) -> float:
    """Logarithm of the probability density of the measurements under the model.

    Parameters
    ----------
    y : ndarray of float, shape (N,)
        Measurements less their mean.
    weights : ndarray of float, shape (N,)
        ``K⁻¹ y``.
    factor_diagonal : ndarray of float, shape (N,)
        Diagonal of the Cholesky factor of ``K``.

    Returns
    -------
    float
        ``-(yᵀ weights + N log 2π) / 2 - Σ log factor_diagonal``.
    """
    return float(-0.5 * (y @ weights + len(y) * np.log(2.0 * np.pi)) - np.sum(np.log(factor_diagonal)))


def nearest(points: NDArray[np.float64], places: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each place the index of the nearest measured point, and its distance in kilometres; both shape (M,)."""
    distance, index = KDTree(points).query(places)
    return np.asarray(index), np.asarray(distance) * EARTH_RADIUS_KM


def errors(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> Errors:
    """Errors of predictions against what was measured at the same places, both shape (M,)."""
    miss = predicted - measured
    return Errors(rmse=float(np.sqrt(np.mean(miss**2))), mae=float(np.mean(np.abs(miss))))
