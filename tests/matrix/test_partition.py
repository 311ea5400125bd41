import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpywren.matrix import Partition, auto_chunk, grid
from numpywren.matrix.auto_chunks import SLAB_BYTES, auto_chunks, slab_shape, tile_chunks
from numpywren.matrix.partition import tile_indices

lengths = st.integers(0, 300)
chunks = st.integers(1, 400)


@given(lengths, chunks)
def test_tiles_cover_the_dimension_once(length, chunk):
    part = Partition(length, chunk)
    covered = [element for index in range(part.tiles) for element in range(length)[part.slice(index)]]
    assert covered == list(range(length))
    assert all(part.size(index) == part.chunk for index in range(part.tiles - 1))
    assert sum(part.size(index) for index in range(part.tiles)) == length


@given(lengths, chunks, st.data())
def test_tiles_that_touch_a_region(length, chunk, data):
    part = Partition(length, chunk)
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    wanted = {index for index in range(part.tiles) if set(range(length)[part.slice(index)]) & set(range(start, stop))}
    assert set(part.touching(start, stop)) == wanted


def test_equal_cuts_are_equal():
    assert Partition(300, 512) == Partition(300, 300)
    assert Partition(300, 512) != Partition(300, 299)
    assert Partition(0, 7).tiles == 0


@pytest.mark.parametrize(("length", "chunk"), [(-1, 1), (1, 0), (5, -2)])
def test_senseless_cuts(length, chunk):
    with pytest.raises(ValueError, match="partition"):
        Partition(length, chunk)


@pytest.mark.parametrize("index", [-1, 4, 5])
def test_no_tile_outside(index):
    with pytest.raises(IndexError, match="4 tiles"):
        Partition(10, 3).slice(index)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=1, max_size=3))
def test_every_index_once_and_the_first_fastest(cuts):
    parts = [Partition(*cut) for cut in cuts]
    found = list(tile_indices(parts))
    assert sorted(found) == sorted(np.ndindex(*[part.tiles for part in parts]))
    assert found == sorted(found, key=lambda index: index[::-1])


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([4, 8, 16]))
def test_the_rule_for_tile_lengths(m, n, itemsize):
    rows, columns = auto_chunk(m, n, itemsize)
    assert 1 <= rows <= max(1, m)
    assert 1 <= columns <= max(1, n)
    longest = max(m, n)
    if longest <= 512:
        assert grid((m, n), (rows, columns)) == (Partition(m, max(1, m)), Partition(n, max(1, n)))
    else:
        chunk = max(min(rows, m), min(columns, n))
        assert 512 <= chunk <= 2048
        assert chunk % 64 == 0


def test_the_rule_by_example():
    assert auto_chunk(513, 513, 8) == (512, 512)
    assert auto_chunk(8192, 8192, 8) == (1024, 1024)
    assert auto_chunk(10**6, 10**6, 8) == (2048, 2048)
    assert auto_chunks((9, 100, 4096), 8) == (1, 100, 512)


@given(st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 10**5)), min_size=1, max_size=3))
def test_tiles_of_foreign_arrays(cuts):
    shape, stored = zip(*cuts, strict=True)
    found = tile_chunks(shape, stored, 8)
    for length, chunk, tile in zip(shape[-2:], stored[-2:], found[-2:], strict=True):
        assert 1 <= tile <= max(1, length)
        assert tile >= min(length, 256)
        assert tile <= 4096
        # a tile takes whole chunks, unless they are far longer than a tile or it takes the whole dimension
        assert tile % chunk == 0 or tile >= length or chunk > 512
    assert found[:-2] == (1,) * len(found[:-2])


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 10**6)), min_size=1, max_size=3))
def test_slabs_are_whole_tiles_and_bounded(cuts):
    tile, pieces = zip(*cuts, strict=True)
    slab = slab_shape(tile, pieces, 8)
    assert all(a % b == 0 for a, b in zip(slab, tile, strict=True))
    assert np.prod(slab, dtype=object) * 8 <= max(SLAB_BYTES, np.prod(tile, dtype=object) * 8)
