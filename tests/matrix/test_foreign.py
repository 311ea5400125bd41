"""Arrays that somebody else stored, in whatever form."""

import json
import threading

import numpy as np
import pytest
import zarr
import zarr.codecs
from hypothesis import given, settings
from hypothesis import strategies as st
from matrix.drawn import draw

from numpywren.errors import NotAnArrayError, TileDamagedError
from numpywren.matrix import Array, asarray, eye, grid, open, open_store
from numpywren.matrix.partition import tile_indices
from numpywren.matrix.sources import StoredChunks, ZarrArray
from numpywren.matrix.zarr_format import decode_layout

rng = np.random.default_rng(11)
SHAPE = (100, 70)

FORMS = {
    "plain": {"chunks": (30, 30), "dtype": "f8"},
    "one chunk": {"chunks": SHAPE, "dtype": "f8"},
    "long chunks": {"chunks": (1000, 3), "dtype": "f8"},
    "rows": {"chunks": (1, 70), "dtype": "f4"},
    "columns": {"chunks": (100, 1), "dtype": "c8"},
    "sharded": {"chunks": (5, 5), "shards": (50, 35), "dtype": "f8"},
    "blosc": {"chunks": (33, 20), "dtype": "c16", "compressors": zarr.codecs.BloscCodec()},
    "gzip": {"chunks": (33, 20), "dtype": "f8", "compressors": zarr.codecs.GzipCodec()},
    "transposed": {"chunks": (33, 20), "dtype": "f8", "filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
    "big-endian": {"chunks": (33, 20), "dtype": "f8", "serializer": zarr.codecs.BytesCodec(endian="big")},
    "dots": {"chunks": (33, 20), "dtype": "f8", "chunk_key_encoding": {"name": "default", "separator": "."}},
    "v2 keys": {"chunks": (33, 20), "dtype": "f8", "chunk_key_encoding": {"name": "v2", "separator": "."}},
    "version 2": {"chunks": (33, 20), "dtype": ">f8", "zarr_format": 2, "order": "F"},
    "version 2, nested": {"chunks": (33, 20), "dtype": "<c8", "zarr_format": 2,
                          "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "int16": {"chunks": (33, 20), "dtype": "i2"},
    "uint8": {"chunks": (33, 20), "dtype": "u1"},
    "bool": {"chunks": (33, 20), "dtype": "bool"},
}  # fmt: skip


def make(url, values, form):
    array = zarr.create_array(url, shape=values.shape, **form)
    array[...] = values
    return array


@pytest.mark.parametrize("name", FORMS)
def test_forms(tmp_path, name):
    form = FORMS[name]
    values = (draw(rng, SHAPE, "complex128" if "c" in form["dtype"] else "float64") * 10).astype(form["dtype"])
    make(str(tmp_path / "a b"), values, form)
    A = open(tmp_path / "a b")
    assert isinstance(A.source, ZarrArray)
    assert A.shape == SHAPE
    assert A.dtype == (np.dtype(form["dtype"]).newbyteorder("=") if values.dtype.kind in "fc" else np.float64)
    np.testing.assert_array_equal(np.asarray(A), values)
    np.testing.assert_array_equal(A.H[3:50, 9], values.conj().T[3:50, 9])
    parts = grid(SHAPE, (41, 23))
    for index in tile_indices(parts):
        tile = A.read_tile(index, parts)
        np.testing.assert_array_equal(tile, values[tuple(p.slice(i) for p, i in zip(parts, index, strict=True))])
        assert tile.flags.f_contiguous
        assert not tile.flags.writeable
        assert tile.dtype == A.dtype
    again = Array.from_json(json.loads(json.dumps(A.to_json())))
    assert (again.shape, again.chunks, again.dtype) == (A.shape, A.chunks, A.dtype)
    np.testing.assert_array_equal(again, values)
    np.testing.assert_array_equal(A.save(tmp_path / "b", chunks=17), values)
    A.delete()
    assert not (tmp_path / "a b").exists()


def test_our_own_form_by_another_hand_is_read_directly(tmp_path):
    values = draw(rng, SHAPE)
    form = {"chunks": (33, 20), "dtype": "f8", "compressors": [zarr.codecs.Crc32cCodec()],
            "filters": [zarr.codecs.TransposeCodec(order=(1, 0))]}  # fmt: skip
    make(str(tmp_path / "a"), values, form)
    A = open(tmp_path / "a")
    assert isinstance(A.source, StoredChunks)
    np.testing.assert_array_equal(A, values)


def test_chunks_that_zarr_left_out_are_the_fill_value(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(4, 4), chunks=(2, 2), dtype="f8", fill_value=3.5)
    np.testing.assert_array_equal(open(tmp_path / "a"), np.full((4, 4), 3.5))


def test_in_a_memory_store():
    store = open_store("memory:foreign")
    inner = zarr.storage.ObjectStore(store.backend)
    values = draw(rng, SHAPE)
    zarr.create_array(inner, name="deep/er", shape=SHAPE, chunks=(30, 30), dtype="f8")[...] = values
    np.testing.assert_array_equal(open("memory:foreign/deep/er"), values)


def test_many_threads_read_at_once(tmp_path):
    values = draw(rng, SHAPE)
    make(str(tmp_path / "a"), values, FORMS["sharded"])
    A = Array.from_json(open(tmp_path / "a").to_json())
    wrong = []

    def work():
        wrong.extend(1 for _ in range(20) if not np.array_equal(A[5:60, 3:50], values[5:60, 3:50]))

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == []


@pytest.mark.parametrize("name", ["sharded", "blosc", "gzip", "plain"])
def test_damage_is_an_error_that_names_the_array(tmp_path, name):
    make(str(tmp_path / "a"), draw(rng, SHAPE), FORMS[name])
    path = max((p for p in (tmp_path / "a/c").rglob("*") if p.is_file()), key=str)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(TileDamagedError, match=r"a\[0:100, 0:70\] is damaged"):
        np.asarray(open(tmp_path / "a"))


def test_an_array_that_changed_since(tmp_path):
    make(str(tmp_path / "a"), draw(rng, SHAPE), FORMS["plain"])
    data = open(tmp_path / "a").to_json()
    open(tmp_path / "a").delete()
    make(str(tmp_path / "a"), draw(rng, (7, 7)), FORMS["plain"])
    with pytest.raises(TileDamagedError, match="Open it again"):
        np.asarray(Array.from_json(data))


def test_what_is_there_instead(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("x")
    zarr.create_group(tmp_path / "group").create_array("inside", shape=(3,), dtype="f8")
    zarr.create_group(tmp_path / "group2", zarr_format=2).create_array("inside", shape=(3,), dtype="f8")
    for name, words in [("file", "it is a file"), ("empty", "there is nothing"), ("nowhere", "no such folder"),
                        ("full", r"notes\.txt"), ("group", "'group', not an array"), ("group2", "inside")]:  # fmt: skip
        with pytest.raises(NotAnArrayError, match=words):
            open(tmp_path / name)
    with pytest.raises(NotAnArrayError, match="there is nothing"):
        open("memory:never-written")


@pytest.mark.parametrize("kind", ["f2", "S3", "M8[s]"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_other_types_are_refused(tmp_path, kind):
    zarr.create_array(tmp_path / "a", shape=(3,), dtype=kind)
    with pytest.raises(TypeError, match="float32, float64"):
        open(tmp_path / "a")


def test_a_single_number_is_refused(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(), dtype="f8")
    with pytest.raises(ValueError, match="single number"):
        open(tmp_path / "a")


# -- hostile metadata --


def metadata(tmp_path):
    eye(6, chunks=4).save(tmp_path / "a")
    return json.loads((tmp_path / "a/zarr.json").read_text())


CHANGES = [
    {"shape": [-1, 6]}, {"shape": [2.5, 6]}, {"shape": "66"}, {"shape": None}, {"shape": [6]},
    {"shape": {"a": 1}}, {"shape": [6] * 100}, {"data_type": "object"}, {"data_type": {"name": "x"}}, {"data_type": 7},
    {"chunk_grid": {}}, {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 4]}}},
    {"chunk_grid": {"name": "rectilinear", "configuration": {"chunk_shape": [4, 4]}}},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [-4, 4]}}}, {"chunk_grid": 3},
    {"chunk_key_encoding": {"name": "../../etc"}}, {"chunk_key_encoding": {"name": "default",
     "configuration": {"separator": "../"}}}, {"codecs": []}, {"codecs": [{"name": "pickle"}]}, {"codecs": 5},
    {"codecs": [{"name": "bytes"}, {"name": "../../x"}]}, {"storage_transformers": [{"name": "x"}]},
    {"node_type": "group"}, {"node_type": None}, {"zarr_format": 4}, {"zarr_format": "3"}, {"fill_value": "x"},
    {"fill_value": {"a": 1}},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_hostile_metadata_are_an_error(tmp_path, change):
    found = metadata(tmp_path)
    (tmp_path / "a/zarr.json").write_text(json.dumps({**found, **change}))
    with pytest.raises((NotAnArrayError, TileDamagedError, TypeError, ValueError)):
        np.asarray(open(tmp_path / "a"))


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", "\x00", "[" * 100_000, '{"zarr_format": 3}', "NaN"])
def test_metadata_that_are_none(tmp_path, text):
    metadata(tmp_path)
    (tmp_path / "a/zarr.json").write_text(text)
    with pytest.raises(NotAnArrayError):
        open(tmp_path / "a")


def test_endless_metadata_are_not_read(tmp_path):
    metadata(tmp_path)
    with (tmp_path / "a/zarr.json").open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte, with no disk behind it
    with pytest.raises(NotAnArrayError, match="1099511627776 bytes"):
        open(tmp_path / "a")


def test_endless_chunks_are_not_read(tmp_path):
    metadata(tmp_path)
    with (tmp_path / "a/c/0/0").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TileDamagedError, match="1099511627776 bytes"):
        np.asarray(open(tmp_path / "a"))


def test_huge_shapes_cost_nothing(tmp_path):
    found = metadata(tmp_path)
    found["shape"] = [10**15, 10**15]
    (tmp_path / "a/zarr.json").write_text(json.dumps(found))
    A = open(tmp_path / "a")
    assert A[10**15 - 1, 3] == 0
    assert A[:4, :4].trace() == 4
    with pytest.raises((MemoryError, ValueError)):  # ValueError: more than NumPy can count
        np.asarray(A)


def test_huge_chunks_of_others_are_refused(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(10**6, 10**6), chunks=(10**6, 10**6), dtype="f8")
    with pytest.raises(NotAnArrayError, match=r"7\.3 TiB"):
        open(tmp_path / "a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ORIGINAL = {
    "zarr_format": 3, "node_type": "array", "shape": [6, 6], "data_type": "float64", "fill_value": 0.0,
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4]}}, "attributes": {},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}},
               {"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
}  # fmt: skip


@given(st.sampled_from(sorted(ORIGINAL)), json_values)
@settings(max_examples=300, deadline=None)
def test_any_metadata_are_ours_or_not_or_an_error(key, value):
    text = json.dumps({**ORIGINAL, key: value}).encode()
    try:
        layout = decode_layout(text, "memory:x")
    except NotAnArrayError:
        return
    assert layout is None or (len(layout.shape) == len(layout.chunks) and min(layout.chunks, default=1) >= 1)
    if key not in ("attributes", "shape", "chunk_grid") and value != ORIGINAL[key]:
        assert layout is None


@given(st.binary(max_size=100))
def test_any_bytes_are_no_metadata(data):
    with pytest.raises(NotAnArrayError):
        decode_layout(data, "memory:x")


def test_fields_that_do_not_matter_are_passed_over(tmp_path):
    found = metadata(tmp_path)
    found["attributes"] = {"title": "mine"}
    found["dimension_names"] = ["x", "y"]
    (tmp_path / "a/zarr.json").write_text(json.dumps(found))
    assert isinstance(open(tmp_path / "a").source, StoredChunks)
    assert asarray(zarr.open_array(tmp_path / "a")).url.endswith("/a")
