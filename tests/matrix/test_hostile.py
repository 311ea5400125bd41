"""Arrays made by somebody who means harm: an error in words, never their code, our memory, or another's files."""

import bz2
import contextlib
import functools
import gzip
import json
import lzma
import pickle
import resource
import struct
import zlib

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numpywren.errors import NotAnArrayError, TileDamagedError
from numpywren.matrix import open, open_store
from numpywren.matrix.bounded_codecs import BOUNDED, stop_at
from numpywren.matrix.sources import ZarrArray
from numpywren.matrix.tile_format import decode_npy, encode_npy

#: What a hostile array may be answered with.
ANSWERS = (NotAnArrayError, TileDamagedError, TypeError, ValueError)
RAW = np.arange(4096.0)


@pytest.fixture
def little_memory():
    """This process may take 1 GiB more than it has, so that a bomb is an error here and not on the whole machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with __import__("pathlib").Path("/proc/self/statm").open() as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def version_2(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"zarr_format": 2, "shape": [64, 64], "chunks": [64, 64], "dtype": "<f8", "compressor": None,
             "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
    (folder / ".zarray").write_text(json.dumps({**plain, **changes}))


def version_3(folder, codecs, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        "zarr_format": 3, "node_type": "array", "shape": [64, 64], "data_type": "float64", "fill_value": 0.0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 64]}}, "attributes": {},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "codecs": codecs,
    }  # fmt: skip
    (folder / "zarr.json").write_text(json.dumps({**plain, **changes}))


LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"__import__('os').mkdir({str(self.path)!r})",))


@pytest.mark.parametrize("where", ["filters", "compressor"])
@pytest.mark.parametrize("dtype", ["<f8", "|O"])
def test_pickles_are_not_opened(tmp_path, where, dtype):
    trap = tmp_path / "trap"
    changes = {"filters": [{"id": "pickle"}]} if where == "filters" else {"compressor": {"id": "pickle"}}
    version_2(tmp_path / "a", dtype=dtype, **changes)
    (tmp_path / "a/0.0").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(ANSWERS, match=r"pickle|numbers"):
        np.asarray(open(tmp_path / "a"))
    assert not trap.exists()


def test_the_trap_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "trap")))
    assert (tmp_path / "trap").exists()


@pytest.mark.parametrize("codec", ["json2", "msgpack2", "vlen-utf8", "categorize", "packbits", "base64", "n5_wrapper"])
def test_other_codecs_are_refused_by_name(tmp_path, codec):
    version_2(tmp_path / "a", compressor={"id": codec})
    with pytest.raises(NotAnArrayError, match=rf"{codec}.*gzip"):
        open(tmp_path / "a")
    version_3(tmp_path / "b", [LITTLE, {"name": f"numcodecs.{codec}"}])
    with pytest.raises(NotAnArrayError, match=rf"{codec}.*gzip"):
        open(tmp_path / "b")


def zeros_zlib(nbytes, wbits=15):
    packer, block = zlib.compressobj(9, wbits=wbits), bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(nbytes >> 20)), packer.flush()])


def zeros_zstd(nbytes, claimed=None):
    head = bytes([0x00, 0x58]) if claimed is None else bytes([0xC0, 0x58]) + struct.pack("<Q", claimed)
    count = nbytes >> 17
    blocks = [struct.pack("<I", (1 << 20) | 2 | (number == count - 1))[:3] + b"\0" for number in range(count)]
    return struct.pack("<I", 0xFD2FB528) + head + b"".join(blocks)


HUGE = 8 << 30
BOMBS = {
    "gzip": lambda: zeros_zlib(64 << 20, 31) * 64,
    "zlib": lambda: zeros_zlib(128 << 20),
    "bz2": lambda: bz2.compress(bytes(32 << 20)) * 256,
    "lzma": lambda: lzma.compress(bytes(32 << 20)) * 256,
    "zstd": lambda: zeros_zstd(HUGE),
    "zstd, honest": lambda: zeros_zstd(HUGE, HUGE),
    "zstd, terabytes": lambda: zeros_zstd(1 << 20, 1 << 40),
    "zstd, many frames": lambda: zeros_zstd(1 << 17) * 20_000,
    "zstd, lying": lambda: zeros_zstd(HUGE, 100),
    "blosc": lambda: struct.pack("<BBBBIII", 2, 1, 1, 8, 0x7FFFFFFF, 1 << 20, 16 + 64) + bytes(64),
    "lz4": lambda: struct.pack("<I", 0x7FFFFFFF) + bytes(64),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_give_an_error_and_take_no_memory(tmp_path, name, little_memory):
    bomb, kind = BOMBS[name](), name.partition(",")[0]
    version_2(tmp_path / "a", compressor={"id": kind})
    (tmp_path / "a/0.0").write_bytes(bomb)
    version_3(tmp_path / "b", [LITTLE, {"name": kind if kind in ("gzip", "zstd", "blosc") else f"numcodecs.{kind}"}])
    (tmp_path / "b/c/0").mkdir(parents=True)
    (tmp_path / "b/c/0/0").write_bytes(bomb)
    for place in ("a", "b"):
        with pytest.raises(TileDamagedError):
            np.asarray(open(tmp_path / place))


def test_bombs_inside_of_shards(tmp_path, little_memory):
    inner = [LITTLE, {"name": "zstd"}]
    shard = {"name": "sharding_indexed", "configuration": {"chunk_shape": [32, 64], "codecs": inner}}
    version_3(tmp_path / "a", [shard])
    bomb = zeros_zstd(HUGE)
    index = struct.pack("<QQQQ", 0, len(bomb), 0, len(bomb))
    (tmp_path / "a/c/0").mkdir(parents=True)
    (tmp_path / "a/c/0/0").write_bytes(bomb + index)
    with pytest.raises(TileDamagedError):
        open(tmp_path / "a")[:32]


@pytest.mark.parametrize("place", [(0, 1 << 62), (1 << 62, 10), (2**64 - 2, 5), (5, 2**64 - 3)])
def test_shards_that_refer_to_elsewhere(tmp_path, place, little_memory):
    shard = {"name": "sharding_indexed", "configuration": {"chunk_shape": [32, 64], "codecs": [LITTLE]}}
    version_3(tmp_path / "a", [shard])
    (tmp_path / "a/c/0").mkdir(parents=True)
    (tmp_path / "a/c/0/0").write_bytes(bytes(100) + struct.pack("<QQQQ", *place, *place))
    A = open(tmp_path / "a")
    for region in (np.s_[:32], np.s_[:]):
        with pytest.raises(ANSWERS):
            A[region]


def test_shards_of_too_many_chunks_and_shards_of_shards(tmp_path):
    def shard(length, codecs):
        return {"name": "sharding_indexed", "configuration": {"chunk_shape": [length, length], "codecs": codecs}}

    grid = {"name": "regular", "configuration": {"chunk_shape": [10_000, 10_000]}}
    version_3(tmp_path / "a", [shard(1, [LITTLE])], shape=[10_000, 10_000], chunk_grid=grid)
    with pytest.raises(NotAnArrayError, match="100000000 chunks"):
        open(tmp_path / "a")
    version_3(tmp_path / "b", [shard(32, [shard(16, [LITTLE])])])
    with pytest.raises(NotAnArrayError, match="sharding_indexed"):
        open(tmp_path / "b")
    version_3(tmp_path / "c", [{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [32, 32], "codecs": [LITTLE], "index_codecs": [LITTLE, {"name": "gzip"}]}}])  # fmt: skip
    with pytest.raises(NotAnArrayError, match="index"):
        open(tmp_path / "c")


@pytest.mark.parametrize("name", ["a/0.0", "b/c/0/0"])
def test_endless_chunks_of_others_are_not_read(tmp_path, name, little_memory):
    version_2(tmp_path / "a")
    version_3(tmp_path / "b", [LITTLE])
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TileDamagedError, match="1099511627776 bytes"):
        np.asarray(open(tmp_path / name[0]))


def test_chunks_of_single_numbers_take_no_more_memory_than_their_numbers(tmp_path, little_memory):
    grid = {"name": "regular", "configuration": {"chunk_shape": [1, 1]}}
    version_3(tmp_path / "a", [LITTLE], chunk_grid=grid, shape=[100_000, 100_000])
    A = open(tmp_path / "a")
    assert not A[:75, 99_930:].any()  # 5250 chunks, none of which is there


@pytest.mark.parametrize("dtype", ["<U1000000000", "|V2147483647", "|O", "<M8[ns]", [["a", "<f8"]], "f8,O", "junk", 7])
def test_types_that_are_none(tmp_path, dtype):
    version_2(tmp_path / "a", dtype=dtype)
    with pytest.raises(ANSWERS):
        open(tmp_path / "a")
    version_2(tmp_path / "b", filters=[{"id": "astype", "encode_dtype": "<f8", "decode_dtype": dtype}])
    with pytest.raises(ANSWERS):
        open(tmp_path / "b")


def test_links_out_of_an_array_are_those_of_the_file_system_not_of_the_metadata(tmp_path):
    (tmp_path / "secret").write_bytes(np.full((64, 64), 7.0).tobytes())
    for separator in ("../", "/../../", ".."):
        encoding = {"name": "default", "configuration": {"separator": separator}}
        version_3(tmp_path / "a", [LITTLE], chunk_key_encoding=encoding)
        with pytest.raises(ANSWERS):
            np.asarray(open(tmp_path / "a"))
        version_2(tmp_path / "b", dimension_separator=separator)
        with pytest.raises(ANSWERS):
            np.asarray(open(tmp_path / "b"))


@functools.cache
def encoders():
    raw = RAW.tobytes()
    return {
        "gzip": gzip.compress(raw), "zlib": zlib.compress(raw), "bz2": bz2.compress(raw), "lzma": lzma.compress(raw),
        "zstd": bytes(numcodecs.Zstd().encode(raw)), "blosc": bytes(numcodecs.Blosc().encode(raw)),
        "lz4": bytes(numcodecs.LZ4().encode(raw)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", BOUNDED)
def test_bounded_codecs_give_what_went_in(kind):
    data = encoders()[kind]
    assert bytes(stop_at(kind, data, RAW.nbytes)) == RAW.tobytes()
    with pytest.raises(ValueError, match="more than the"):
        stop_at(kind, data, RAW.nbytes - 1)
    for cut in (1, 3, len(data) // 2):
        with pytest.raises((ValueError, RuntimeError, OSError, EOFError, zlib.error, lzma.LZMAError)):
            stop_at(kind, data[:-cut], RAW.nbytes)


def test_several_frames_and_no_recorded_size():
    assert stop_at("gzip", gzip.compress(b"ab") + gzip.compress(b"cd"), 4) == b"abcd"
    assert bytes(stop_at("zstd", zeros_zstd(1 << 20), 1 << 20)) == bytes(1 << 20)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("form", [2, 3])
def test_what_others_wrote_is_read_as_before(tmp_path, kind, form):
    values = np.random.default_rng(3).standard_normal((100, 70))
    codec = {2: {"gzip": numcodecs.GZip(), "zstd": numcodecs.Zstd()},
             3: {"gzip": zarr.codecs.GzipCodec(), "zstd": zarr.codecs.ZstdCodec(checksum=True)}}  # fmt: skip
    array = zarr.create_array(
        tmp_path / "a", shape=values.shape, chunks=(33, 20), dtype="f8", zarr_format=form, compressors=codec[form][kind]
    )
    array[...] = values
    A = open(tmp_path / "a")
    assert isinstance(A.source, ZarrArray)
    np.testing.assert_array_equal(A, values)


# -- anything at all --

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = st.integers(-(2**70), 2**70) | st.sampled_from([0, 1, -1, 2**31, 2**53, 2**63, 2**64])
anything = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["gzip", "../x", "bytes"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "configuration", "id", "chunk_shape", "codecs", "order"]), inner)
    ),
    max_leaves=8,
)
FIELDS_2 = ["shape", "chunks", "dtype", "compressor", "filters", "fill_value", "order", "zarr_format"]
FIELDS_3 = ["shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value", "storage_transformers"]


def look(url, *, into=True):
    """Open what is there and read a corner of it, as a user would."""
    A = open(url)
    assert min(A.shape) >= 0
    if into:
        assert A[tuple(slice(0, 2) for _ in A.shape)].dtype == A.dtype


@QUICK
@given(field=st.sampled_from(FIELDS_2), value=anything, data=st.binary(max_size=50))
def test_any_metadata_of_version_2(tmp_path, field, value, data):
    version_2(tmp_path / "a", **{field: value})
    (tmp_path / "a/0.0").write_bytes(data)
    with contextlib.suppress(ANSWERS):
        look(tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@QUICK
@given(field=st.sampled_from(FIELDS_3), value=anything, data=st.binary(max_size=50))
def test_any_metadata_of_version_3(tmp_path, field, value, data):
    codecs = [{"name": "transpose", "configuration": {"order": [0, 1]}}, LITTLE]
    version_3(tmp_path / "a", codecs, **({field: value} if field != "codecs" else {}))
    if field == "codecs":
        version_3(tmp_path / "a", value)
    (tmp_path / "a/c/0").mkdir(parents=True, exist_ok=True)
    (tmp_path / "a/c/0/0").write_bytes(data)
    with contextlib.suppress(ANSWERS):
        look(tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@QUICK
@given(kind=st.sampled_from(sorted(BOUNDED)), data=st.binary(max_size=200), at=st.integers(0, 300), whole=st.booleans())
def test_any_bytes_are_decompressed_within_bounds(kind, data, at, whole):
    good = encoders()[kind]
    data = good[:at] + data + good[at + len(data) :] if whole else data
    with contextlib.suppress(ValueError, RuntimeError, OSError, EOFError, zlib.error, lzma.LZMAError):
        assert len(stop_at(kind, data, RAW.nbytes)) <= RAW.nbytes


@QUICK
@given(header=st.binary(max_size=120), at=st.integers(0, 200))
def test_any_blob_is_an_array_of_numbers_or_damaged(header, at):
    good = b"".join(map(bytes, encode_npy(np.arange(6.0).reshape(2, 3))))
    try:
        found = decode_npy(good[:at] + header + good[at + len(header) :], "it")
    except TileDamagedError:
        return
    np.testing.assert_array_equal(found, np.arange(6.0).reshape(2, 3))


@QUICK
@given(st.text(max_size=20))
def test_no_key_leads_out_of_a_store(tmp_path, key):
    store = open_store(tmp_path / "in/side")
    with contextlib.suppress(ValueError, OSError):
        store.put(key, b"x")
    assert all(path.is_relative_to(tmp_path / "in/side") for path in tmp_path.rglob("*") if path.is_file())
