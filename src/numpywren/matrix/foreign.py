"""Opening arrays that somebody else stored, who may mean harm: what zarr-python is shown, and what it may read.

Metadata are looked at before zarr sees them: only codecs on a list are let through, none of which runs code or gives
other bytes than numbers, and those that decompress are replaced by ones with a bound. Objects larger than a chunk
can be are not read.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from numpywren.errors import NotAnArrayError, TileDamagedError, TileMissingError
from numpywren.matrix.bounded_codecs import BOUNDED, register_bounded
from numpywren.matrix.zarr_format import LARGEST_METADATA, METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from zarr.core.buffer import Buffer, BufferPrototype

    from numpywren.matrix import store as stores

__all__ = ["open_foreign"]

#: Codecs of version 3 that neither decompress nor run anything.
_PLAIN = ("bytes", "transpose", "crc32c")
#: Filters of numcodecs that give as many numbers as they are given.
_FILTERS = ("delta", "fixedscaleoffset", "shuffle", "quantize", "bitround", "astype", "crc32", "crc32c", "adler32")
_NUMBERS = "biufc"
#: Chunks of a shard, each of which takes 16 bytes of an index that is read as a whole.
_MOST_IN_SHARD = 1 << 22
#: A compressed chunk is not longer than the chunk itself, but for headers and numbers that did not shrink.
_SLACK = 1 << 16


def open_foreign(store: stores.Store) -> Any:
    """The Zarr array in a store, of version 2 or 3, to be read only.

    Raises
    ------
    NotAnArrayError
        If zarr-python cannot read it, or it asks for what is not safe to do.
    StoreError
        If the store refuses.
    """
    import zarr

    register_bounded()
    documents, size = _documents(store)
    try:
        shown = _ReadOnly(store, documents, size)
        return zarr.open_array(shown, mode="r", config={"order": "F"})
    except Exception as error:  # whatever its many codecs and parsers raise, it is one thing to our caller
        raise NotAnArrayError(f"{store.url} holds no array that zarr-python can open: {error}") from error


def _documents(store: stores.Store) -> tuple[dict[str, bytes], int]:
    """What zarr is shown as the array's metadata, and the most bytes that one of its objects can have."""
    for key, check in ((METADATA_KEY, _version_3), (".zarray", _version_2)):
        try:
            data = bytes(store.get(key, at_most=LARGEST_METADATA))
            found = json.loads(data)
            size = check(found)
        except TileMissingError:
            continue
        except NotAnArrayError as error:
            raise NotAnArrayError(f"{store.url} is not opened: {error}") from None
        except TileDamagedError as error:
            raise NotAnArrayError(str(error)) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            raise NotAnArrayError(f"{store.url_of(key)} describes no array: {error!r}") from None
        return {key: json.dumps(found).encode()}, size
    raise NotAnArrayError(f"{store.url} holds no Zarr array; {store.contents()}")


def _version_3(found: Any) -> int:
    """Check and rewrite metadata of version 3; returns the most bytes that an object can have."""
    chunks = _lengths(found["chunk_grid"]["configuration"]["chunk_shape"])
    if found["chunk_grid"]["name"] != "regular" or found.get("storage_transformers"):
        raise NotAnArrayError("its chunks form no regular grid, or are transformed; store it as a plain array")
    found["attributes"] = {}
    found.pop("consolidated_metadata", None)
    nbytes = math.prod(chunks) * _itemsize(found["data_type"])
    found["codecs"], size = _codecs(found["codecs"], chunks, nbytes)
    return size


def _codecs(codecs: list[Any], chunks: tuple[int, ...], nbytes: int, *, inner: bool = False) -> tuple[list[Any], int]:
    """Codecs as zarr is to see them, and the most bytes that they make of a chunk."""
    result, size = [], _bound(nbytes)
    for codec in codecs:
        name, options = (codec, {}) if isinstance(codec, str) else (codec["name"], codec.get("configuration") or {})
        kind = name.removeprefix("numcodecs.")
        if name in _PLAIN:
            result.append(codec)
        elif kind in BOUNDED:
            result.append({"name": "numpywren.bounded", "configuration": {"kind": kind, "limit": size}})
        elif name.startswith("numcodecs.") and kind in _FILTERS:
            _check_types(options)
            result.append(codec)
        elif name == "sharding_indexed" and not inner:
            parts = _lengths(options["chunk_shape"])
            count = math.prod(-(-a // b) for a, b in zip(chunks, parts, strict=True))
            if count > _MOST_IN_SHARD:
                raise NotAnArrayError(f"a shard has {count} chunks, and {_MOST_IN_SHARD} at most are read")
            own, most = _codecs(options["codecs"], parts, nbytes * math.prod(parts) // math.prod(chunks), inner=True)
            # the index is read as a whole, and its size must not depend on its bytes
            index = options.get("index_codecs") or [{"name": "bytes", "configuration": {"endian": "little"}}]
            if any((one if isinstance(one, str) else one["name"]) not in _PLAIN for one in index):
                raise NotAnArrayError("the index of its shards is compressed")
            result.append({"name": name, "configuration": {**options, "codecs": own, "index_codecs": index}})
            size = most * count + 16 * count + _SLACK
        else:
            raise NotAnArrayError(_refused(name))
    return result, size


def _version_2(found: Any) -> int:
    """Check and rewrite metadata of version 2; returns the most bytes that an object can have."""
    if found.get("zarr_format") != 2:
        raise NotAnArrayError(f"its Zarr version is {found.get('zarr_format')!r}, where 2 was expected")
    size = _bound(math.prod(_lengths(found["chunks"])) * _numeric(found["dtype"]).itemsize)
    steps = [*(found.get("filters") or ()), *([found["compressor"]] if found.get("compressor") else ())]
    result = []
    for step in steps:
        kind = step["id"]
        if kind in BOUNDED:
            result.append({"id": "numpywren.bounded", "kind": kind, "limit": size})
        elif kind in _FILTERS:
            _check_types(step)
            result.append(step)
        else:
            raise NotAnArrayError(_refused(kind))
    if found.get("compressor"):
        found["compressor"] = result.pop()
    found["filters"] = result or None
    return size


def _refused(name: Any) -> str:
    known = ", ".join(sorted({*_PLAIN, *BOUNDED, *_FILTERS, "sharding_indexed"}))
    return f"its codec {name!r} is none that is safe to run on bytes of others; store it with some of {known}"


def _bound(nbytes: int) -> int:
    return nbytes + nbytes // 8 + _SLACK


def _lengths(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or len(values) > 32 or not all(type(value) is int for value in values):
        raise ValueError(f"chunks must be up to 32 whole numbers, not {str(values)[:80]}")
    if not all(1 <= value < 2**53 for value in values):
        raise ValueError(f"chunks must be positive lengths, not {str(values)[:80]}")
    return tuple(values)


def _itemsize(name: Any) -> int:
    """Bytes of a number of a type of version 3; the largest there is for types that are refused later anyway."""
    try:
        return _numeric(name).itemsize
    except (TypeError, ValueError):
        return 16


def _numeric(name: Any) -> np.dtype[Any]:
    """A type of numbers.

    Raises
    ------
    TypeError
        If it is of something else.
    """
    if not isinstance(name, str):
        raise TypeError(f"numbers of a simple type were wanted, not {str(name)[:80]}")
    dtype = np.dtype(name)
    if dtype.kind not in _NUMBERS:
        raise TypeError(f"numbers were wanted, not {dtype}")
    return dtype


def _check_types(options: dict[str, Any]) -> None:
    """See that a filter makes numbers of numbers: text of any length could come of others."""
    for key in ("dtype", "astype", "encode_dtype", "decode_dtype"):
        if options.get(key) is not None and _numeric(options[key]).itemsize > 16:
            raise NotAnArrayError(f"its filter makes numbers of {options[key]!r}, which are too long")


class _ReadOnly(Store):
    """One of our stores as zarr-python sees it: checked metadata, bounded objects, nothing written."""

    supports_writes = supports_deletes = supports_listing = False

    def __init__(self, store: stores.Store, documents: dict[str, bytes], most: int) -> None:
        super().__init__(read_only=True)
        self._store, self._documents, self._most = store, documents, most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ReadOnly) and self._store == other._store

    def __hash__(self) -> int:
        return hash(self._store)

    def __str__(self) -> str:
        return self._store.url

    async def get(self, key: str, prototype: BufferPrototype, byte_range: Any = None) -> Buffer | None:
        """Bytes of a chunk, or of metadata as they were checked."""
        if key in (METADATA_KEY, ".zarray", ".zattrs"):
            found = self._documents.get(key)
            return None if found is None else prototype.buffer.from_bytes(found)
        try:
            data = await asyncio.to_thread(self._read, key, byte_range)
        except TileMissingError:
            return None
        return prototype.buffer.from_array_like(np.frombuffer(data, np.uint8))

    def _read(self, key: str, wanted: Any) -> Any:
        start: int | None
        if wanted is None:
            return self._store.get(key, at_most=self._most)
        if isinstance(wanted, RangeByteRequest):
            start, length = wanted.start, wanted.end - wanted.start
        elif isinstance(wanted, SuffixByteRequest):
            start, length = None, wanted.suffix
        elif isinstance(wanted, OffsetByteRequest):
            start, length = wanted.offset, self._most - wanted.offset
        else:
            raise TypeError(f"a range of bytes was wanted, not {wanted!r}")
        if not 0 <= length <= self._most or (start or 0) < 0:
            raise TileDamagedError(
                f"{self._store.url_of(key)} refers to {length} of its own bytes, more than it can have"
            )
        return self._store.get_range(key, start, length)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, Any]]
    ) -> list[Buffer | None]:
        """Several at once."""
        return [await self.get(key, prototype, wanted) for key, wanted in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return key in self._documents or await asyncio.to_thread(self._store.exists, key)

    async def set(self, key: str, value: Buffer) -> None:
        """Never."""
        raise PermissionError("arrays of others are only read")

    async def delete(self, key: str) -> None:
        """Never."""
        raise PermissionError("arrays of others are only read")

    async def list(self) -> AsyncIterator[str]:
        """Nothing: who opens an array need not know what else there is."""
        for key in self._documents:
            yield key

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Nothing, as `list`."""
        return self.list()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Nothing, as `list`."""
        return self.list()
