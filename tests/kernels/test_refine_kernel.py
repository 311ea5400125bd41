from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.refine import (
    corrected,
    largest_entries,
    nonzero,
    not_settled,
    replaced,
    settled,
    single,
    unless,
)

UP, DOWN = np.ones((1, 1)), np.zeros((1, 1))


def test_single(draw, layout):
    a = draw(4, 3)
    got = single(layout(a))
    assert got.dtype == (np.complex64 if a.dtype.kind == "c" else np.float32)
    assert got.flags.f_contiguous
    assert np.array_equal(got, a.astype(got.dtype))
    assert np.isinf(single(np.full((1, 1), 1e300))).all()
    assert single(np.full((1, 1), 1e-300)) == 0


def test_what_a_flag_leaves(draw):
    a = draw(4, 3)
    assert unless(a, DOWN) is a
    assert unless(a, DOWN, empty="all") is a
    assert unless(a, UP).shape == (4, 0)
    assert unless(a, UP, empty="all").shape == (0, 0)
    assert unless(a, UP).dtype == a.dtype
    with pytest.raises(ValueError, match="empty='rows'"):
        unless(a, UP, empty="rows")


def test_corrected(draw):
    x, d = draw(4, 3), single(draw(4, 3))
    got = corrected(x, d)
    assert got.dtype == x.dtype
    assert np.array_equal(got, x + d.astype(x.dtype))
    assert np.array_equal(corrected(x, d[:, :0]), x)
    assert corrected(x, d[:, :0]) is not x


def test_largest_entries(draw):
    r, x = draw(4, 3), draw(4, 3)
    got = largest_entries(r, x)
    assert got.dtype == r.real.dtype
    assert np.array_equal(got, [np.abs(r).max(axis=0), np.abs(x).max(axis=0)])
    assert largest_entries(r[:, :0], x).shape == (2, 0)
    assert np.isnan(largest_entries(np.full((2, 1), np.nan), x[:2, :1])[0])


def test_settled_by_lapacks_criterion():
    small = 2.0**-53 * 4  # ‖A‖ = 2, n = 4
    assert not_settled() == 0
    norms = [np.full((1, 1), 1.0), np.full((1, 1), 2.0)]
    good, bad = np.array([[small], [1.0]]), np.array([[1.01 * small], [1.0]])
    options = {"height": 1, "order": 4}
    assert settled([good, good], norms, DOWN, **options) == 1
    assert settled([good, bad], norms, DOWN, **options) == 0
    assert settled([bad], norms, UP, **options) == 1
    assert settled([good * np.nan], norms, DOWN, **options) == 0
    # the largest entries of a column are looked for in all its tiles
    elsewhere = [np.array([[1.01 * small], [0.1]]), np.array([[0.0], [2.0]])]
    assert settled(elsewhere, norms, DOWN, height=2, order=4) == 1
    assert settled(elsewhere, norms, DOWN, height=1, order=4) == 0
    assert settled([], norms, DOWN, height=2, order=4) == 1


def test_nonzero(draw):
    u = draw(4, 4)
    assert nonzero(u) is u
    u[2, 2] = 0
    got = nonzero(u)
    assert np.flatnonzero(np.isnan(got)).tolist() == [10]
    assert u[2, 2] == 0


def test_replaced(draw):
    x, z = draw(4, 3), draw(4, 3)
    assert replaced(x, z) is z
    assert replaced(x, z[:0, :0]) is x
