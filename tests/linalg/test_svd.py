import sys

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, eps, family, random

import numpywren as nw
from numpywren.errors import MemoryBoundError

pytestmark = pytest.mark.usefixtures("in_memory")

#: Rows, columns, tile: one tile, one row or column, ragged, square, tall, wide.
SHAPES = [
    (1, 1, 1),
    (1, 6, 2),
    (6, 1, 2),
    (8, 8, 4),
    (13, 13, 3),
    (11, 9, 4),
    (9, 11, 4),
    (25, 7, 3),
    (7, 25, 3),
    (30, 4, 5),
    (9, 5, 20),
]

#: Bandwidth at most, and sweeps of bulge chasing in a task at least.
WAYS = [(1, 1), (2, 3), (3, 5), (128, 128)]


def two_stage(monkeypatch, band, group):
    """Make small matrices take the way of large ones, with panels and groups of these widths."""
    module = sys.modules["numpywren.linalg.svd"]
    monkeypatch.setattr(module, "BAND", band)
    monkeypatch.setattr(module, "GROUP", group)
    monkeypatch.setattr(module, "GROUPS", 1000)
    monkeypatch.setattr(module, "DIRECT", 0)


def errors(a, U, S, Vh):
    """Residual and departures from orthonormality, relative to ‖A‖ or to one."""
    k = min(a.shape)
    scale = S[0] if k and S[0] else 1
    return (
        np.linalg.norm(a - (U[:, :k] * S) @ Vh[:k]) / scale,
        np.linalg.norm(U.conj().T @ U - np.eye(U.shape[1])),
        np.linalg.norm(Vh @ Vh.conj().T - np.eye(Vh.shape[0])),
    )


def check(a, result, full):
    """Shapes, types and order as NumPy's; errors within ten times LAPACK's, or what rounding must leave."""
    U, S, Vh = map(np.asarray, result)
    peer = np.linalg.svd(a, full_matrices=full)
    assert [x.shape for x in (U, S, Vh)] == [x.shape for x in peer]
    assert [x.dtype for x in (U, S, Vh)] == [x.dtype for x in peer]
    assert (S >= 0).all()
    assert (np.diff(S) <= 0).all()
    floor = 4 * eps(a.dtype) * np.sqrt(max(a.shape))
    for ours, theirs in zip(errors(a, U, S, Vh), errors(a, *peer), strict=True):
        assert ours <= 10 * max(theirs, floor)
    check_values(a, S)


def check_values(a, S):
    """Within 10 ε of the largest, or ten times as far off as LAPACK's in the same precision."""
    # with vectors LAPACK computes values by divide and conquer, more accurately than without
    exact = np.linalg.svd(a.astype(np.result_type(a.dtype, np.float64)))[1]
    assert S.shape == exact.shape
    assert S.dtype == a.real.dtype
    if exact.size:
        theirs = np.abs(scipy.linalg.svdvals(a) - exact).max()
        assert np.abs(S - exact).max() <= 10 * max(theirs, eps(a.dtype) * exact[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "tile"), SHAPES)
def test_shapes_and_types(m, n, tile, dtype):
    a = random((m, n), dtype)
    array = nw.asarray(a, chunks=tile)
    check(a, nw.linalg.svd(array), full=True)
    check(a, nw.linalg.svd(array, full_matrices=False), full=False)
    check_values(a, np.asarray(nw.linalg.svdvals(array)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("band", "group"), WAYS)
def test_every_bandwidth_and_group(monkeypatch, band, group, dtype):
    two_stage(monkeypatch, band, group)
    for m, n, tile in [(1, 1, 1), (9, 9, 9), (17, 13, 8)]:
        a = random((m, n), dtype, seed=band)
        check(a, nw.linalg.svd(nw.asarray(a, chunks=tile)), full=True)
        check_values(a, np.asarray(nw.linalg.svdvals(nw.asarray(a, chunks=tile))))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_families(name, dtype):
    for m, n, tile in [(24, 24, 8), (29, 21, 6)]:
        a = family(name, m, n, dtype)
        check(a, nw.linalg.svd(nw.asarray(a, chunks=tile), full_matrices=False), full=False)
        check_values(a, np.asarray(nw.linalg.svdvals(nw.asarray(a, chunks=tile))))


@pytest.mark.parametrize(("m", "n", "dtype"), [(640, 530, np.float64), (530, 270, np.complex64)])
def test_panels_as_wide_as_they_get(m, n, dtype):
    a = random((m, n), dtype)  # one tile, and too large for one task
    array = nw.asarray(a, chunks=m)
    check(a, nw.linalg.svd(array, full_matrices=False), full=False)
    check_values(a, np.asarray(nw.linalg.svdvals(array)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e18, 1e30])
def test_tiny_and_huge_numbers(scale, dtype):
    a = (random((10, 10), dtype) * dtype(scale)).astype(dtype)
    U, S, Vh = map(np.asarray, nw.linalg.svd(nw.asarray(a, chunks=4)))
    wide = a.astype(np.float64) / scale
    assert np.allclose(S.astype(np.float64) / scale, np.linalg.svd(wide, compute_uv=False), rtol=1e3 * eps(dtype))
    assert np.abs((U * (S.astype(np.float64) / scale)) @ Vh - wide).max() <= 100 * eps(dtype) * np.linalg.norm(wide)


def test_a_tiny_tile_is_not_taken_for_zero():
    a = np.zeros((12, 12))
    a[:4, :4] = random((4, 4), np.float64)
    a[8:, 8:] = 1e-200 * random((4, 4), np.float64, seed=1)
    small = np.linalg.svd(a[8:, 8:] * 1e200, compute_uv=False)
    for values in (nw.linalg.svdvals(nw.asarray(a, chunks=4)), nw.linalg.svd(nw.asarray(a, chunks=4)).S):
        values = np.asarray(values)
        assert np.allclose(values[4:8] * 1e200, small, rtol=1e-10)
        assert np.array_equal(values[8:], np.zeros(4))


@settings(max_examples=20, deadline=None)
@given(
    m=st.integers(0, 16),
    n=st.integers(0, 16),
    chunks=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    dtype=st.sampled_from(DTYPES),
    full=st.booleans(),
    view=st.sampled_from("NTC"),
    seed=st.integers(0, 1000),
)
def test_any_size_tile_and_type(m, n, chunks, dtype, full, view, seed):
    a = random((m, n), dtype, seed)
    array = nw.asarray(a, chunks=chunks)
    a, array = {"N": (a, array), "T": (a.T, array.T), "C": (a.conj().T, array.H)}[view]
    check(a, nw.linalg.svd(array, full_matrices=full), full)
    check_values(a, np.asarray(nw.linalg.svdvals(array)))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 9, 5), (3, 5, 9), (2, 4, 4), (2, 3, 0), (0, 4, 3)])
def test_stacks(shape, full):
    a = random(shape, np.complex128)
    result = nw.linalg.svd(nw.asarray(a, chunks=(*[1] * (a.ndim - 2), 4, 4)), full_matrices=full)
    U, S, Vh = map(np.asarray, result)
    peer = np.linalg.svd(a, full_matrices=full)
    assert [x.shape for x in (U, S, Vh)] == [x.shape for x in peer]
    for at in np.ndindex(shape[:-2]):
        check(a[at], (U[at], S[at], Vh[at]), full)
    assert np.allclose(np.asarray(nw.linalg.svdvals(a)), peer[1])


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(5, 0), (0, 5), (0, 0)])
def test_empty(shape, full):
    a = np.zeros(shape)
    check(a, nw.linalg.svd(nw.asarray(a), full_matrices=full), full)
    assert np.asarray(nw.linalg.svdvals(a)).shape == (0,)


def test_result_has_names():
    result = nw.linalg.svd(np.eye(3))
    assert type(result).__name__ == "SvdResult"
    assert result._fields == ("U", "S", "Vh")


def test_integers_count_as_float64():
    a = np.arange(6).reshape(2, 3)
    assert np.allclose(np.asarray(nw.linalg.svdvals(a)), np.linalg.svd(a, compute_uv=False))


def test_leading_singular_values():
    a = family("ill_conditioned", 30, 20, np.float64)
    U, S, Vh = map(np.asarray, nw.linalg.svd(nw.asarray(a, chunks=8), k=3, n_iter=4, seed=0))
    assert (U.shape, S.shape, Vh.shape) == ((30, 3), (3,), (3, 20))
    assert np.allclose(S, np.linalg.svd(a, compute_uv=False)[:3])


@pytest.mark.parametrize("tile", [3, 10])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("function", [nw.linalg.svd, nw.linalg.svdvals])
def test_not_finite(function, bad, tile):
    a = random((10, 10), np.float64)
    a[9, 0] = bad
    array = nw.asarray(a, chunks=tile)
    with pytest.raises(ValueError, match="infs or NaNs"):
        function(array)
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        function(array, check_finite=False)


def test_not_a_matrix():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        nw.linalg.svd(np.ones(3))


def test_too_large_for_a_worker():
    with nw.config.set({"worker.memory": "4.7 MB"}):
        with pytest.raises(MemoryBoundError, match="of gesvd needs"):
            nw.linalg.svd(nw.zeros((400, 400), chunks=20))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(
    ("m", "n", "tile"), [(1, 1, 1), (7, 7, 3), (12, 4, 4), (4, 12, 4), (8, 11, 3), (11, 8, 3), (5, 5, 8)]
)
def test_polar(m, n, tile, side, dtype):
    a = random((m, n), dtype)
    U, P = map(np.asarray, nw.linalg.polar(nw.asarray(a, chunks=tile), side))
    u, p = scipy.linalg.polar(a, side)
    assert (U.shape, P.shape, U.dtype, P.dtype) == (u.shape, p.shape, a.dtype, a.dtype)
    assert np.array_equal(P, P.conj().T)
    floor = 10 * eps(dtype) * np.sqrt(max(m, n))
    product, peer = (U @ P, u @ p) if side == "right" else (P @ U, p @ u)
    scale = np.linalg.norm(a)
    assert np.linalg.norm(product - a) / scale <= 10 * max(np.linalg.norm(peer - a) / scale, floor)
    assert np.linalg.eigvalsh(P).min() >= -floor * scale
    k = min(m, n)
    gram = U.conj().T @ U if m >= n else U @ U.conj().T
    assert np.linalg.norm(gram - np.eye(k)) <= 10 * floor
    condition = np.linalg.cond(a)
    assert np.linalg.norm(U - u) <= 10 * floor * condition


@pytest.mark.parametrize("name", ["rank_deficient", "ill_conditioned", "zero", "repeated"])
def test_polar_of_matrices_that_are_nearly_singular(name):
    a = family(name, 14, 10, np.complex128)
    U, P = map(np.asarray, nw.linalg.polar(nw.asarray(a, chunks=4)))
    assert np.linalg.norm(U.conj().T @ U - np.eye(10)) <= 1e-13
    assert np.linalg.norm(U @ P - a) <= 1e-13 * max(1, np.linalg.norm(a))


def test_polar_of_stacks_and_of_nothing():
    a = random((2, 6, 4), np.float64)
    U, P = map(np.asarray, nw.linalg.polar(nw.asarray(a, chunks=(1, 3, 3))))
    assert np.allclose(U @ P, a)
    assert [x.shape for x in nw.linalg.polar(np.zeros((3, 0)))] == [(3, 0), (0, 0)]
    assert [x.shape for x in nw.linalg.polar(np.zeros((3, 0)), "left")] == [(3, 0), (3, 3)]


def test_polar_refusals():
    with pytest.raises(ValueError, match="'up'"):
        nw.linalg.polar(np.eye(2), "up")
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.polar(np.full((2, 2), np.nan))


@pytest.mark.parametrize("function", ["svd", "eigh", "lstsq", "polar", "pinv"])
def test_chunks_of_single_rows_make_tiles_of_their_size(function):
    n = 40
    a = np.random.default_rng(3).standard_normal((n if function == "eigh" else 120, n))
    a = a + a.T if function == "eigh" else a
    A = nw.asarray(a, chunks=(1, n))
    with nw.config.set({"store": "memory:thin", "control": "memory:"}):
        request = getattr(nw.linalg, function).request(*((A, np.ones(120)) if function == "lstsq" else (A,)))
        assert all(cut.chunk >= 5 or cut.length < 5 for cut in request.cuts.values())
        if function == "svd":
            U, s, Vh = nw.linalg.svd(A)
            np.testing.assert_allclose(np.asarray(U)[:, :n] * np.asarray(s) @ np.asarray(Vh), a, atol=1e-12)


@pytest.mark.parametrize("option", [{"n_iter": 5}, {"n_oversamples": 3}, {"seed": 0}])
def test_what_is_for_sketches_wants_k(option):
    with pytest.raises(ValueError, match="give k"):
        nw.linalg.svd(np.eye(4), **option)
