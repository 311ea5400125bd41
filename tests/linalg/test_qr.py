import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, eps, family, random

import numpywren as nw
from numpywren.config import config
from numpywren.errors import MemoryBoundError

pytestmark = pytest.mark.usefixtures("in_memory")

#: Rows, columns, chunks: one tile, a row or a column, ragged, square, tall, wide, chunks that are not square.
SHAPES = [
    (1, 1, 1),
    (1, 6, 2),
    (6, 1, 2),
    (6, 6, 8),
    (9, 9, 2),
    (13, 12, 3),
    (11, 9, 4),
    (9, 11, 4),
    (30, 4, 4),
    (17, 5, (3, 5)),
    (5, 17, (5, 6)),
    (4, 9, 20),
    (17, 9, (2, 5)),
]

#: Tile rows in a group, and panels at once: trees of groups of every size, whole panels of every depth.
WAYS = [(1, 1), (2, 1), (3, 1), (100, 1), (100, 2), (100, 3)]


@pytest.fixture
def force(monkeypatch):
    """Factor by a tree of groups of `fan` tile rows, or by whole panels, `depth` at once."""

    def sizes(fan, depth):
        for module in ("qr", "qr_factor"):
            monkeypatch.setattr(
                sys.modules[f"numpywren.linalg.{module}"], "qr_sizes", lambda cuts, dtype: {"fan": fan, "depth": depth}
            )

    return sizes


def errors(a, q, r):
    """Residual and departure from orthonormality, relative to ‖A‖ or to one."""
    return (
        np.linalg.norm(a - q @ r) / (np.linalg.norm(a) or 1),
        np.linalg.norm(q.conj().T @ q - np.eye(q.shape[1])),
    )


def check(a, result, mode="reduced"):
    """Shapes and types as NumPy's, a triangle, and errors within ten times LAPACK's or what rounding must leave."""
    q, r = map(np.asarray, result)
    peer = np.linalg.qr(a, mode=mode)
    assert (q.shape, r.shape) == (peer.Q.shape, peer.R.shape)
    assert q.dtype == r.dtype == a.dtype
    assert np.array_equal(r, np.triu(r))
    assert not r.diagonal().imag.any()
    floor = 4 * eps(a.dtype) * np.sqrt(max(1, *a.shape))
    for ours, theirs in zip(errors(a, q, r), errors(a, *peer), strict=True):
        assert ours <= 10 * max(theirs, floor)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_shapes_and_types(m, n, chunks, dtype):
    a = random((m, n), dtype)
    array = nw.asarray(a, chunks=chunks)
    check(a, nw.linalg.qr(array))
    check(a, nw.linalg.qr(array, mode="complete"), "complete")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("fan", "depth"), WAYS)
def test_every_tree_and_depth(force, fan, depth, dtype):
    force(fan, depth)
    for m, n, chunks in [(17, 17, 2), (13, 12, 3), (9, 14, 3), (23, 3, (4, 3)), (11, 2, 1)]:
        a = random((m, n), dtype, seed=fan)
        array = nw.asarray(a, chunks=chunks)
        check(a, nw.linalg.qr(array))
        check(a, nw.linalg.qr(array, mode="complete"), "complete")


@pytest.mark.parametrize(("fan", "depth"), WAYS)
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_r_alone(force, m, n, chunks, fan, depth):
    force(fan, depth)
    a = random((m, n), np.float64)
    r = np.asarray(nw.linalg.qr(nw.asarray(a, chunks=chunks), mode="r"))
    assert r.shape == (min(m, n), n)
    assert np.array_equal(r, np.triu(r))
    # R is unique up to signs
    assert np.allclose(np.abs(r), np.abs(np.linalg.qr(a, mode="r")), atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_families(force, name, dtype):
    for fan, depth in [(2, 1), (100, 2)]:
        force(fan, depth)
        for m, n, tile in [(24, 24, 7), (29, 12, 4)]:
            a = family(name, m, n, dtype)
            check(a, nw.linalg.qr(nw.asarray(a, chunks=tile)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_signs_of_whole_panels_are_lapacks(force, dtype):
    force(100, 1)
    a = random((17, 11), dtype)
    q, r = map(np.asarray, nw.linalg.qr(nw.asarray(a, chunks=4)))
    peer = np.linalg.qr(a)
    assert np.abs(q - peer.Q).max() <= 100 * eps(dtype)
    assert np.abs(r - peer.R).max() <= 100 * eps(dtype) * np.linalg.norm(a)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_numbers(force, scale):
    force(2, 1)
    a = (random((15, 9), np.float32) * np.float32(scale)).astype(np.float32)
    q, r = (np.asarray(x).astype(np.float64) for x in nw.linalg.qr(nw.asarray(a, chunks=3)))
    wide = a.astype(np.float64) / scale
    assert np.linalg.norm(q @ (r / scale) - wide) <= 1e-5 * np.linalg.norm(wide)
    assert np.linalg.norm(q.T @ q - np.eye(9)) <= 1e-5


@settings(max_examples=30, deadline=None)
@given(
    m=st.integers(0, 16),
    n=st.integers(0, 16),
    chunks=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    dtype=st.sampled_from(DTYPES),
    mode=st.sampled_from(["reduced", "complete"]),
    view=st.sampled_from(["as is", "transposed", "adjoint"]),
    seed=st.integers(0, 1000),
)
def test_any_shape_tiles_and_type(m, n, chunks, dtype, mode, view, seed):
    a = random((m, n), dtype, seed)
    array = nw.asarray(a, chunks=chunks)
    if view != "as is":
        a, array = (a.T, array.T) if view == "transposed" else (a.conj().T, array.H)
    check(a, nw.linalg.qr(array, mode=mode), mode)


def test_stacks():
    a = random((2, 3, 7, 4), np.complex128)
    q, r = map(np.asarray, nw.linalg.qr(nw.asarray(a, chunks=(1, 1, 3, 3))))
    assert (q.shape, r.shape) == ((2, 3, 7, 4), (2, 3, 4, 4))
    assert np.allclose(q @ r, a)
    assert np.asarray(nw.linalg.qr(a, mode="r")).shape == (2, 3, 4, 4)


def test_integers_count_as_float64():
    q, r = nw.linalg.qr(np.array([[3, 1], [4, 2]]))
    assert q.dtype == r.dtype == np.float64
    assert np.allclose(np.asarray(r), [[-5, -2.2], [0, 0.4]])


def test_result_has_names():
    result = nw.linalg.qr(np.eye(3))
    assert result._fields == ("Q", "R")


def test_submitted():
    a = random((9, 5), np.float64)
    run = nw.submit(nw.linalg.qr, nw.asarray(a, chunks=2))
    check(a, run.result())
    run.delete()


def test_a_panel_that_does_not_fit_is_cut(monkeypatch):
    a = random((60, 24), np.float64)
    array = nw.asarray(a, chunks=8)
    module = sys.modules["numpywren.linalg.qr"]
    cuts = module.qr_cuts(array)
    monkeypatch.setattr(module, "slots_in_all", lambda: 1)
    assert module.qr_sizes(cuts, a.dtype)["fan"] >= cuts.m.tiles
    with config.set({"worker.memory": 24 * 8 * 8 * 8}):
        assert module.qr_sizes(cuts, a.dtype)["fan"] < cuts.m.tiles
        check(a, nw.linalg.qr(array))
    with config.set({"worker.memory": 3 * 8 * 8 * 8}), pytest.raises(MemoryBoundError):
        nw.linalg.qr(array)


def test_refusals():
    with pytest.raises(ValueError, match="mode"):
        nw.linalg.qr(np.eye(2), mode="full")
    with pytest.raises(ValueError, match="two dimensions"):
        nw.linalg.qr(np.ones(3))
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.qr([[1.0, np.nan]])
    with pytest.raises(TypeError, match="float64"):
        nw.linalg.qr(np.zeros((2, 2), np.float16))


def test_nan_passes_when_told_to():
    a = random((6, 4), np.float64)
    a[3, 1] = np.nan
    r = np.asarray(nw.linalg.qr(nw.asarray(a, chunks=2), mode="r", check_finite=False))
    assert np.isnan(r).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("fan", "depth"), [(1, 1), (2, 1), (100, 1)])
def test_implicit_q(force, fan, depth, dtype):
    force(fan, depth)
    for m, n, chunks in [(9, 9, 2), (10, 7, 4), (7, 10, 4), (17, 5, (3, 5)), (1, 3, 2), (3, 0, 2), (0, 3, 2)]:
        a = random((m, n), dtype)
        f = nw.linalg.qr_factor(nw.asarray(a, chunks=chunks))
        k, close = min(m, n), {"atol": 200 * eps(dtype), "rtol": 200 * eps(dtype)}
        q = np.asarray(f.apply(np.eye(m, dtype=dtype)))
        check(a, (q[:, :k], f.R))
        assert (f.shape, f.Q.shape, f.Q.H.shape) == ((m, n), (m, k), (k, m))
        b, c = random((m, 3), dtype, seed=1), random(k, dtype, seed=2)
        assert np.allclose(np.asarray(f.apply(b, adjoint=True)), q.conj().T @ b, **close)
        assert np.allclose(np.asarray(f.Q.H @ b), q[:, :k].conj().T @ b, **close)
        assert np.allclose(np.asarray(f.Q @ c), q[:, :k] @ c, **close)
        assert np.asarray(f.Q @ c).shape == (m,)


def test_implicit_q_of_another_type():
    a, b = random((8, 3), np.float32), random(8, np.complex128)
    f = nw.linalg.qr_factor(nw.asarray(a, chunks=2))
    result = f.Q.H @ b
    assert result.dtype == np.complex128
    q = np.asarray(f.Q @ np.eye(3, dtype=np.float32))
    assert np.allclose(np.asarray(result), q.T @ b, atol=1e-5)


def test_implicit_q_from_a_submitted_run():
    a = random((8, 3), np.float64)
    run = nw.submit(nw.linalg.qr_factor, nw.asarray(a, chunks=2))
    f = nw.linalg.QRFactor(run.result())
    assert np.allclose(np.asarray(f.Q @ np.asarray(f.R)), a)
    run.delete()


def test_implicit_q_refuses():
    f = nw.linalg.qr_factor(random((8, 3), np.float64))
    with pytest.raises(ValueError, match=r"shape \(3,\).*8"):
        f.Q.H @ np.ones(3)
    with pytest.raises(ValueError, match=r"shape \(8,\).*3"):
        f.Q @ np.ones(8)
    with pytest.raises(TypeError):
        np.ones((2, 8)) @ f.Q
    with pytest.raises(ValueError, match="one matrix"):
        nw.linalg.qr_factor(np.ones((2, 3, 3)))
    assert "not formed" in repr(f.Q)
    assert "(8, 3)" in repr(f)


@pytest.mark.parametrize(
    ("shape", "chunks", "tiles"),
    [
        ((100, 100), (30, 20), (24, 24)),
        ((1000, 50), (200, 50), (200, 50)),
        ((1000, 50), (30, 50), (50, 50)),
        ((1000, 1000), (10, 1000), (100, 100)),
        ((50, 1000), (50, 70), (50, 70)),
        ((50, 1000), (50, 20), (31, 31)),
        ((5, 3), (100, 100), (5, 3)),
        ((0, 3), (4, 4), (1, 3)),
    ],
)
def test_cuts(shape, chunks, tiles):
    cuts = sys.modules["numpywren.linalg.qr"].qr_cuts(nw.zeros(shape, chunks=chunks))
    assert (cuts.m.chunk, cuts.n.chunk) == tiles
    assert (cuts.m.length, cuts.n.length, cuts.d.length) == (*shape, min(shape))
    assert cuts.d.chunk == min(tiles)
