import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matrix.drawn import draw

from numpywren.errors import NotAnArrayError, StoreError, TileDamagedError, TileMissingError, UnknownSchemeError
from numpywren.matrix import Array, Partition, asarray, create_array, eye, grid, open, open_store, zeros
from numpywren.matrix.local_files import LocalFiles
from numpywren.matrix.partition import tile_indices

rng = np.random.default_rng(7)


def stored(place, values, chunks):
    return asarray(values, chunks=chunks).save(place)


def zarr_of(array):
    """The array as zarr-python sees it in the file system."""
    store = array.source.store
    assert isinstance(store, LocalFiles)
    return zarr.open_array(str(store.folder), mode="r+")


@pytest.mark.parametrize("shape", [(37, 53), (20, 20), (1, 1), (64, 3), (19,), (4, 7, 9)])
def test_zarr_reads_what_we_write(tmp_path, shape, dtype):
    values = draw(rng, shape, dtype)
    array = stored(tmp_path / "a", values, 10)
    theirs = zarr_of(array)
    assert theirs.metadata.zarr_format == 3
    assert theirs.dtype == values.dtype
    assert theirs.chunks == array.chunks
    np.testing.assert_array_equal(theirs[...], values)


def test_zarr_writes_what_we_read(tmp_path, dtype):
    array = create_array(tmp_path / "a", (23, 31), 10, dtype)
    values = draw(rng, (23, 31), dtype)
    zarr_of(array)[...] = values
    np.testing.assert_array_equal(np.asarray(open(tmp_path / "a")), values)


def test_tiles_never_written_are_zeros(place, dtype):
    array = create_array(place, (23, 31), 10, dtype)
    array.source.write_tile((1, 2), np.ones((10, 10), dtype))
    wanted = np.zeros((23, 31), dtype)
    wanted[10:20, 20:30] = 1
    np.testing.assert_array_equal(np.asarray(array), wanted)
    np.testing.assert_array_equal(array.read_tile((0, 0)), 0)
    assert array.find_tile((0, 0)) is None
    assert array.find_tile((1, 2)) is not None


def test_zeros_are_written_too(place):
    array = create_array(place, (4, 4), 2, "f8")
    array.source.write_tile((0, 1), np.zeros((2, 2)))
    assert list(array.source.existing()) == [(0, 1)]


def test_what_it_says_of_itself(tmp_path):
    array = stored(tmp_path / "K.zarr", draw(rng, (300, 200), "complex64"), (128, 100))
    assert (array.shape, array.chunks, array.ndim, array.size) == ((300, 200), (128, 100), 2, 60_000)
    assert (array.dtype, array.nbytes, len(array)) == (np.complex64, 480_000, 300)
    assert array.partitions == (Partition(300, 128), Partition(200, 100))
    text = repr(array)
    for part in ("300 × 200", "complex64", "468.8 KiB", "3 × 2 tiles", "128 × 100", "K.zarr"):
        assert part in text
    assert "conjugate transpose of" in repr(array.H)
    assert "unsaved" not in text
    assert "unsaved" in repr(asarray(np.ones(3)))
    assert repr(zeros((2, 2))).endswith("zeros>")
    assert repr(eye(3)).endswith(": identity>")
    assert repr(eye(3, k=-1)).endswith(": ones on diagonal -1>")
    assert repr(eye(2, 3)).endswith(": ones on the main diagonal>")
    with pytest.raises(ValueError, match="ambiguous"):
        bool(array)
    assert eye(1)


def test_views(place, dtype):
    values = draw(rng, (23, 31), dtype)
    A = stored(place, values, (7, 12))
    views = {
        "T": (A.T, values.T), "mT": (A.mT, values.T), "H": (A.H, values.conj().T), "conj": (A.conj(), values.conj()),
        "TT": (A.T.T, values), "HT": (A.H.T, values.conj()), "HH": (A.H.H, values),
    }  # fmt: skip
    for view, wanted in views.values():
        assert view.shape == wanted.shape
        assert view.url == A.url
        np.testing.assert_array_equal(np.asarray(view), wanted)
        np.testing.assert_array_equal(view[3:9, 2], wanted[3:9, 2])
        for index in tile_indices(view.partitions):
            tile = view.read_tile(index)
            lies = tuple(part.slice(place) for part, place in zip(view.partitions, index, strict=True))
            np.testing.assert_array_equal(tile, wanted[lies])
            assert tile.flags.f_contiguous
            assert not tile.flags.writeable
        again = Array.from_json(view.to_json())
        np.testing.assert_array_equal(np.asarray(again), wanted)


def test_views_of_vectors_and_stacks(place):
    v = stored(place + "v", np.arange(5), 2)
    assert v.T.shape == (5,)
    np.testing.assert_array_equal(v.H, np.arange(5))
    values = draw(rng, (3, 4, 5), "complex128")
    S = stored(place + "s", values, 3)
    assert S.chunks == (1, 3, 3)
    np.testing.assert_array_equal(S.mT, values.swapaxes(1, 2))
    np.testing.assert_array_equal(S.H, values.conj().swapaxes(1, 2))
    with pytest.raises(ValueError, match="mT"):
        S.T  # noqa: B018
    with pytest.raises(ValueError, match="two dimensions"):
        v.mT  # noqa: B018


@given(
    st.sampled_from([(7, 9), (12,), (3, 4, 5), (0, 4), (1, 1)]).flatmap(
        lambda shape: st.tuples(
            st.just(shape), hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True), st.integers(1, 9)
        )
    )
)
@settings(deadline=None)
def test_indexing_is_numpys(case):
    shape, index, chunk = case
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    array = create_array(f"memory:indexing/{shape}-{chunk}", shape, chunk, "f8", overwrite=True)
    for tile in tile_indices(array.partitions):
        array.source.write_tile(tile, values[tuple(p.slice(i) for p, i in zip(array.partitions, tile, strict=True))])
    found, wanted = array[index], values[index]
    assert type(found) is type(wanted)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_array_equal(found, wanted)


BAD_INDICES = [([0, 1], "list"), (np.array([True, False]), "index"), (1.5, "float"), (True, "bool"), ("a", "str"),
               (7, "bounds"), (-8, "bounds"), ((0, 0, 0), "3 indices"), ((..., ...), "ellipsis")]  # fmt: skip


@pytest.mark.parametrize(("index", "words"), BAD_INDICES)
def test_what_is_no_index(index, words):
    with pytest.raises(IndexError, match=words):
        zeros((7, 9))[index]


def test_a_slice_reads_no_more_tiles_than_it_touches(tmp_path):
    A = stored(tmp_path / "a", np.ones((40, 40)), 10)
    for path in (tmp_path / "a/c").rglob("*"):
        if path.is_file() and path.relative_to(tmp_path / "a/c").as_posix() not in ("1/2", "1/3"):
            path.write_bytes(b"damaged")
    np.testing.assert_array_equal(A[12:18:2, 25:31], 1)
    with pytest.raises(TileDamagedError):
        A[12:18, 19:31]


def test_numpys_protocol(place):
    values = draw(rng, (5, 6))
    A = stored(place, values, 4)
    assert np.asarray(A, dtype="f4").dtype == np.float32
    result = np.array(A)
    result[0, 0] = 99  # the caller's own
    assert A[0, 0] == values[0, 0]
    with pytest.raises(ValueError, match="copy"):
        np.array(A, copy=False)


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_any_cut_reads_the_same(data):
    shape = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    values = np.arange(shape[0] * shape[1], dtype=float).reshape(shape)
    A = asarray(values, chunks=data.draw(st.tuples(st.integers(1, 25), st.integers(1, 25))))
    if data.draw(st.booleans()):
        A, values = A.T, values.T
    parts = grid(values.shape, data.draw(st.tuples(st.integers(1, 25), st.integers(1, 25))))
    for index in tile_indices(parts):
        lies = tuple(part.slice(place) for part, place in zip(parts, index, strict=True))
        tile = A.read_tile(index, parts)
        np.testing.assert_array_equal(tile, values[lies])
        assert tile.flags.f_contiguous
        assert not tile.flags.writeable


# -- saving and deleting --


@pytest.mark.parametrize("chunks", [None, 4, (3, 11)])
def test_saving(tmp_path, place, chunks, dtype):
    values = draw(rng, (17, 23), dtype)
    A = asarray(values, chunks=6).H
    saved = A.save(place, chunks=chunks)
    assert saved.chunks == {None: (6, 6), 4: (4, 4)}.get(chunks, chunks)
    assert not saved.transposed
    np.testing.assert_array_equal(np.asarray(saved), values.conj().T)
    np.testing.assert_array_equal(np.asarray(open(place)), values.conj().T)


def test_saving_refuses_to_overwrite(place):
    A = asarray(np.arange(6.0))
    A.save(place)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        A.save(place)
    with pytest.raises(FileExistsError):
        create_array(place, (3,), 1, "f8")
    saved = eye(3).save(place, overwrite=True)
    np.testing.assert_array_equal(np.asarray(saved), np.eye(3))
    assert sorted(open_store(place).list()) == ["c/0/0", "zarr.json"]  # nothing of the other is left


def test_what_is_left_of_a_copy_that_was_cut_short_is_replaced(place):
    eye(4, chunks=2).save(place)
    open_store(place).delete(["zarr.json"])
    assert eye(3).save(place, overwrite=True).shape == (3, 3)
    assert sorted(open_store(place).list()) == ["c/0/0", "zarr.json"]


def test_names_of_numpy_files_are_refused(place):
    for name in ("A.npy", "A.NPY/"):
        with pytest.raises(ValueError, match=r"names a NumPy file.*write A\.zarr, or np\.save"):
            eye(2).save(f"{place}/{name}")
        with pytest.raises(ValueError, match="names a NumPy file"):
            create_array(f"{place}/{name}", (3,), 1, "f8")
    assert not list(open_store(place).list())


def test_saving_to_itself_is_refused(place):
    A = asarray(np.ones((3, 3))).save(place + "/a")
    for url in (place + "/a", place + "/a/", place + "/a/c", place):
        with pytest.raises(ValueError, match="overwrite the other"):
            A.T.save(url, overwrite=True)
    np.testing.assert_array_equal(np.asarray(open(place + "/a")), 1)


def test_saving_leaves_other_things_alone(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        eye(2).save(tmp_path / "a")
    with pytest.raises(FileExistsError, match=r"notes\.txt, which is no array.*choose another place"):
        eye(2).save(tmp_path / "a", overwrite=True)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["notes.txt"]
    eye(2).save(tmp_path / "b")
    (tmp_path / "b" / "notes.txt").write_text("mine")
    eye(3).save(tmp_path / "b", overwrite=True).delete()
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["notes.txt"]
    group = zarr.create_group(tmp_path / "g")
    group.create_array("x", shape=(3,), dtype="f8")
    with pytest.raises(NotAnArrayError, match="group"):
        eye(2).save(tmp_path / "g", overwrite=True)


def test_saving_that_fails_leaves_nothing(place):
    A = asarray(draw(rng, (12, 12)), chunks=4)
    store, key = A.source.store, "c/2/1"
    store.put(key, b"damaged")
    with pytest.raises(TileDamagedError):
        A.save(place)
    assert list(open_store(place).list()) == []


def test_saving_with_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        disk, message = tmp_path / "\u1680" / ("x" * 300), "shorter path"  # without that right: another refusal
    else:
        message = "disk is full"
    try:
        with pytest.raises(StoreError, match=message):
            zeros((1000, 1000), chunks=200).save(disk / "a")
        assert list(open_store(disk).list()) == []
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=False)


def test_deleting(tmp_path, place):
    A = asarray(np.ones((5, 5)), chunks=2).save(place)
    A.T.delete()
    assert list(open_store(place).list()) == []
    A.delete()
    eye(3).delete()
    with pytest.raises(NotAnArrayError):
        open(place)


def test_deleting_removes_folders_and_what_a_killed_process_left(tmp_path):
    A = eye(5, chunks=2).save(tmp_path / "a")
    (tmp_path / "a/c/0/1#3").write_bytes(b"half a tile")
    A.delete()
    assert not (tmp_path / "a").exists()


def test_damaged_tiles_are_named(tmp_path):
    A = eye(10, chunks=4).save(tmp_path / "a")
    path = tmp_path / "a/c/1/2"
    data = bytearray(path.read_bytes())
    data[17] ^= 4
    path.write_bytes(data)
    with pytest.raises(TileDamagedError, match=r"a/c/1/2 is damaged: its checksum"):
        np.asarray(A)
    path.write_bytes(data * 1000)
    with pytest.raises(TileDamagedError, match=r"a/c/1/2"):
        np.asarray(A)


# -- lifetime --


def places(scratch):
    return list((scratch / "arrays").iterdir()) if (scratch / "arrays").exists() else []


def test_unsaved_arrays_live_as_long_as_something_uses_them(scratch):
    A = asarray(np.ones((4, 4)), chunks=2)
    view = A.T
    assert A.owned
    del A
    gc.collect()
    assert len(places(scratch)) == 1
    np.testing.assert_array_equal(view, 1)
    del view
    gc.collect()
    assert places(scratch) == []


def test_disowned_arrays_stay(scratch):
    A = asarray(np.ones((4, 4)), chunks=2)
    url = A.T.disown().url
    assert not A.owned
    del A
    gc.collect()
    np.testing.assert_array_equal(open(url), 1)


def test_deleting_an_unsaved_array(scratch):
    A = asarray(np.ones((4, 4)))
    A.delete()
    assert places(scratch) == []
    del A
    gc.collect()


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_unsaved_arrays_go_at_exit(tmp_path):
    code = """
        import os, numpy as np, numpywren.matrix as m
        kept = m.asarray(np.ones((4, 4)), chunks=2)
        alive = m.asarray(np.ones((4, 4)), chunks=2)
        kept.disown()
        print(kept.url)
        if os.fork() == 0:
            del alive, kept  # a child owns nothing
            import gc; gc.collect(); os._exit(0)
        os.wait()
        assert alive[0, 0] == 1
    """
    url = run(code, NUMPYWREN_STORE=str(tmp_path)).strip()
    assert [f"file://{path}" for path in (tmp_path / "arrays").iterdir()] == [url]
    np.testing.assert_array_equal(open(url), 1)


def test_arrays_travel_between_processes(tmp_path, dtype):
    values = draw(rng, (9, 9), dtype)
    A = asarray(values, chunks=4).H
    code = f"""
        import json, numpy as np, numpywren.matrix as m
        A = m.Array.from_json({A.to_json()!r})
        np.save({str(tmp_path / "out.npy")!r}, np.asarray(A))
    """
    run(code)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), values.conj().T)


GOOD = {"kind": "stored", "url": "memory:x", "shape": [4], "chunks": [2], "dtype": "float64"}
HOSTILE = [{"kind": "other"}, {"dtype": "object"}, {"dtype": ["float64"]}, {"shape": [-4]}, {"shape": [4, 4]},
           {"chunks": [0]}, {"chunks": [2.5]}, {"shape": "4"}, {"shape": [2**80], "chunks": [1]}, {"url": "memory:"},
           {"kind": "function", "function": 3}, {"kind": "identity", "offset": 0}]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_data_are_no_array(change):
    data = {"source": {**GOOD, **change}, "transposed": False, "conjugated": False}
    assert Array.from_json({**data, "source": GOOD}).shape == (4,)
    with pytest.raises((ValueError, PermissionError)):
        Array.from_json(data).read_tile((0,))


def test_schemes_in_data_are_checked():
    with pytest.raises(UnknownSchemeError):
        Array.from_json({"source": {**GOOD, "url": "gopher://x"}, "transposed": False, "conjugated": False})


def test_an_array_that_went_is_an_error_and_not_zeros(tmp_path):
    A = asarray(np.eye(5)).save(tmp_path / "A", 2)
    shutil.rmtree(tmp_path / "A")
    for read in (lambda: A[:], lambda: np.asarray(A), lambda: A.read_tile((0, 0)), lambda: A.H[1:3, 0]):
        with pytest.raises(TileMissingError, match="not there any more"):
            read()


def test_copies_and_pickles_hold_what_was_there():
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(copy.deepcopy(asarray(values, chunks=2)), values)
    again = pickle.loads(pickle.dumps(asarray(values, chunks=2).T))
    np.testing.assert_array_equal(again, values.T)
    again.delete()


def test_arrays_are_not_compared():
    A = asarray(np.eye(2))
    with pytest.raises(TypeError, match=r"compare what np\.asarray"):
        A == A  # noqa: B015
    assert {A: 1}[A] == 1


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("sum", "np.ones"), ("real", "np.asarray"), ("astype", "dtype="), ("reshape", "reshape"), ("copy", "save")],
)
def test_what_numpys_arrays_have_and_ours_have_not(name, remedy):
    A = asarray(np.eye(3))
    with pytest.raises(AttributeError, match=f"no attribute '{name}', as NumPy's arrays do: .*{remedy}"):
        getattr(A, name)
    assert not hasattr(A, name)


def test_other_attributes_are_not_there_either():
    A = asarray(np.eye(3))
    with pytest.raises(AttributeError, match=r"^numpywren.Array has no attribute 'shap'"):
        getattr(A, "sha" + "p")
    for name in ("__array_interface__", "__array_struct__", "__len_hint__", "toarray", "compute"):
        assert not hasattr(A, name)
    for again in (copy.copy(A), copy.deepcopy(A), pickle.loads(pickle.dumps(A))):
        assert np.array_equal(np.asarray(again), np.eye(3))
    assert not hasattr(Array.__new__(Array), "shape")
