import sys
import tracemalloc

import dask.array
import numpy as np
import pytest
import zarr
from matrix.drawn import draw

from numpywren.config import config
from numpywren.matrix import asarray, create_array, eye, from_function, open, zeros

rng = np.random.default_rng(5)


def test_arrays_of_numpy(dtype):
    values = draw(rng, (30, 20), dtype)
    swapped = values.astype(values.dtype.newbyteorder())
    for given in (values, np.asfortranarray(values), values[::-1, ::2], values[3], swapped):
        array = asarray(given, chunks=7)
        assert array.dtype == dtype
        np.testing.assert_array_equal(np.asarray(array), given)


@pytest.mark.parametrize("kind", ["bool", "i1", "u2", "i4", "i8", "u8", ">i4"])
def test_integers_and_bools_become_float64(kind):
    values = rng.integers(0, 2, (5, 6)).astype(kind)
    array = asarray(values, chunks=4)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(array), values)


def test_nested_lists_and_scalars_in_them():
    np.testing.assert_array_equal(asarray([[1, 2], [3, 4.5]]), [[1, 2], [3, 4.5]])
    assert asarray([1j, 2]).dtype == np.complex128


def test_an_array_is_itself():
    A = asarray([[1.0, 2], [3, 4]])
    assert asarray(A) is A
    assert asarray(A, chunks=2, dtype="f8") is A
    B = asarray(A.T, chunks=1)
    assert B.chunks == (1, 1)
    np.testing.assert_array_equal(B, [[1, 3], [2, 4]])
    assert asarray(A, dtype="complex64").dtype == np.complex64


def test_types_on_request():
    assert asarray([1, 2], dtype="f4").dtype == np.float32
    assert asarray(np.ones(3), dtype=complex).dtype == np.complex128
    with pytest.raises(TypeError, match="imaginary"):
        asarray([1j], dtype="f8")


BAD = [("a", TypeError), ([["a"]], TypeError), (np.zeros(3, "f2"), TypeError), (np.zeros(3, "g"), TypeError),
       (None, TypeError), ({"a": 1}, TypeError), (object(), TypeError), (np.array(["2020"], "M8[D]"), TypeError),
       (np.ma.masked_array([1.0], [True]), TypeError), (5, ValueError), (np.float64(5), ValueError),
       ([[1, 2], [3]], ValueError)]  # fmt: skip


@pytest.mark.parametrize(("value", "error"), BAD)
def test_what_is_no_array(value, error, scratch):
    with pytest.raises(error):
        asarray(value)
    assert not scratch.exists()


def test_sparse_matrices_say_what_to_do():
    import scipy.sparse

    with pytest.raises(TypeError, match="toarray"):
        asarray(scipy.sparse.eye_array(3).tocsr())


class OnlyDlpack:
    """An array of some library of the array API that NumPy's protocol does not know."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def test_the_array_api():
    values = draw(rng, (4, 5))
    np.testing.assert_array_equal(asarray(OnlyDlpack(values)), values)


@pytest.mark.parametrize("shape", [(0,), (0, 0), (0, 5), (5, 0), (1, 1), (1,), (0, 3, 3)])
def test_empty_and_tiny(shape, tmp_path):
    array = asarray(np.ones(shape), chunks=2)
    assert array.shape == shape
    np.testing.assert_array_equal(array, np.ones(shape))
    np.testing.assert_array_equal(array.save(tmp_path / "a"), np.ones(shape))
    assert zarr.open_array(tmp_path / "a").shape == shape


# -- arrays of other libraries --


@pytest.mark.parametrize("chunks", [(30, 30), (1, 70), (100, 3), (7, 11)])
def test_dask(chunks):
    values = draw(rng, (100, 70))
    np.testing.assert_array_equal(asarray(dask.array.from_array(values, chunks=chunks), chunks=33), values)


def test_zarr_arrays_are_read_where_they_are(tmp_path, scratch):
    values = draw(rng, (100, 70))
    theirs = zarr.create_array(tmp_path / "a b%", shape=values.shape, chunks=(30, 20), dtype="f8")
    theirs[...] = values
    array = asarray(theirs)
    assert array.url == f"file://{tmp_path}/a%20b%25"
    np.testing.assert_array_equal(array, values)
    inner = zarr.create_group(tmp_path / "group").create_array("x/y", shape=(3,), dtype="f8")
    assert asarray(inner).url.endswith("group/x/y")
    assert not scratch.exists()
    hidden = zarr.create_array(zarr.storage.MemoryStore(), shape=values.shape, chunks=(30, 20), dtype="f8")
    hidden[...] = values
    np.testing.assert_array_equal(asarray(hidden), values)
    assert scratch.exists()


def test_copies_take_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("numpywren.matrix.auto_chunks.SLAB_BYTES", 8 << 20)
    rows = zarr.create_array(tmp_path / "rows", shape=(4096, 4096), chunks=(16, 4096), dtype="f8", fill_value=1.5)
    source = open(tmp_path / "rows")
    assert rows.nbytes == 128 << 20
    tracemalloc.start()
    saved = source.save(tmp_path / "tiles", chunks=512)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 48 << 20
    assert saved[4095, 4095] == 1.5


# -- arrays that are stored nowhere --


def test_zeros_and_eye(scratch, dtype):
    np.testing.assert_array_equal(zeros((5, 6), dtype=dtype, chunks=2), np.zeros((5, 6), dtype))
    for shape in [(7, 7), (4, 9), (9, 4)]:
        for k in range(-10, 11):
            array = eye(*shape, k=k, dtype=dtype, chunks=3)
            assert array.dtype == dtype
            np.testing.assert_array_equal(array, np.eye(*shape, k=k, dtype=dtype))
            np.testing.assert_array_equal(array.T[1:, 2], np.eye(*shape, k=k, dtype=dtype).T[1:, 2])
    assert eye(4).url is None
    assert zeros(5).shape == (5,)
    assert not scratch.exists()


def test_an_array_larger_than_any_disk():
    huge = zeros((10**9, 10**9), chunks=2048)
    assert huge.nbytes == 8 * 10**18
    assert huge[10**9 - 1, 5] == 0
    np.testing.assert_array_equal(eye(10**9)[10**8 : 10**8 + 3, 10**8 : 10**8 + 3], np.eye(3))


# -- how arrays are cut --


def test_chunks():
    assert zeros((1000, 3), chunks=100).chunks == (100, 3)
    assert zeros((1000, 3), chunks=(200, 2)).chunks == (200, 2)
    assert zeros((10, 1000, 1000), chunks=100).chunks == (1, 100, 100)
    assert zeros((300, 300)).chunks == (300, 300)
    assert zeros((4096, 4096)).chunks == (512, 512)
    with config.set({"array.chunks": 64}):
        assert zeros((300, 300)).chunks == (64, 64)
        assert zeros((300, 300), chunks=7).chunks == (7, 7)


@pytest.mark.parametrize("chunks", [0, -1, (2,), (2, 2, 2), (0, 2), "many", 2.5, None, True, (True, 2)])
def test_senseless_chunks(chunks):
    with pytest.raises((ValueError, TypeError)):
        zeros((5, 5), chunks=chunks)


@pytest.mark.parametrize("shape", [(), (-1, 2), (2.5, 2), "ab"])
def test_senseless_shapes(shape):
    with pytest.raises((ValueError, TypeError)):
        zeros(shape)


def test_creating_is_quick(tmp_path):
    import time

    create_array(tmp_path / "first", (1000, 1000), 100, "f8")
    took = []
    for number in range(50):
        start = time.perf_counter()
        create_array(tmp_path / str(number), (1000, 1000), 100, "f8")
        took.append(time.perf_counter() - start)
    assert sorted(took)[10] < 0.005  # a millisecond on a quiet machine; zarr takes ten


def test_from_function_needs_a_function():
    with pytest.raises(TypeError, match="function"):
        from_function(np.ones((3, 3)), shape=(3, 3))
    assert "dask" in sys.modules  # the tests above had the real thing
