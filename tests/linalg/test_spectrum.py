"""pinv, matrix_rank, cond, and norms by singular values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, eps, family, random

import numpywren as nw

pytestmark = pytest.mark.usefixtures("in_memory")

SHAPES = [(1, 1, 1), (6, 6, 4), (9, 4, 3), (4, 9, 3), (5, 5, 9), (13, 2, 2), (0, 3, 2), (3, 0, 2)]

#: Those that NumPy's singular values decide in the same way, near or far.
CLEAR = [name for name in FAMILIES if name not in ("ill_conditioned", "hilbert")]


def tolerance(a):
    return eps(a.dtype) * max(a.shape)


def wide(a):
    return a.astype(np.result_type(a.dtype, np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_numbers(m, n, chunks, dtype):
    a = random((m, n), dtype)
    array = nw.asarray(a, chunks=chunks)
    rank = nw.linalg.matrix_rank(array)
    assert rank.dtype == np.int64
    assert rank == min(m, n)
    for ord in (2, -2, "nuc"):
        ours = nw.linalg.matrix_norm(array, ord=ord)
        assert ours.dtype == a.real.dtype
        if a.size:
            assert abs(ours - np.linalg.norm(wide(a), ord)) <= 20 * eps(dtype) * np.linalg.norm(a, "nuc")
            assert nw.linalg.norm(array, ord) == ours
        else:
            assert ours == 0
    if a.size:
        for p in (None, 2, -2):
            ours, peer = nw.linalg.cond(array, p), np.linalg.cond(wide(a), p)
            assert ours.dtype == a.real.dtype
            assert abs(ours - peer) <= 100 * eps(dtype) * np.linalg.cond(wide(a)) * peer
    else:
        with pytest.raises(np.linalg.LinAlgError, match="elements"):
            nw.linalg.cond(array)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", ["fro", 1, -1, np.inf, -np.inf])
def test_condition_by_the_inverse(p, dtype):
    a = random((9, 9), dtype)
    ours, peer = nw.linalg.cond(nw.asarray(a, chunks=4), p), np.linalg.cond(wide(a), p)
    assert ours.dtype == a.real.dtype
    assert abs(ours - peer) <= 100 * eps(dtype) * np.linalg.cond(wide(a)) * peer


@pytest.mark.parametrize("p", [None, 2, 1, "fro", np.inf])
def test_condition_of_a_singular_matrix_is_infinite(p):
    a = np.zeros((4, 4), np.float32)
    a[0, 0] = 1
    ours = nw.linalg.cond(nw.asarray(a, chunks=2), p)
    assert ours == np.inf
    assert ours.dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_pseudo_inverse(m, n, chunks, dtype):
    a = random((m, n), dtype)
    ours = np.asarray(nw.linalg.pinv(nw.asarray(a, chunks=chunks)))
    peer = np.linalg.pinv(wide(a))
    assert ours.shape == peer.shape
    assert ours.dtype == a.dtype
    if a.size:
        kappa = np.linalg.cond(wide(a))
        assert np.linalg.norm(ours - peer) <= 100 * eps(dtype) * kappa * np.linalg.norm(peer)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLEAR)
def test_families(name, dtype):
    for m, n in [(12, 12), (15, 8), (6, 21)]:
        a = family(name, m, n, dtype)
        array = nw.asarray(a, chunks=5)
        rank = int(nw.linalg.matrix_rank(array))
        assert rank == np.linalg.matrix_rank(a, rtol=tolerance(a))
        # what defines the pseudo-inverse: A X A = A, X A X = X, and both products Hermitian
        x = np.asarray(nw.linalg.pinv(array))
        s = np.linalg.svd(wide(a), compute_uv=False)
        kappa = s[0] / s[rank - 1] if rank else 1
        slack = 100 * eps(dtype) * kappa * max(a.shape)
        assert np.linalg.norm(a @ x @ a - a) <= slack * (np.linalg.norm(a) + 1e-30)
        assert np.linalg.norm(x @ a @ x - x) <= slack * (np.linalg.norm(x) + 1e-30)
        assert np.linalg.norm(a @ x - (a @ x).conj().T) <= slack
        assert np.linalg.norm(x @ a - (x @ a).conj().T) <= slack


def test_tolerance():
    a = nw.asarray(np.diag([1.0, 1e-3, 1e-6]), chunks=2)
    assert [int(nw.linalg.matrix_rank(a, rtol=rtol)) for rtol in (1e-9, 1e-4, 1e-2)] == [3, 2, 1]
    assert np.allclose(np.asarray(nw.linalg.pinv(a, rtol=1e-4)), np.diag([1, 1e3, 0]))


def test_stacks():
    a = random((3, 5, 4), np.float64)
    a[1, :, 1] = a[1, :, 0]
    array = nw.asarray(a, chunks=(1, 2, 2))
    assert list(nw.linalg.matrix_rank(array)) == [4, 3, 4]
    assert np.allclose(np.asarray(nw.linalg.pinv(array)), np.linalg.pinv(a))
    assert np.allclose(nw.linalg.matrix_norm(array, ord=2, keepdims=True), np.linalg.norm(a, 2, (1, 2), keepdims=True))
    assert np.allclose(nw.linalg.cond(array)[[0, 2]], np.linalg.cond(a)[[0, 2]])


@settings(max_examples=15, deadline=None)
@given(
    m=st.integers(1, 12),
    n=st.integers(1, 12),
    chunks=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    dtype=st.sampled_from(DTYPES),
    rank=st.integers(0, 12),
    seed=st.integers(0, 1000),
)
def test_rank_of_products(m, n, chunks, dtype, rank, seed):
    rank = min(rank, m, n)
    a = (random((m, rank), dtype, seed) @ random((rank, n), dtype, seed + 1)).astype(dtype)
    array = nw.asarray(a, chunks=chunks)
    assert int(nw.linalg.matrix_rank(array)) == np.linalg.matrix_rank(a, rtol=tolerance(a))


def test_refusals():
    with pytest.raises(ValueError, match="p=3"):
        nw.linalg.cond(np.eye(2), 3)
    with pytest.raises(ValueError, match="square"):
        nw.linalg.cond(np.ones((2, 3)), 1)
    with pytest.raises(ValueError, match="two dimensions"):
        nw.linalg.pinv(np.ones(3))
    with pytest.raises(ValueError, match="nuc"):
        nw.linalg.matrix_norm(np.eye(2), ord="bar")
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.matrix_rank([[np.nan]])
    with pytest.raises(np.linalg.LinAlgError):
        nw.linalg.matrix_norm([[np.nan, 1.0], [2.0, 3.0]], ord=2)


@pytest.mark.parametrize("rtol", ["loose", np.nan, np.ones(2), 1j])
@pytest.mark.parametrize("call", ["pinv", "matrix_rank", "lstsq"])
def test_a_tolerance_is_a_number(call, rtol):
    name = "rcond" if call == "lstsq" else "rtol"
    with pytest.raises(ValueError, match=f"{call} got {name}=.*; it must be a number, or None"):
        getattr(nw.linalg, call)(np.eye(2), *([np.ones(2)] if call == "lstsq" else []), **{name: rtol})
