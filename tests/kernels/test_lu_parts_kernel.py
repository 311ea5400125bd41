from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from numpywren.kernels.getrf import getrf
from numpywren.kernels.lu_parts import (
    determinant,
    diagonal_product,
    exchanged_rows,
    log_determinant,
    lower_factor,
    permutation,
    upper_factor,
)
from numpywren.kernels.mirror import mirror


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (1, 1), (0, 0), (0, 3), (3, 0)])
def test_triangles(draw, layout, shape):
    a = draw(*shape)
    lower, upper = lower_factor(layout(a)), upper_factor(layout(a))
    k = min(shape)
    assert lower.flags.f_contiguous
    assert upper.flags.f_contiguous
    assert np.array_equal(lower, np.tril(a[:, :k], -1) + np.eye(shape[0], k))
    assert np.array_equal(upper, np.triu(a[:k]))
    assert lower_factor.shape(shape) == lower.shape
    assert upper_factor.shape(shape) == upper.shape


def test_exchanges_are_lapacks(draw):
    a = draw(12, 4)
    *_, pivots = getrf([np.asfortranarray(part) for part in np.split(a, 3)])
    got = exchanged_rows(pivots, count=4, height=4, panel=0)
    assert got.dtype == np.int64
    assert np.array_equal(got[:, 0], scipy.linalg.lu_factor(a)[1])
    assert np.array_equal(exchanged_rows(pivots, count=3, height=4, panel=2), got[:3] + 8)
    assert exchanged_rows(pivots, count=0, height=4, panel=0).shape == (0, 1)


def test_permutation():
    got = permutation(np.array([[4], [5], [6]]), np.array([[6], [1], [4], [9]]))
    assert got.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert permutation(np.zeros((0, 1), np.int64), np.array([[3]])).shape == (0, 1)


def parts(a, tile):
    """x · 2ᵉ of each tile of a block diagonal matrix."""
    return [
        diagonal_product(*getrf([np.asfortranarray(a[i : i + tile, i : i + tile])])) for i in range(0, len(a), tile)
    ]


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_determinant(draw, n):
    a = draw(n, n)
    pieces = parts(a, n)
    assert all(0.5 <= abs(x[0, 0]) <= 1 for x, _ in pieces)
    det = determinant([x for x, _ in pieces], [e for _, e in pieces])
    assert det.dtype == a.dtype
    wide = np.linalg.det(a.astype(np.result_type(a.dtype, np.float64)))
    assert np.isclose(det[0, 0], wide, rtol=1e3 * n * np.finfo(a.dtype).eps)
    sign, logabs = log_determinant([x for x, _ in pieces], [e for _, e in pieces])
    assert logabs.dtype == a.real.dtype
    assert np.isclose(sign[0, 0] * np.exp(logabs[0, 0]), wide, rtol=1e3 * n * np.finfo(a.dtype).eps)


def test_many_factors_neither_overflow_nor_vanish(dtype):
    for size in (np.finfo(dtype).max / 4, np.finfo(dtype).tiny * 4, 0.75):
        d = np.full(3000, size, dtype)
        d[::7] *= -1
        x, e = diagonal_product(np.asfortranarray(np.diag(d)), np.stack([np.arange(3000)] * 2, 1))
        assert 0.5 <= abs(x[0, 0]) <= 1
        sign, logabs = log_determinant([x, x], [e, e])
        assert abs(sign[0, 0] - 1) < 1e-3
        assert np.isclose(logabs[0, 0], 6000 * np.log(float(size)), rtol=1e-5)
        with np.errstate(all="raise"):
            value = determinant([x, x], [e, e])[0, 0]
        assert np.isinf(value.real) if size > 1 else value == 0


def test_zero_and_none():
    zero, e = diagonal_product(np.diag([1.0, 0, 2]), np.stack([np.arange(3)] * 2, 1))
    assert determinant([zero], [e])[0, 0] == 0
    sign, logabs = log_determinant([zero], [e])
    assert sign[0, 0] == 0
    assert logabs[0, 0] == -np.inf
    assert determinant([], [])[0, 0] == 1
    assert [part[0, 0] for part in log_determinant([], [])] == [1, 0]


def test_what_is_no_number_stays_none(dtype):
    for bad in (np.nan, np.inf):
        x, e = diagonal_product(np.diag(np.array([1, bad, 2], dtype)), np.stack([np.arange(3)] * 2, 1))
        assert not np.isfinite(determinant([x], [e])[0, 0])
        assert not np.isfinite(log_determinant([x], [e])[1][0, 0])


@pytest.mark.parametrize("n", [0, 1, 5, 64, 65, 200])
@pytest.mark.parametrize("trans", "TC")
def test_mirror(draw, layout, n, trans):
    a = draw(n, n)
    got = mirror(layout(a), trans=trans)
    below = np.tril(a, -1)
    other, diagonal = (below.conj().T, np.diag(a).real) if trans == "C" else (below.T, np.diag(a))
    assert got.flags.f_contiguous
    assert np.array_equal(got, below + other + np.diag(diagonal))


def test_mirror_reads_one_triangle(draw):
    a = draw(70, 70)
    a[np.triu_indices(70, 1)] = np.nan
    assert np.isfinite(mirror(a)).all()
    with pytest.raises(ValueError, match="square"):
        mirror(draw(2, 3))
    with pytest.raises(ValueError, match="trans='N' came"):
        mirror(draw(2, 2), trans="N")
