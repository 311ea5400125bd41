"""Where the numbers of an array come from: our own chunks, somebody else's Zarr array, or nothing but a rule."""

from __future__ import annotations

import errno
import math
import threading
from abc import ABC, abstractmethod
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.config import format_bytes
from numpywren.errors import NotAnArrayError, StoreError, TileDamagedError, TileMissingError, UnfinishedArrayError
from numpywren.matrix.auto_chunks import tile_chunks
from numpywren.matrix.dtypes import DTYPES, STORED_DTYPES, matrix_dtype
from numpywren.matrix.partition import grid
from numpywren.matrix.schemes import open_store
from numpywren.matrix.tile_format import CHECKSUM_BYTES, column_major, damaged, decode_chunk, encode_chunk
from numpywren.matrix.zarr_format import (
    LARGEST_METADATA,
    METADATA_KEY,
    Layout,
    chunk_index,
    chunk_key,
    decode_layout,
    encode_layout,
    is_whole,
    made_for,
    mark_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from typing_extensions import Buffer

    from numpywren.matrix.scratch import Scratch
    from numpywren.matrix.store import Store

__all__ = ["Identity", "Source", "StoredChunks", "ZarrArray", "Zeros", "open_source"]

#: Bytes of a chunk beyond which an array that somebody else stored is refused.
LARGEST_CHUNK = 8 << 30
#: Chunks of such an array that are read at once.
MOST_CHUNKS = 1 << 12


class Source(ABC):
    """Numbers of an array, in pieces.

    Attributes
    ----------
    layout : Layout
        Shape, tile shape and type.
    url : str or None
        Where it is stored; None if it is not.
    stored_chunks : tuple of int
        Shape of the pieces in which it is best read; default: tiles.
    description : str
        What it is if it is not stored.
    modules : tuple of str
        Modules that a reading process must be allowed to load from.
    owner : Scratch or None
        What deletes the things that it has written down for other processes.
    """

    layout: Layout
    url: str | None = None
    description: str = ""
    owner: Scratch | None = None
    modules: tuple[str, ...] = ()

    @property
    def stored_chunks(self) -> tuple[int, ...]:  # noqa: D102 (with the class)
        return self.layout.chunks

    @property
    def owners(self) -> tuple[Scratch, ...]:
        """What deletes things that it is read from."""
        return () if self.owner is None else (self.owner,)

    @abstractmethod
    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        """Numbers in a region with bounds ``0 <= start <= stop <= length`` and no steps; the caller's own."""

    def read_tile(self, index: tuple[int, ...], name: str | None = None) -> np.ndarray | None:
        """One tile, read-only and column-major; None if it was never written. Errors call it `name`."""
        parts = grid(self.layout.shape, self.layout.chunks)
        tile = self.read(tuple(part.slice(position) for part, position in zip(parts, index, strict=True)))
        tile.flags.writeable = False
        return tile

    def exists(self) -> bool:
        """Whether the array is still where it was found or made, in the same form."""
        return True

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Data from which another process can make the same source."""


class StoredChunks(Source):
    """A Zarr array in our own form, each chunk of it read and written as one object.

    Parameters
    ----------
    store : Store
        Where its ``zarr.json`` is, or will be.
    layout : Layout
    """

    def __init__(self, store: Store, layout: Layout) -> None:
        self.store, self.layout, self.url = store, layout, store.url
        self._parts = grid(layout.shape, layout.chunks)

    @property
    def chunk_bytes(self) -> int:
        """Bytes of every chunk, as stored."""
        return math.prod(self.layout.chunks) * self.layout.dtype.itemsize + CHECKSUM_BYTES

    def tile_shape(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a tile; shorter than a chunk at the edge."""
        return tuple(part.size(position) for part, position in zip(self._parts, index, strict=True))

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        result = np.zeros([part.stop - part.start for part in region], self.layout.dtype, order="F")
        touched = [cut.touching(part.start, part.stop) for cut, part in zip(self._parts, region, strict=True)]
        looked = False
        for index in product(*touched):
            tile = self.read_tile(index)
            if tile is None:
                if not looked:
                    self.check_exists()
                looked = True
                continue
            inner, outer = [], []
            for cut, position, part in zip(self._parts, index, region, strict=True):
                lies = cut.slice(position)
                start, stop = max(lies.start, part.start), min(lies.stop, part.stop)
                inner.append(slice(start - lies.start, stop - lies.start))
                outer.append(slice(start - part.start, stop - part.start))
            result[tuple(outer)] = tile[tuple(inner)]
        return result

    def read_tile(self, index: tuple[int, ...], name: str | None = None) -> np.ndarray | None:  # noqa: D102
        key = chunk_key(index)
        named = f"{name or 'the tile'} at {self.store.url_of(key)}"
        shape = self.tile_shape(index)

        def decode(data: Buffer) -> np.ndarray:
            return decode_chunk(data, self.layout.chunks, shape, self.layout.dtype, named)

        try:
            return self.store.get_decoded(key, decode, at_most=self.chunk_bytes)
        except TileMissingError:
            return None
        except TileDamagedError as error:
            if named in str(error):
                raise
            raise damaged(named, str(error)) from error

    def write_tile(self, index: tuple[int, ...], value: np.ndarray) -> int:
        """Store one tile, whatever its numbers; returns the bytes written."""
        shape = self.tile_shape(index)
        if value.shape != shape:
            raise ValueError(f"tile {index} of {self.url} has the shape {shape}; it was given one of {value.shape}")
        if not np.can_cast(value.dtype, self.layout.dtype, "same_kind"):
            raise TypeError(f"{self.url} is of {self.layout.dtype}; it cannot take a tile of {value.dtype}")
        return self.store.put(chunk_key(index), *encode_chunk(value, self.layout.chunks, self.layout.dtype))

    def delete_tile(self, index: tuple[int, ...]) -> None:
        """Delete one tile; no error if it is not there."""
        self.store.delete([chunk_key(index)])

    def check_exists(self) -> None:
        """See that a tile that is not there is one that was never written, not one that went with its array.

        Raises
        ------
        TileMissingError
            If there is no such array any more.
        """
        if not self.exists():
            raise TileMissingError(errno.ENOENT, f"the array at {self.url} is not there any more, or is another one")

    def exists(self) -> bool:  # noqa: D102 (inherited)
        try:
            return decode_layout(self.store.get(METADATA_KEY, at_most=LARGEST_METADATA), self.store.url) == self.layout
        except TileMissingError:
            return False

    def made_for(self, run: str) -> bool:
        """Whether the array was made to be written by the run at this URL."""
        try:
            data = self.store.get(METADATA_KEY, at_most=LARGEST_METADATA)
        except TileMissingError:
            return False
        return made_for(data) == mark_of(run)

    def finish(self, run: str) -> None:
        """Write down that the run at this URL, if the array was made for it, has written all of it."""
        data = self.store.get(METADATA_KEY, at_most=LARGEST_METADATA)
        if made_for(data) == mark_of(run) and not is_whole(data):
            self.store.put(METADATA_KEY, encode_layout(self.layout, run, whole=True))

    def existing(self) -> Iterator[tuple[int, ...]]:
        """Indices of the tiles that are stored, and whole."""
        for entry in self.store.entries("c"):
            index = chunk_index(entry.key)
            if index is None or len(index) != len(self._parts) or entry.nbytes != self.chunk_bytes:
                continue
            if all(position < part.tiles for position, part in zip(index, self._parts, strict=True)):
                yield index

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        return {"kind": "stored", "url": self.url, **layout_to_json(self.layout)}


class ZarrArray(Source):
    """An array that somebody else stored, read through zarr-python whatever its chunks and codecs.

    Parameters
    ----------
    store : Store
        Where its metadata are.
    expected : Layout, optional
        What it was when it was first opened; default: look now.

    Raises
    ------
    NotAnArrayError
        If zarr-python cannot read it.
    TypeError
        If its numbers are of no type that we compute with.
    """

    def __init__(self, store: Store, expected: Layout | None = None) -> None:
        self.store, self.url = store, store.url
        self._lock, self._opened = threading.Lock(), None
        self.layout = expected or self._look()

    def _array(self) -> Any:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        # Half a second to import: not for those who only use arrays of our own.
        from numpywren.matrix.foreign import open_foreign

        return open_foreign(self.store)

    def _look(self) -> Layout:
        array = self._array()
        shape = tuple(int(length) for length in array.shape)
        if not shape:
            raise ValueError(f"{self.url} holds a single number; an array with at least one dimension was wanted")
        try:
            dtype = matrix_dtype(array.dtype)
        except TypeError as error:
            raise TypeError(f"{self.url}: {error}") from None
        stored = tuple(max(1, int(length)) for length in array.chunks)
        nbytes = math.prod(stored) * array.dtype.itemsize
        if nbytes > LARGEST_CHUNK:
            raise NotAnArrayError(
                f"{self.url} is stored in chunks of {format_bytes(nbytes)}, each to be read as a whole; "
                f"{format_bytes(LARGEST_CHUNK)} is the most: store it in smaller chunks"
            )
        return Layout(shape, tile_chunks(shape, stored, dtype.itemsize), dtype)

    @property
    def stored_chunks(self) -> tuple[int, ...]:  # noqa: D102 (inherited)
        array = self._array()
        return tuple(max(1, int(length)) for length in array.shards or array.chunks)

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        array = self._array()
        if tuple(array.shape) != self.layout.shape or matrix_dtype(array.dtype) != self.layout.dtype:
            raise TileDamagedError(
                f"{self.url} is now of shape {tuple(array.shape)} and {array.dtype}; when it was opened it had "
                f"{self.layout.shape} and {self.layout.dtype}. Open it again"
            )
        for _ in range(1, self.store.readings):
            try:
                return self._read(array, region)
            except TileDamagedError:  # perhaps on its way
                continue
        return self._read(array, region)

    def _read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        spans = [
            -(-part.stop // chunk) - part.start // chunk for part, chunk in zip(region, self._pieces(), strict=True)
        ]
        if math.prod(spans) > MOST_CHUNKS:
            # zarr-python takes memory for each chunk of a region, which may be single numbers
            axis = max(range(len(spans)), key=spans.__getitem__)
            part = region[axis]
            middle = (part.start + part.stop) // 2
            halves = slice(part.start, middle), slice(middle, part.stop)
            found = [self._read(array, (*region[:axis], half, *region[axis + 1 :])) for half in halves]
            return column_major(np.concatenate(found, axis=axis), self.layout.dtype)
        try:
            return column_major(np.asarray(array[region]), self.layout.dtype)
        except (StoreError, MemoryError):
            raise
        except Exception as error:  # each codec has exceptions of its own
            where = ", ".join(f"{part.start}:{part.stop}" for part in region)
            raise damaged(f"{self.url}[{where}]", str(error) or type(error).__name__) from error

    def _pieces(self) -> tuple[int, ...]:
        return tuple(max(1, int(length)) for length in self._array().chunks)

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        return {"kind": "zarr", "url": self.url, **layout_to_json(self.layout)}


class Zeros(Source):
    """Zeros that are stored nowhere."""

    description = "zeros"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        return np.zeros([part.stop - part.start for part in region], self.layout.dtype, order="F")

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        return {"kind": "zeros", **layout_to_json(self.layout)}


class Identity(Source):
    """Ones on a diagonal that starts in column `offset`, zeros elsewhere; stored nowhere."""

    def __init__(self, layout: Layout, offset: int = 0) -> None:
        self.layout, self.offset = layout, offset
        rows, columns = layout.shape
        plain = "identity" if rows == columns else "ones on the main diagonal"
        self.description = f"ones on diagonal {offset}" if offset else plain

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        rows, columns = region
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        shift = rows.start + self.offset - columns.start
        return np.asarray(np.eye(*shape, k=shift, dtype=self.layout.dtype, order="F"))

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        return {"kind": "identity", "offset": self.offset, **layout_to_json(self.layout)}


def layout_to_json(layout: Layout) -> dict[str, Any]:
    """Encode as data."""
    return {"shape": list(layout.shape), "chunks": list(layout.chunks), "dtype": layout.dtype.name}


def layout_from_json(data: Mapping[str, Any]) -> Layout:
    """Decode and check.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the data are no layout.
    """
    return Layout(tuple(data["shape"]), tuple(data["chunks"]), STORED_DTYPES[data["dtype"]])


def open_source(url: str | Path) -> Source:
    """The array at a URL, ours or anyone's.

    Raises
    ------
    NotAnArrayError
        If there is no array; it says what is there.
    UnfinishedArrayError
        If a run still has to write to it.
    """
    store = open_store(url)
    try:
        data = store.get(METADATA_KEY, at_most=LARGEST_METADATA)
        layout = decode_layout(data, store.url)
        if not is_whole(data):
            raise UnfinishedArrayError(
                f"the run that writes the array at {store.url} has not ended, or has failed, and what it did not write "
                "would be zero; wait for the run, `numpywren resume` it, or delete the array"
            )
    except TileDamagedError as error:
        raise NotAnArrayError(f"{error}: the metadata of an array are smaller") from None
    except TileMissingError:
        if not store.exists(".zarray"):
            raise NotAnArrayError(f"{store.url} holds no Zarr array; {store.contents()}") from None
        layout = None
    # counts and pivots that are opened again are numbers like any others
    return StoredChunks(store, layout) if layout and layout.dtype in DTYPES.values() else ZarrArray(store)
