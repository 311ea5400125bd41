"""Decompression that never gives more bytes than a chunk can have, however its bytes were made up.

The codecs of zarr and numcodecs give whatever the compressed bytes ask for: a few kilobytes can ask for terabytes. The
metadata of somebody else's array are rewritten to name these codecs instead, each with the number of bytes at which to
stop; see `numpywren.matrix.foreign`.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import numcodecs
import numcodecs.abc
import numcodecs.registry
from zarr.abc.codec import BytesBytesCodec
from zarr.core.buffer.cpu import as_numpy_array_wrapper
from zarr.registry import register_codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BOUNDED", "register_bounded", "stop_at"]

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
#: A block of zstd has at most so many bytes.
_ZSTD_BLOCK = 128 << 10
#: Memory that xz may take for its dictionary.
_XZ_MEMORY = 256 << 20


class _TooManyError(ValueError):
    """A chunk that would have more bytes than it can have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"its compressed bytes stand for more than the {limit} that a chunk has")


def _streamed(make: Callable[[], Any], data: bytes, limit: int) -> bytes:
    """All streams in `data`, one after the other, by a decompressor that can be told when to stop."""
    parts, have = [], 0
    while data:
        stream = make()
        found = stream.decompress(data, limit - have + 1)
        have += len(found)
        if have > limit:
            raise _TooManyError(limit)
        if not stream.eof:
            raise ValueError("its compressed bytes end too early")
        parts.append(found)
        data = stream.unused_data
    return b"".join(parts)


def _deflate(data: bytes, limit: int) -> bytes:
    return _streamed(lambda: zlib.decompressobj(wbits=47), data, limit)  # 47: zlib or gzip, as the header says


def _bz2(data: bytes, limit: int) -> bytes:
    return _streamed(bz2.BZ2Decompressor, data, limit)


def _lzma(data: bytes, limit: int) -> bytes:
    return _streamed(lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), data, limit)


def _blosc(data: bytes, limit: int) -> Any:
    if len(data) < 16 or int.from_bytes(data[12:16], "little") != len(data):
        raise ValueError("it is no blosc buffer")
    if int.from_bytes(data[4:8], "little") > limit:
        raise _TooManyError(limit)
    return numcodecs.get_codec({"id": "blosc"}).decode(data)


def _lz4(data: bytes, limit: int) -> Any:
    if int.from_bytes(data[:4], "little") > limit:
        raise _TooManyError(limit)
    return numcodecs.get_codec({"id": "lz4"}).decode(data)


def _zstd(data: bytes, limit: int) -> Any:
    # the size need not be recorded; then the blocks are counted, which may be shorter than they could be
    known, most = True, 0
    for size, blocks in _zstd_frames(data):
        known = known and size is not None
        most += blocks if size is None else size
    if most > (limit if known else 4 * limit + 8 * _ZSTD_BLOCK):
        raise _TooManyError(limit)
    found = numcodecs.get_codec({"id": "zstd"}).decode(data)
    if len(found) > limit:
        raise _TooManyError(limit)
    return found


def _zstd_frames(data: bytes) -> Iterator[tuple[int | None, int]]:
    """For each frame of zstd, its recorded size, if there is one, and the most that its blocks can give. RFC 8878."""
    place = 0
    while place < len(data):
        magic = data[place : place + 4]
        if len(magic) == 4 and magic[0] & 0xF0 == 0x50 and magic[1:] == b"\x2a\x4d\x18":  # to be skipped
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
            continue
        if magic != _ZSTD_MAGIC or len(data) < place + 6:
            raise ValueError("it is no zstd frame")
        flags = data[place + 4]
        single, content = flags >> 5 & 1, flags >> 6
        start = place + 5 + (not single) + (0, 1, 2, 4)[flags & 3]
        width = (single, 2, 4, 8)[content]
        size = int.from_bytes(data[start : start + width], "little") + (256 if content == 1 else 0) if width else None
        place, most, last = start + width, 0, 0
        while not last:
            header = int.from_bytes(data[place : place + 3], "little")
            last, kind, length = header & 1, header >> 1 & 3, header >> 3
            if len(data) < place + 3 or kind == 3:
                raise ValueError("it is no whole zstd frame")
            most += _ZSTD_BLOCK if kind == 2 else length
            place += 3 + (1 if kind == 1 else length)
        place += 4 * (flags >> 2 & 1)
        yield size, most


#: Name of a codec in metadata → what decodes it, bounded.
BOUNDED: dict[str, Callable[[bytes, int], Any]] = {
    "blosc": _blosc,
    "bz2": _bz2,
    "gzip": _deflate,
    "lz4": _lz4,
    "lzma": _lzma,
    "zlib": _deflate,
    "zstd": _zstd,
}


def stop_at(kind: str, data: Any, limit: int) -> Any:
    """Decompress `data`, of a codec of this name, to at most `limit` bytes.

    Raises
    ------
    ValueError
        If there would be more, or the bytes are damaged.
    """
    return BOUNDED[kind](bytes(memoryview(data).cast("B")), limit)


class _BoundedNumcodec(numcodecs.abc.Codec):  # type: ignore[misc]
    """For arrays of Zarr version 2, and filters."""

    codec_id = "numpywren.bounded"

    def __init__(self, kind: str, limit: int) -> None:
        self.kind, self.limit = kind, limit

    def decode(self, buf: Any, out: Any = None) -> Any:
        return stop_at(self.kind, numcodecs.compat.ensure_contiguous_ndarray(buf), self.limit)

    def encode(self, buf: Any) -> Any:
        raise NotImplementedError("arrays of others are only read")


@dataclass(frozen=True)
class _BoundedCodec(BytesBytesCodec):
    """For arrays of Zarr version 3."""

    kind: str
    limit: int
    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls(**data["configuration"])

    def to_dict(self) -> dict[str, Any]:
        return {"name": "numpywren.bounded", "configuration": {"kind": self.kind, "limit": self.limit}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        raise NotImplementedError

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        def decode() -> Any:
            return as_numpy_array_wrapper(
                lambda data: stop_at(self.kind, data, self.limit), chunk_data, chunk_spec.prototype
            )

        return await asyncio.to_thread(decode)


@cache
def register_bounded() -> None:
    """Make both known to zarr and numcodecs, under a name that nobody else uses."""
    numcodecs.registry.register_codec(_BoundedNumcodec)
    register_codec("numpywren.bounded", _BoundedCodec)
