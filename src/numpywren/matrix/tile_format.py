"""Tiles as bytes: chunks of our Zarr arrays, and ``.npy`` blobs; both column-major, both end in a crc32c."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import crc32c
import numpy as np

from numpywren.errors import TileDamagedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from typing_extensions import Buffer

__all__ = ["CHECKSUM_BYTES", "column_major", "decode_chunk", "decode_npy", "encode_chunk", "encode_npy"]

CHECKSUM_BYTES = 4
#: Rows that are transposed together: one block's cache lines stay in the nearest cache. Three times as fast as all.
_BLOCK = 128
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([<|][a-z]\d{1,2})', 'fortran_order': True, 'shape': \(([\d, ]*)\), \} *\n")
#: A header longer than this is none of ours.
_LONGEST_HEADER = 1024


def column_major(value: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """`value` in column-major order and of type `dtype`: itself if it is that already, else a copy."""
    if value.dtype == dtype and value.flags.f_contiguous and value.flags.aligned:
        return value
    result = np.empty(value.shape, dtype, order="F")
    if value.ndim == 2:
        for start in range(0, value.shape[0], _BLOCK):
            result[start : start + _BLOCK] = value[start : start + _BLOCK]
    else:
        result[...] = value
    return result


def encode_chunk(value: np.ndarray, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Buffer, Buffer]:
    """A tile as a chunk of one of our arrays: little-endian, padded with zeros to the full chunk, and its checksum.

    Parameters
    ----------
    value : ndarray
        The tile, no longer than `chunks` in any dimension.
    chunks : tuple of int
        Shape of a chunk.
    dtype : dtype
        Type of the array.

    Returns
    -------
    payload, checksum : Buffer
        To be stored one after the other; `payload` is a view of `value` where that has the right form.
    """
    stored = dtype.newbyteorder("<")
    if value.shape == chunks:
        full = column_major(value, stored)
    else:
        full = np.zeros(chunks, stored, order="F")
        full[tuple(slice(length) for length in value.shape)] = value
    payload = _bytes_of(full)
    return payload, _checksum(crc32c.crc32c(payload))


def decode_chunk(
    data: Buffer, chunks: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype[Any], name: str
) -> np.ndarray:
    """Tile of `shape` from the bytes of a chunk, read-only and column-major; a full tile is a view of `data`.

    Raises
    ------
    TileDamagedError
        If size or checksum are wrong; it gives `name`.
    """
    view = memoryview(data).cast("B")
    expected = math.prod(chunks) * dtype.itemsize + CHECKSUM_BYTES
    if view.nbytes != expected:
        raise damaged(name, f"it has {view.nbytes} bytes where a chunk has {expected}")
    payload = _verified(view, name)
    full = np.frombuffer(payload, dtype.newbyteorder("<")).reshape(chunks, order="F")
    return _read_only(full[tuple(slice(length) for length in shape)], dtype)


def encode_npy(value: np.ndarray) -> tuple[Buffer, Buffer, Buffer]:
    """An array as a ``.npy`` file, version 1.0, followed by a checksum: header, payload, checksum."""
    if value.dtype.hasobject or value.dtype.kind not in "biufc":
        raise TypeError(f"an array of {value.dtype} cannot be stored; it must be of numbers")
    stored = column_major(value, value.dtype.newbyteorder("<"))
    text = f"{{'descr': {stored.dtype.str!r}, 'fortran_order': True, 'shape': {stored.shape!r}, }}"
    padding = -(len(_MAGIC) + 2 + len(text) + 1) % 64
    header_text = text.encode() + b" " * padding + b"\n"
    header = _MAGIC + len(header_text).to_bytes(2, "little") + header_text
    payload = _bytes_of(stored)
    return header, payload, _checksum(crc32c.crc32c(payload, crc32c.crc32c(header)))


def decode_npy(data: Buffer, name: str, dtypes: Collection[str] | None = None) -> np.ndarray:
    """Array that `encode_npy` stored, read-only; a view of `data`.

    Parameters
    ----------
    data : Buffer
    name : str
        What the error calls it.
    dtypes : collection of str, optional
        Names of the types that are expected; default: any type of number.

    Raises
    ------
    TileDamagedError
        If checksum, header or size are not as stored.
    """
    view = memoryview(data).cast("B")
    if view.nbytes < len(_MAGIC) + 2 + CHECKSUM_BYTES:
        raise damaged(name, f"it has only {view.nbytes} bytes")
    payload = _verified(view, name)
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(payload[len(_MAGIC) : start], "little")
    match = _HEADER.fullmatch(payload[start : min(end, _LONGEST_HEADER)])
    if payload[: len(_MAGIC)] != _MAGIC or match is None:
        raise damaged(name, "its header is not that of a column-major .npy file")
    try:
        dtype = np.dtype(match[1].decode())
        shape = tuple(int(part) for part in match[2].decode().replace(",", " ").split())
    except (TypeError, ValueError):
        raise damaged(name, f"its header names no type and shape: {match[0]!r}") from None
    if dtype.kind not in "biufc" or (dtypes is not None and dtype.newbyteorder("=").name not in dtypes):
        raise damaged(name, f"it is of type {dtype}, where {', '.join(dtypes or ['a number'])} was expected")
    if math.prod(shape) * dtype.itemsize != payload.nbytes - end:
        found = payload.nbytes - end
        raise damaged(name, f"it has {found} bytes of numbers where its shape is {str(shape)[:100]} of {dtype}")
    try:
        array = np.frombuffer(payload[end:], dtype).reshape(shape, order="F")
    except ValueError as error:  # more dimensions, or longer ones, than NumPy has
        raise damaged(name, f"its shape {str(shape)[:100]} cannot be: {error}") from None
    return _read_only(array, dtype.newbyteorder("="))


def damaged(name: str, what: str) -> TileDamagedError:
    """Our exception for a tile whose bytes cannot be right."""
    return TileDamagedError(
        f"{name} is damaged: {what}; if it is the result of a run, delete it and resume the run, "
        f"otherwise restore it from where it came"
    )


def _bytes_of(value: np.ndarray) -> memoryview:
    # A column-major array is a row-major one with its axes reversed; `reshape` then copies nothing.
    return value.T.reshape(-1).view(np.uint8).data


def _checksum(value: int) -> bytes:
    return value.to_bytes(CHECKSUM_BYTES, "little")


def _verified(view: memoryview, name: str) -> memoryview:
    payload = view[:-CHECKSUM_BYTES]
    recorded = int.from_bytes(view[-CHECKSUM_BYTES:], "little")
    found = crc32c.crc32c(payload)
    if found != recorded:
        raise damaged(name, f"its checksum is {found:08x} where {recorded:08x} was recorded")
    return payload


def _read_only(value: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    result = column_major(value, dtype)
    result.flags.writeable = False
    return result
