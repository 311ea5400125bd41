"""Products and norms of arrays of any number of dimensions against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, eps, random

import numpywren as nw

pytestmark = pytest.mark.usefixtures("in_memory")

ORDERS = [2, 1, 3, 0.5, -1, -2.5, 0, np.inf, -np.inf]


def tiled(a, tile=2):
    """An array whose leading axes are cut one by one, and the last two into tiles."""
    cut = (tile, tile + 1)[: min(2, a.ndim)]
    return nw.asarray(a, chunks=(1,) * (a.ndim - len(cut)) + cut)


def check(found, wanted, terms=1):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    scale = np.abs(wanted).max(initial=1.0, where=np.isfinite(wanted))
    assert np.allclose(found, wanted, rtol=0, atol=20 * max(terms, 1) * eps(wanted.dtype) * scale, equal_nan=True)


shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


@settings(max_examples=40, deadline=None)
@given(
    shape=shapes, other=shapes, count=st.integers(0, 3), dtypes=st.tuples(*[st.sampled_from(DTYPES)] * 2), d=st.data()
)
def test_tensordot(shape, other, count, dtypes, d):
    count = min(count, len(shape), len(other))
    left = d.draw(st.permutations(range(len(shape))))[:count]
    right = d.draw(st.permutations(range(len(other))))[:count]
    other = list(other)
    for a, b in zip(left, right, strict=True):
        other[b] = shape[a]
    signs = d.draw(st.tuples(st.booleans(), st.booleans()))
    axes = ([a - len(shape) * signs[0] for a in left], [b - len(other) * signs[1] for b in right])
    x, y = random(shape, dtypes[0]), random(other, dtypes[1], 1)
    check(nw.linalg.tensordot(tiled(x), tiled(y), axes=axes), np.tensordot(x, y, axes), 64)


def test_tensordot_with_a_number_of_axes():
    x, y = random((2, 3, 4, 5), np.complex64), random((4, 5, 3), np.complex64, 1)
    check(nw.linalg.tensordot(tiled(x), tiled(y)), np.tensordot(x, y), 20)
    check(nw.linalg.tensordot(tiled(y), tiled(x), axes=0), np.tensordot(y, x, 0))
    check(nw.linalg.tensordot(tiled(x), tiled(x), axes=4), np.tensordot(x, x, 4), 120)


@pytest.mark.parametrize("axes", [3, -1, ([0], [0, 1]), ([0, 0], [0, 1]), ([5], [0]), ([0], [0]), ([0],), ([1], [1])])
def test_tensordot_of_what_does_not_fit(axes):
    with pytest.raises(ValueError, match="tensordot"):
        nw.linalg.tensordot(np.ones((2, 3)), np.ones((3, 2, 4)), axes=axes)


def test_the_result_of_tensordot_is_an_array_like_any_other(tmp_path):
    x, y = random((2, 3, 4), np.float64), random((4, 5, 3), np.float64, 1)
    z = nw.linalg.tensordot(tiled(x), tiled(y), axes=1)
    wanted = np.tensordot(x, y, 1)
    assert z.chunks[:-2] == (1,) * 2
    check(z[1, :, 2:4, 0], wanted[1, :, 2:4, 0])
    check(z.mT, wanted.mT, 4)
    check(nw.linalg.matmul(z, np.ones((3, 2))), wanted @ np.ones((3, 2)), 20)
    check(nw.open(z.save(tmp_path / "z").url), wanted, 4)
    again = nw.Array.from_json(z.to_json())
    check(again, wanted, 4)


def test_a_view_keeps_the_result_below_it():
    z = nw.linalg.tensordot(tiled(random((2, 3, 4), np.float64)), tiled(random((4, 5, 3), np.float64, 1)), axes=1)
    view = z.mT
    del z
    assert np.asarray(view).shape == (2, 3, 3, 5)
    view.delete()
    assert not view.exists()


def test_submitted_and_attached():
    x = random((2, 3, 4), np.float64)
    run = nw.submit(nw.linalg.tensordot, x, x, axes=([2], [2]))
    run.wait(progress=False)
    check(nw.attach(run.url).result(), np.tensordot(x, x, ([2], [2])), 4)
    run.delete()


@pytest.mark.parametrize("dtypes", [(np.float32, np.float32), (np.float64, np.complex64), (np.complex128,) * 2])
def test_outer(dtypes):
    x, y = random(7, dtypes[0]), random(5, dtypes[1], 1)
    check(nw.linalg.outer(nw.asarray(x, chunks=3), nw.asarray(y, chunks=2)), np.outer(x, y))
    check(nw.linalg.outer(x, y[:0]), np.outer(x, y[:0]))
    zeros = np.asarray(nw.linalg.outer(np.array([-0.0, 2.0]), np.array([0.0, -3.0])))
    assert np.array_equal(np.signbit(zeros), [[True, False], [False, True]])
    with pytest.raises(ValueError, match="two vectors"):
        nw.linalg.outer(np.ones((2, 2)), np.ones(2))


def test_matrix_transpose():
    x = random((3, 4, 5), np.float64)
    check(nw.linalg.matrix_transpose(tiled(x)), x.mT)
    with pytest.raises(ValueError, match="two dimensions"):
        nw.linalg.matrix_transpose(np.ones(3))


broadcast = st.tuples(st.lists(st.integers(0, 3), max_size=2), st.tuples(*[st.booleans()] * 4), st.integers(0, 2))


def two_stacks(drawn):
    """Two shapes that broadcast: axes of length 1, and missing ones."""
    stack, flags, missing = drawn
    one = [1 if flag else length for flag, length in zip(flags, stack, strict=False)]
    two = [1 if flag else length for flag, length in zip(flags[2:], stack, strict=False)]
    return tuple(one), tuple(two[missing:])


@settings(max_examples=30, deadline=None)
@given(
    stacks=broadcast.map(two_stacks), n=st.tuples(*[st.integers(0, 5)] * 3), dtype=st.sampled_from(DTYPES), d=st.data()
)
def test_matmul_of_stacks(stacks, n, dtype, d):
    m, k, n = n
    x, y = random((*stacks[0], m, k), dtype), random((*stacks[1], k, n), dtype, 1)
    if d.draw(st.booleans()):
        x = x[(0,) * (x.ndim - 1)] if min(x.shape[:-1], default=1) else random(k, dtype)
    elif d.draw(st.booleans()):
        y = random(k, dtype, 2)
    check(nw.linalg.matmul(tiled(x), tiled(y)), np.matmul(x, y), k)


@settings(max_examples=30, deadline=None)
@given(
    stacks=broadcast.map(two_stacks), n=st.integers(0, 6), dtypes=st.tuples(*[st.sampled_from(DTYPES)] * 2), d=st.data()
)
def test_vecdot(stacks, n, dtypes, d):
    axis = d.draw(st.integers(-1 - min(map(len, stacks)), -1))
    one, two = ((*s[: len(s) + axis + 1], n, *s[len(s) + axis + 1 :]) for s in stacks)
    x, y = random(one, dtypes[0]), random(two, dtypes[1], 1)
    check(nw.linalg.vecdot(tiled(x), tiled(y), axis=axis), np.vecdot(x, y, axis=axis), n)


@settings(max_examples=20, deadline=None)
@given(stacks=broadcast.map(two_stacks), dtypes=st.tuples(*[st.sampled_from(DTYPES)] * 2), d=st.data())
def test_cross(stacks, dtypes, d):
    axis = d.draw(st.integers(-1 - min(map(len, stacks)), -1))
    one, two = ((*s[: len(s) + axis + 1], 3, *s[len(s) + axis + 1 :]) for s in stacks)
    x, y = random(one, dtypes[0]), random(two, dtypes[1], 1)
    wide = np.broadcast_shapes(one, two)
    wanted = np.cross(np.broadcast_to(x, wide), np.broadcast_to(y, wide), axis=axis)
    check(nw.linalg.cross(tiled(x), tiled(y), axis=axis), wanted, 3)


def test_axes_counted_from_the_front():
    x = random((3, 4, 2), np.float64)
    check(nw.linalg.vecdot(tiled(x), tiled(x), axis=0), np.vecdot(x, x, axis=0), 3)
    check(nw.linalg.cross(tiled(x), tiled(x[:, ::-1].copy()), axis=0), np.cross(x, x[:, ::-1], axis=0), 3)


@pytest.mark.parametrize("name", ["vecdot", "cross"])
@pytest.mark.parametrize(
    ("one", "two", "axis"),
    [
        ((3,), (4,), -1),
        ((2, 3), (4, 3), -1),
        ((3,), (3,), -2),
        ((2, 3), (3,), 1),
        ((2, 3), (3,), -2),
        ((3, 1), (3,), -1),
    ],
)
def test_vectors_that_do_not_fit(name, one, two, axis):
    with pytest.raises(ValueError, match=r"shape|axis|axes"):
        getattr(nw.linalg, name)(np.ones(one), np.ones(two), axis=axis)


def test_cross_of_vectors_of_another_length():
    with pytest.raises(ValueError, match="wants 3"):
        nw.linalg.cross(np.ones((2, 2)), np.ones((2, 2)))


def test_long_vectors_are_summed_in_parts():
    x, y = random(1000, np.complex128), random(1000, np.complex128, 1)
    request = nw.linalg.vecdot.request(nw.asarray(x, chunks=20), nw.asarray(y, chunks=30))
    assert request.sizes["splits"] > 1
    check(nw.linalg.vecdot(nw.asarray(x, chunks=20), nw.asarray(y, chunks=30)), np.vecdot(x, y), 40)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, ord=st.sampled_from(ORDERS), keepdims=st.booleans(), dtype=st.sampled_from(DTYPES), d=st.data())
def test_vector_norm(shape, ord, keepdims, dtype, d):
    some = st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1)
    axis = d.draw(st.none() | st.integers(-len(shape), -1) | some.map(tuple))
    x = random(shape, dtype)
    if x.size and d.draw(st.booleans()):
        x[(0,) * x.ndim] = 0
    reduced = range(len(shape)) if axis is None else np.atleast_1d(axis)
    found = nw.linalg.vector_norm(tiled(x), axis=axis, keepdims=keepdims, ord=ord)
    if np.prod([shape[a] for a in reduced]) == 0:
        kept = np.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
        check(found, np.full_like(kept, np.inf if ord < 0 else 0))
        return
    with np.errstate(divide="ignore"):
        wanted = np.linalg.vector_norm(
            x.astype(np.result_type(dtype, np.float64)), axis=axis, keepdims=keepdims, ord=ord
        )
    check(found, wanted.astype(np.empty(0, dtype).real.dtype))


@pytest.mark.parametrize("ord", ORDERS)
def test_powers_neither_overflow_nor_vanish(ord):
    for scale in (1e-300, 1e300):
        x = scale * np.array([3.0, -4.0, 1.0, 2.0])
        found = nw.linalg.vector_norm(nw.asarray(x, chunks=3), ord=ord)
        wanted = np.linalg.vector_norm(x / scale, ord=ord) * (1 if ord == 0 else scale)
        assert np.isclose(found, wanted, rtol=1e-14, atol=0)


@pytest.mark.parametrize("ord", ORDERS)
def test_what_is_not_finite(ord):
    x = np.array([[1.0, np.inf, 2], [np.inf, np.inf, np.inf], [1, 0, 2], [0, 0, 0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.linalg.vector_norm(x, axis=1, ord=ord)
    check(nw.linalg.vector_norm(nw.asarray(x, chunks=2), axis=1, ord=ord), wanted)
    x[0, 0] = np.nan
    norm = nw.linalg.vector_norm(nw.asarray(x, chunks=2), ord=ord)
    assert norm == 8 if ord == 0 else np.isnan(norm)


def test_orders_and_axes_that_mean_nothing():
    for ord in (np.nan, "fro", 2j):
        with pytest.raises(ValueError, match="ord"):
            nw.linalg.vector_norm(np.ones(3), ord=ord)
    for axis in (2, (0, 0), (0, -2)):
        with pytest.raises(ValueError, match="ax"):
            nw.linalg.vector_norm(np.ones((2, 3)), axis=axis)


@settings(max_examples=25, deadline=None)
@given(
    stacks=broadcast.map(two_stacks),
    tail=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    dtype=st.sampled_from(DTYPES),
)
def test_sums_of_what_is_broadcast(stacks, tail, dtype):
    x, y = random((*stacks[0], *tail), dtype), random((*stacks[1], tail[0], 1), dtype, 1)
    check(tiled(x) + tiled(y), x + y)
    check(tiled(x) - y, x - y)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("shape", [(5, 7), (3, 4, 5), (2, 3, 6, 4), (0, 3, 3), (2, 0, 3, 3)])
def test_norms_diagonals_and_traces_of_stacks(shape, dtype):
    x = random(shape, dtype)
    for ord in ("fro", 1, -1, np.inf, -np.inf):
        for keepdims in (False, True):
            wanted = np.linalg.matrix_norm(x, ord=ord, keepdims=keepdims)
            check(nw.linalg.matrix_norm(tiled(x), ord=ord, keepdims=keepdims), wanted, 10)
    for offset in (-2, 0, 1):
        check(nw.linalg.diagonal(tiled(x), offset=offset), np.linalg.diagonal(x, offset=offset))
        check(nw.linalg.trace(tiled(x), offset=offset), np.linalg.trace(x, offset=offset), 10)
        wanted = np.linalg.trace(x, offset=offset, dtype=np.complex128)
        check(nw.linalg.trace(tiled(x), offset=offset, dtype=np.complex128), wanted, 10)


def test_trace_does_not_lose_imaginary_parts():
    with pytest.raises(TypeError, match="imaginary"):
        nw.linalg.trace(np.eye(2) * 1j, dtype=np.float64)
