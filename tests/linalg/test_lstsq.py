import sys

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, eps, family, random

import numpywren as nw

pytestmark = pytest.mark.usefixtures("in_memory")

#: Rows, columns, chunks: over- and underdetermined, square, ragged, one row or column.
SHAPES = [(1, 1, 1), (9, 9, 2), (10, 7, 4), (7, 10, 4), (17, 5, (3, 5)), (5, 17, 3), (1, 4, 2), (4, 1, 2), (30, 4, 5)]


def tolerance(a):
    """What NumPy takes by default in double precision, in the precision of `a`."""
    return eps(a.dtype) * max(a.shape)


def check(a, b, result):
    """Shapes, types and rank as NumPy's, and numbers as near to it as the condition of the problem lets them be."""
    x, residuals, rank, s = result
    x, s = np.asarray(x), np.asarray(s)
    wide = np.result_type(a.dtype, np.float64)
    peer = np.linalg.lstsq(a.astype(wide), b.astype(wide), rcond=tolerance(a))
    assert (x.shape, residuals.shape, s.shape) == (peer[0].shape, peer[1].shape, peer[3].shape)
    assert x.dtype == np.result_type(a, b)
    assert residuals.dtype == s.dtype == x.real.dtype
    assert int(rank) == peer[2]
    if not s.size:
        return
    assert np.abs(s - peer[3]).max() <= 10 * eps(a.dtype) * s[0]
    small = peer[3][max(rank, 1) - 1] or 1
    bound = 100 * eps(a.dtype) * max(a.shape) * (s[0] / small) ** 2 * (np.linalg.norm(b) / small + np.linalg.norm(x))
    assert np.linalg.norm(x - peer[0]) <= bound
    assert np.allclose(residuals, peer[1], rtol=1e3 * eps(a.dtype), atol=1e3 * eps(a.dtype) * np.linalg.norm(b) ** 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("right", [None, 1, 3])
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_shapes_and_types(m, n, chunks, right, dtype):
    a = random((m, n), dtype)
    b = random(m if right is None else (m, right), dtype, seed=1)
    check(a, b, nw.linalg.lstsq(nw.asarray(a, chunks=chunks), nw.asarray(b, chunks=2)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), [(12, 6), (6, 12), (9, 9)])
def test_rank_deficient(m, n, dtype):
    a = family("rank_deficient", m, n, dtype)
    b = random((m, 2), dtype, seed=1)
    result = nw.linalg.lstsq(nw.asarray(a, chunks=4), b)
    assert result.rank == min(m, n) // 2
    assert result.residuals.shape == (0,)
    check(a, b, result)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_fitted_as_well_as_by_lapack(name, dtype):
    """The solution solves a problem as near to the one given as LAPACK's does; its norm is of its size."""
    for m, n in [(20, 12), (12, 20)]:
        a = family(name, m, n, dtype)
        b = random(m, dtype, seed=1)
        x, _, rank, _ = nw.linalg.lstsq(nw.asarray(a, chunks=5), b)
        x = np.asarray(x)
        peer, _, peer_rank, _ = scipy.linalg.lstsq(a, b, cond=tolerance(a))
        assert abs(int(rank) - peer_rank) <= (name in ("ill_conditioned", "hilbert"))
        if rank == peer_rank:
            scale = np.linalg.norm(a) * np.linalg.norm(x) + np.linalg.norm(b)
            slack = 100 * eps(dtype) * scale
            assert np.linalg.norm(a @ x - b) <= np.linalg.norm(a @ peer - b) + slack
            assert np.linalg.norm(x) <= 2 * np.linalg.norm(peer) + slack


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
@pytest.mark.parametrize(("m", "n"), [(24, 13), (13, 24)])
def test_triangles_of_several_tiles(monkeypatch, m, n, dtype):
    for module in ("lstsq", "svd"):
        monkeypatch.setattr(sys.modules[f"numpywren.linalg.{module}"], "DIRECT", 0)
    for name in ("random", "rank_deficient"):
        a = family(name, m, n, dtype)
        b = random((m, 3), dtype, seed=1)
        check(a, b, nw.linalg.lstsq(nw.asarray(a, chunks=4), nw.asarray(b, chunks=2)))


def test_large_enough_for_two_stages():
    a = random((560, 530), np.float64)
    a[:, 1] = a[:, 0]
    b = random(560, np.float64, seed=1)
    x, residuals, rank, _ = nw.linalg.lstsq(nw.asarray(a, chunks=200), b)
    assert rank == 529
    assert residuals.shape == (0,)
    assert np.allclose(np.asarray(x), np.linalg.lstsq(a, b)[0], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(0, 14),
    n=st.integers(0, 14),
    right=st.integers(0, 3),
    chunks=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
)
def test_any_shape_tiles_and_type(m, n, right, chunks, dtype, seed):
    a, b = random((m, n), dtype, seed), random((m, right), dtype, seed + 1)
    x, residuals, rank, s = nw.linalg.lstsq(nw.asarray(a, chunks=chunks), b)
    k = min(m, n)
    assert (x.shape, s.shape, int(rank)) == ((n, right), (k,), k)
    assert residuals.shape == ((right,) if m > n else (0,))
    x = np.asarray(x)
    # normal equations, and the least norm: x lies in the range of Aᴴ
    scale = eps(dtype) * 1e3 * max(1, np.linalg.norm(a)) ** 2
    if k:
        scale *= np.linalg.cond(a) ** 2
        scale *= 1 + np.linalg.norm(b)
        assert np.linalg.norm(a.conj().T @ (a @ x - b)) <= scale
        assert np.linalg.norm(x - np.linalg.pinv(a) @ (a @ x)) <= scale
    assert np.allclose(residuals, (np.abs(b - a @ x) ** 2).sum(0)[: len(residuals)], atol=scale)


def test_rcond():
    a = np.diag([1.0, 1e-3, 1e-6])
    assert nw.linalg.lstsq(a, np.ones(3)).rank == 3
    assert nw.linalg.lstsq(a, np.ones(3), 1e-4).rank == 2
    x, _, rank, _ = nw.linalg.lstsq(a, np.ones(3), rcond=1e-2)
    assert rank == 1
    assert np.allclose(np.asarray(x), [1, 0, 0])
    assert nw.linalg.lstsq(np.diag([1.0, 1e-16]), np.ones(2), -1).rank == 1


def test_types_are_promoted():
    x, residuals, _, s = nw.linalg.lstsq(random((5, 2), np.float32), random(5, np.complex128))
    assert (x.dtype, residuals.dtype, s.dtype) == (np.complex128, np.float64, np.float64)
    assert nw.linalg.lstsq(np.array([[1, 0], [1, 1], [1, 2]]), [1, 3, 5]).x.dtype == np.float64


def test_zeros():
    x, residuals, rank, s = nw.linalg.lstsq(np.zeros((4, 3)), np.ones(4))
    assert not np.asarray(x).any()
    assert not np.asarray(s).any()
    assert rank == 0
    assert residuals.shape == (0,)


def test_refusals():
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(4,\)"):
        nw.linalg.lstsq(np.ones((3, 2)), np.ones(4))
    with pytest.raises(ValueError, match="one matrix"):
        nw.linalg.lstsq(np.ones((2, 3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.lstsq(np.ones((3, 2)), [1.0, np.inf, 0.0])
