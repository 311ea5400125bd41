"""The mathematics of the demo against SciPy's own dense routines and against closed forms."""

import numpy as np
import pytest
import scipy.linalg
from scipy.special import gamma, kv
from scipy.stats import multivariate_normal

from numpywren.demo import airports, kriging

PARAMETERS = np.array(kriging.Covariance(800.0, 500.0, 80.0, 250.0, nugget=80.0))


@pytest.fixture(scope="module")
def sample():
    return airports.split(airports.load(), 500)


def grid(rows, columns):
    return np.arange(rows)[:, None], np.arange(columns)[None, :]


def test_unit_sphere_knows_the_poles_and_the_equator():
    points = kriging.unit_sphere(np.array([90.0, 0.0, 0.0, -90.0]), np.array([17.0, 0.0, 90.0, 0.0]))
    np.testing.assert_allclose(points, [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, -1]], atol=1e-15)


def test_chord_of_a_quarter_of_the_globe():
    pole, equator = kriging.unit_sphere(np.array([90.0, 0.0]), np.array([0.0, 0.0]))
    assert kriging.chord_km(pole[None], equator[None])[0, 0] == pytest.approx(kriging.EARTH_RADIUS_KM * np.sqrt(2))


def test_matern_agrees_with_the_bessel_form():
    distance, nu = np.linspace(1.0, 900.0, 50), 1.5
    u = np.sqrt(2 * nu) * distance / 200.0
    np.testing.assert_allclose(kriging.matern32(distance, 200.0), 2 ** (1 - nu) / gamma(nu) * u**nu * kv(nu, u))


def test_covariance_is_the_same_in_blocks_and_has_its_nugget_on_the_diagonal_only(sample):
    points = sample.train.points
    n = len(points)
    whole = kriging.covariance(*grid(n, n), points, PARAMETERS)
    rows, columns = np.arange(90, 200)[:, None], np.arange(150, 333)[None, :]
    np.testing.assert_array_equal(kriging.covariance(rows, columns, points, PARAMETERS), whole[90:200, 150:333])
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_allclose(np.diag(whole), 500.0**2 + 250.0**2 + 80.0**2)
    assert whole[~np.eye(n, dtype=bool)].max() <= 500.0**2 + 250.0**2


def test_likelihood_and_prediction_agree_with_a_dense_normal_distribution(sample):
    train, held_out = sample
    n, m = len(train), len(held_out)
    both = np.vstack([train.points, held_out.points])
    joint = kriging.covariance(*grid(n + m, n + m), both, PARAMETERS)
    y = train.elevation - train.elevation.mean()
    factor = scipy.linalg.cholesky(joint[:n, :n], lower=True)
    weights = scipy.linalg.cho_solve((factor, True), y)

    likelihood = kriging.log_marginal_likelihood(y, weights, np.diag(factor))
    assert likelihood == pytest.approx(multivariate_normal(cov=joint[:n, :n]).logpdf(y))

    cross = kriging.cross_covariance(*grid(m, n), held_out.points, train.points, PARAMETERS)
    np.testing.assert_array_equal(cross, joint[n:, :n])
    np.testing.assert_allclose(cross @ weights, joint[n:, :n] @ np.linalg.solve(joint[:n, :n], y), atol=1e-8)


def test_kriging_beats_the_mean_and_the_nearest_neighbour():
    train, held_out = airports.split(airports.load(), 3000)
    y = train.elevation - train.elevation.mean()
    size = (len(train), len(held_out))
    matrix = kriging.covariance(*grid(size[0], size[0]), train.points, PARAMETERS)
    cross = kriging.cross_covariance(*grid(size[1], size[0]), held_out.points, train.points, PARAMETERS)
    predicted = train.elevation.mean() + cross @ scipy.linalg.solve(matrix, y, assume_a="pos")
    index, _ = kriging.nearest(train.points, held_out.points)
    mine = kriging.errors(predicted, held_out.elevation)
    neighbour = kriging.errors(train.elevation[index], held_out.elevation)
    mean = kriging.errors(np.full(size[1], train.elevation.mean()), held_out.elevation)
    assert mine.rmse < 0.85 * neighbour.rmse < mean.rmse
    assert mine.mae < 0.97 * neighbour.mae < mean.mae


def test_nearest_agrees_with_all_distances(sample):
    train, held_out = sample
    index, distance = kriging.nearest(train.points, held_out.points)
    chords = kriging.chord_km(held_out.points, train.points)
    np.testing.assert_array_equal(index, chords.argmin(axis=1))
    np.testing.assert_allclose(distance, chords.min(axis=1))


def test_errors_of_known_misses():
    assert kriging.errors(np.array([3.0, -4.0]), np.zeros(2)) == kriging.Errors(rmse=np.sqrt(12.5), mae=3.5)
