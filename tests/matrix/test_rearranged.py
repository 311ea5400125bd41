"""Views in other shapes: what NumPy gives, whatever region of them is read, here or in another process."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numpywren as nw
from numpywren.matrix import Array, broadcast_to, grouped, permute_dims, reshape

shapes = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@pytest.fixture(scope="module", autouse=True)
def _in_memory(in_memory):
    return


def numbers(shape):
    return np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape) + 1


def tiled(a, d):
    return nw.asarray(a, chunks=tuple(d.draw(st.integers(1, 4)) for _ in a.shape))


def split(d, size):
    """Some shape with this many elements."""
    shape = []
    while size > 1 and len(shape) < 4:
        shape.append(d.draw(st.sampled_from([f for f in range(1, size + 1) if size % f == 0])))
        size //= shape[-1]
    shape.insert(d.draw(st.integers(0, len(shape))), size)
    return tuple(shape)


def check(view, wanted, d):
    assert view.shape == wanted.shape
    assert np.array_equal(np.asarray(view), wanted)
    there = Array.from_json(json.loads(json.dumps(view.to_json())))
    region = []
    for length in wanted.shape:
        ends = d.draw(st.tuples(st.integers(0, length), st.integers(0, length)))
        region.append(slice(min(ends), max(ends)))
    part = there.read_region(region)
    assert np.array_equal(part, wanted[tuple(region)])
    part[...] = -1  # the caller's own
    assert np.array_equal(there.read_region(region), wanted[tuple(region)])


@settings(max_examples=60, deadline=None)
@given(shape=shapes, d=st.data())
def test_permuted(shape, d):
    order = d.draw(st.permutations(range(len(shape))))
    check(permute_dims(tiled(numbers(shape), d), order), numbers(shape).transpose(order), d)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, d=st.data())
def test_reshaped(shape, d):
    a = numbers(shape)
    new = split(d, a.size) if a.size else d.draw(st.permutations(shape).map(tuple))
    check(reshape(tiled(a, d), new), a.reshape(new), d)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, d=st.data())
def test_broadcast(shape, d):
    wide = tuple(d.draw(st.integers(0, 4)) if length == 1 else length for length in shape)
    wide = (*d.draw(st.lists(st.integers(0, 3), max_size=2)), *wide)
    check(broadcast_to(tiled(numbers(shape), d), wide), np.broadcast_to(numbers(shape), wide), d)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, d=st.data())
def test_grouped(shape, d):
    wide = (d.draw(st.integers(1, 3)), *(d.draw(st.integers(1, 3)) if length == 1 else length for length in shape))
    order = d.draw(st.permutations(range(len(wide))))
    cut = d.draw(st.integers(0, len(order)))
    a = np.broadcast_to(numbers(shape), wide).transpose(order)
    wanted = a.reshape(np.prod(a.shape[:cut], dtype=int), np.prod(a.shape[cut:], dtype=int))
    check(grouped(tiled(numbers(shape), d), order[:cut], order[cut:], wide=wide), wanted, d)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, d=st.data())
def test_views_of_views(shape, d):
    a = numbers(shape) * (1 + 1j)
    order = d.draw(st.permutations(range(len(shape))))
    view, wanted = permute_dims(tiled(a, d).conj(), order), a.conj().transpose(order)
    if wanted.ndim > 1:
        view, wanted = view.mT, wanted.mT
    new = split(d, a.size) if a.size else shape
    check(reshape(view, new).conj(), wanted.reshape(new).conj(), d)


def test_what_moves_nothing_is_the_array_itself():
    A = nw.asarray(numbers((3, 4)), chunks=2)
    assert permute_dims(A, (0, 1)) is A
    assert reshape(A, (3, 4)) is A
    assert broadcast_to(A, (3, 4)) is A
    assert grouped(A, (0,), (1,)) is A
    for turned in (permute_dims(A, (1, 0)), grouped(A, (1,), (0,))):
        assert turned.source is A.source
        assert turned.transposed


def test_no_more_is_read_than_a_region_of_joined_axes():
    read = []

    def count(i, j, k):
        read.append(i.size * j.size * k.size)
        return 100 * i + 10 * j + k

    A = nw.from_function(count, (10, 10, 10))
    for first, last in [(0, 1000), (95, 105), (199, 201), (3, 3), (7, 993), (120, 180)]:
        read.clear()
        found = grouped(A, (0, 1, 2), ()).read_region((slice(first, last), slice(0, 1)))
        assert np.array_equal(found[:, 0], np.arange(first, last))
        assert sum(read) == last - first
        read.clear()
        reshape(A, (1000,)).read_region((slice(first, last),))
        assert sum(read) == last - first


def test_joined_axes_are_cut_where_tiles_end():
    A = nw.zeros((6, 4, 3000, 50), chunks=(1, 1, 1000, 50))
    assert grouped(A, (0, 1, 2), (3,)).chunks == (1000, 50)
    assert grouped(A, (0, 1), (2, 3)).chunks[0] == 24
    small = nw.zeros((1000, 20, 30), chunks=(1, 20, 30))
    assert grouped(small, (0, 1), (2,)).chunks == (500, 30)


def test_no_tile_of_joined_axes_is_larger_than_a_tile_may_be():
    A = nw.zeros((40, 2048, 2048), chunks=(1, 2048, 2048))
    for view in (grouped(A, (0,), (1, 2)), grouped(A, (1, 2), (0,)), grouped(A, (0, 1), (2,))):
        assert np.prod(view.chunks) <= 2048 * 2048


@pytest.mark.parametrize("shape", [(5,), (2, 4), (-1, 4), (-1, -1), (), (3, -2)])
def test_shapes_with_another_number_of_elements(shape):
    with pytest.raises(ValueError, match="cannot be seen"):
        reshape(nw.zeros((3, 2)), shape)


def test_a_length_may_be_left_over():
    assert reshape(nw.zeros((3, 4)), (2, -1)).shape == (2, 6)


@pytest.mark.parametrize("axes", [(0,), (0, 0), (0, 2), (0, -3), (0, 1, 1)])
def test_axes_that_are_no_order(axes):
    with pytest.raises(ValueError, match="permute_dims"):
        permute_dims(nw.zeros((3, 2)), axes)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 2), ()])
def test_shapes_to_which_nothing_is_broadcast(shape):
    with pytest.raises(ValueError, match="broadcast"):
        broadcast_to(nw.zeros((3, 2)), shape)


def test_hostile_data():
    data = reshape(nw.zeros((3, 4)), (2, 6)).to_json()
    for key, value in [("wide", [4, 4]), ("axes", [0, 0]), ("shape", [5, 5]), ("axes", 3), ("array", None)]:
        with pytest.raises(ValueError, match=r"broadcast|axes|seen|no array"):
            Array.from_json({**data, "source": {**data["source"], key: value}})


def test_a_view_lives_as_long_as_what_is_below_and_keeps_it(tmp_path):
    stored = nw.asarray(numbers((4, 6)), chunks=3).save(tmp_path / "a")
    view = reshape(stored, (8, 3))
    assert view.url == stored.url
    with pytest.raises(ValueError, match="overwrite the other"):
        view.save(tmp_path / "a", overwrite=True)
    copy = view.save(tmp_path / "b")
    assert np.array_equal(np.asarray(copy), numbers((8, 3)))
    view.delete()
    assert not stored.exists()
    assert not view.exists()
    scratch = nw.asarray(numbers((4, 6)), chunks=3)
    kept = reshape(scratch, (8, 3)).disown()
    assert not scratch.owned
    kept.delete()


@pytest.mark.parametrize("shape", [(10, 80_000), (1000, 800), (80_000, 10)])
@pytest.mark.parametrize("below", [(800_000,), (80, 10_000)])
def test_no_more_is_held_than_a_tile_of_the_view_and_one_below(below, shape):
    a = numbers(below)
    view = reshape(nw.asarray(a, chunks=5000 if len(below) == 1 else 100), shape)
    wanted = a.reshape(shape)
    region = tuple(slice(length // 3, min(length // 3 + 100, length)) for length in shape)
    tracemalloc.start()
    try:
        part = view.read_region(region)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.array_equal(part, wanted[region])
    assert peak < 8 * (6 * max(part.size, 10_000) + 40_000)
