"""The data of the demo: units, distinct places and a split that can be repeated."""

import sys

import numpy as np
import pytest

from numpywren.demo import airports


def test_elevations_are_metres():
    everywhere = airports.load()
    assert len(everywhere) > 28_000
    la_paz = np.argmin(abs(everywhere.latitude + 16.5133) + abs(everywhere.longitude + 68.1923))
    assert everywhere.elevation[la_paz] == pytest.approx(4061, abs=15)


def test_of_several_airports_at_one_place_the_first_is_kept():
    rows = np.array([[10.0, 20.0, 1000.0], [-5.0, 7.0, 10.0], [10.0, 20.0, 2000.0]])
    kept = airports.distinct(rows)
    np.testing.assert_array_equal(kept.latitude, [10.0, -5.0])
    np.testing.assert_allclose(kept.elevation, [304.8, 3.048])


def test_split_is_repeatable_and_disjoint():
    everywhere = airports.load()
    first, second = airports.split(everywhere, 1000), airports.split(everywhere, 1000)
    np.testing.assert_array_equal(first.train.points, second.train.points)
    assert (len(first.train), len(first.held_out)) == (800, 200)
    together = np.vstack([first.train.points, first.held_out.points])
    assert len(np.unique(together, axis=0)) == 1000
    other = airports.split(everywhere, 1000, seed=1)
    assert not np.array_equal(other.train.points, first.train.points)


def test_more_than_there_are_means_all():
    everywhere = airports.load()
    train, held_out = airports.split(everywhere, 10**9)
    assert (len(train), len(held_out)) == (len(everywhere) - 1000, 1000)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="at least 20"):
        airports.split(airports.load(), 5)


def test_a_missing_package_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "airportsdata", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'numpywren\[demo\]'"):
        airports.load()
