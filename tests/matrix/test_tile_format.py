import random
import zlib

import crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matrix.drawn import DTYPES

from numpywren.errors import TileDamagedError
from numpywren.matrix.tile_format import column_major, decode_chunk, decode_npy, encode_chunk, encode_npy

types = st.sampled_from([np.dtype(name) for name in DTYPES])
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=9)
arrays = types.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def joined(parts):
    return b"".join(bytes(part) for part in parts)


@given(arrays, st.lists(st.integers(0, 4), min_size=3, max_size=3), st.sampled_from("CF"))
def test_chunks_come_back(value, more, order):
    chunks = tuple(length + extra for length, extra in zip(value.shape, more, strict=False))
    value = np.array(value, order=order)
    data = joined(encode_chunk(value, chunks, value.dtype))
    found = decode_chunk(data, chunks, value.shape, value.dtype, "t")
    assert found.dtype == value.dtype
    assert found.tobytes() == value.tobytes()
    assert found.flags.f_contiguous
    assert not found.flags.writeable
    # little-endian, column-major, padded, with a checksum at the end
    padded = np.zeros(chunks, value.dtype)
    padded[tuple(map(slice, value.shape))] = value
    assert data[:-4] == padded.T.tobytes()
    assert int.from_bytes(data[-4:], "little") == crc32c.crc32c(data[:-4])


@given(hnp.arrays(hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(32, 64)) | types,
                  hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)))  # fmt: skip
def test_blobs_come_back(value):
    found = decode_npy(joined(encode_npy(value)), "t")
    assert found.dtype == value.dtype.newbyteorder("=")
    assert found.shape == value.shape
    np.testing.assert_array_equal(found, value)
    assert found.flags.f_contiguous
    assert not found.flags.writeable


@given(arrays)
def test_numpy_reads_our_blobs(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    path.write_bytes(joined(encode_npy(value)))
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), value)


def test_full_tiles_are_written_and_read_without_a_copy():
    value = np.asfortranarray(np.random.default_rng(0).standard_normal((64, 48)))
    payload, _ = encode_chunk(value, (64, 48), value.dtype)
    assert np.shares_memory(np.frombuffer(payload, np.uint8), value)
    assert np.shares_memory(np.frombuffer(encode_npy(value)[1], np.uint8), value)
    stored = np.frombuffer(joined(encode_chunk(value, (64, 48), value.dtype)), np.uint8)
    assert np.shares_memory(decode_chunk(stored.data, (64, 48), (64, 48), value.dtype, "t"), stored)
    blob = np.frombuffer(joined(encode_npy(value)), np.uint8)
    assert np.shares_memory(decode_npy(blob.data, "t"), blob)


def test_the_payload_of_a_blob_is_aligned():
    header, _, _ = encode_npy(np.zeros((3, 4)))
    assert len(header) % 64 == 0


def decode(form, data, chunks):
    name = "tile A[1, 2]"
    return decode_npy(data, name) if form == "npy" else decode_chunk(data, chunks, (7, 5), np.dtype("f8"), name)


@pytest.mark.parametrize("form", ["chunk", "npy"])
def test_any_flipped_bit_is_found(form):
    value = np.asfortranarray(np.random.default_rng(1).standard_normal((7, 5)))
    data = joined(encode_chunk(value, (8, 8), value.dtype) if form == "chunk" else encode_npy(value))
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TileDamagedError, match=r"^tile A\[1, 2\] is damaged"):
            decode(form, bytes(flipped), (8, 8))


@pytest.mark.parametrize("form", ["chunk", "npy"])
def test_any_other_length_is_found(form):
    value = np.asfortranarray(np.random.default_rng(1).standard_normal((7, 5)))
    data = joined(encode_chunk(value, (7, 5), value.dtype) if form == "chunk" else encode_npy(value))
    for other in [*(data[:length] for length in range(len(data))), data + b"\0", data + data]:
        with pytest.raises(TileDamagedError):
            decode(form, other, (7, 5))


def sealed(header, payload=b""):
    """A blob with a header of somebody's choice, and the right checksum."""
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload
    return body + crc32c.crc32c(body).to_bytes(4, "little")


HOSTILE = [
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (1000000000000, 1000000000000), }\n",
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (0, 99999999999999999999999), }\n",
    b"{'descr': '|O8', 'fortran_order': True, 'shape': (1,), }\n",
    b"{'descr': '|V8', 'fortran_order': True, 'shape': (1,), }\n",
    b"{'descr': '<M8', 'fortran_order': True, 'shape': (1,), }\n",
    b"{'descr': '<f9', 'fortran_order': True, 'shape': (1,), }\n",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n",
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (-1,), }\n",
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (" + b"1, " * 200 + b"), }\n",
    b"__import__('os').abort()\n",
    b"(" * 1000,
    b"",
]


@pytest.mark.parametrize("header", HOSTILE)
def test_hostile_headers_allocate_and_execute_nothing(header):
    with pytest.raises(TileDamagedError):
        decode_npy(sealed(header, b"12345678"), "t")


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_any_header_is_refused_or_right(header, payload):
    with pytest.raises(TileDamagedError):
        decode_npy(sealed(header, payload), "t")


def test_only_expected_types_are_taken():
    data = joined(encode_npy(np.arange(3)))
    assert decode_npy(data, "t").dtype == np.int64
    with pytest.raises(TileDamagedError, match="int64, where float64"):
        decode_npy(data, "t", ["float64"])


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["a"]), np.array(["2020-01-01"], "M8[D]")])
def test_only_numbers_are_stored(value):
    with pytest.raises(TypeError, match="numbers"):
        encode_npy(value)


@given(arrays, st.sampled_from("CF"))
def test_column_major(value, order):
    value = np.array(value, order=order)
    found = column_major(value, value.dtype)
    assert found.flags.f_contiguous
    assert found.tobytes() == value.tobytes()
    assert (found is value) == value.flags.f_contiguous


def test_column_major_of_large_and_odd_shapes():
    rng = random.Random(0)
    for _ in range(20):
        value = np.random.default_rng(0).random((rng.randrange(1, 400), rng.randrange(1, 400)))
        view = value[:: rng.choice([1, 2, -1]), :: rng.choice([1, 3])]
        np.testing.assert_array_equal(column_major(view, np.dtype("f4")), view.astype("f4"))


def test_the_checksum_is_castagnolis():
    assert crc32c.crc32c(b"123456789") == 0xE3069283 != zlib.crc32(b"123456789")
