"""What a worker reads and writes: the tiles of a program's matrices, each in its place."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from numpywren.errors import TileDamagedError, TileMissingError
from numpywren.lambdapack import Tile
from numpywren.matrix.array import Array
from numpywren.matrix.dtypes import STORED_DTYPES
from numpywren.matrix.partition import Partition
from numpywren.matrix.sources import StoredChunks
from numpywren.matrix.tile_format import column_major, decode_npy, encode_npy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpywren.matrix.store import Store

__all__ = ["Binding", "TileSpace"]

_TILES = "tiles"
#: Bytes that an intermediate has beside its numbers, at most.
_HEADER_BYTES = 4096
_NAME = re.compile(r"[A-Za-z_][\w.@$-]*")
_TILE_KEY = re.compile(rf"{_TILES}/({_NAME.pattern})/(-?\d+(?:\.-?\d+)*)?\.npy")


@dataclass(frozen=True, slots=True)
class Binding:
    """A matrix of a program, bound to data.

    Attributes
    ----------
    matrix : str
        Its name in the program.
    role : str
        ``"input"``, ``"output"`` or ``"temporary"``.
    partitions : tuple of Partition or None
        How the program cuts it into tiles, a partition for each grid letter; None for a temporary.
    dtype : dtype
        Type in which it is stored.
    array : Array or None
        Its data; None for a temporary.
    column : bool
        Whether a one-dimensional array is seen as a matrix of one column.
    """

    matrix: str
    role: str
    partitions: tuple[Partition, ...] | None
    dtype: np.dtype[Any]
    array: Array | None = None
    column: bool = False

    def __post_init__(self) -> None:
        if self.role not in ("input", "output", "temporary"):
            raise ValueError(f"{self.role!r} is no role of a matrix")
        if self.array is None:
            if self.role != "temporary":
                raise ValueError(f"the {self.role} {self.matrix} needs an array")
            return
        if self.partitions is None:
            raise ValueError(f"{self.matrix} needs a partition for each dimension")
        lengths = tuple(part.length for part in self.partitions)
        if lengths != (*self.array.shape, 1)[: self.array.ndim + self.column]:
            raise ValueError(f"{self.matrix} is cut for shape {lengths}; its array has the shape {self.array.shape}")
        if any(part.chunk != 1 for part in self.partitions[:-2] if part.length):
            raise ValueError(f"the leading dimensions of the stack {self.matrix} must be cut into tiles of length 1")
        if self.role == "output":
            if not isinstance(self.array.source, StoredChunks):
                raise ValueError(f"the output {self.matrix} must be an array made by create_array, not {self.array!r}")
            if self.cut != self.array.partitions:
                raise ValueError(f"the output {self.matrix} must be stored in the tiles in which it is computed")

    @property
    def cut(self) -> tuple[Partition, ...]:
        """Partitions of the array's own dimensions."""
        assert self.partitions is not None
        return self.partitions[: len(self.partitions) - self.column]

    def to_json(self) -> dict[str, Any]:
        """Encode as data."""
        cuts = None if self.partitions is None else [[part.length, part.chunk] for part in self.partitions]
        return {
            "matrix": self.matrix,
            "role": self.role,
            "partitions": cuts,
            "dtype": self.dtype.name,
            "array": None if self.array is None else self.array.to_json(),
            "column": self.column,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], modules: Collection[str] = ()) -> Binding:
        """Decode and check; functions are loaded from `modules` only.

        Raises
        ------
        ValueError
            If the data are no binding.
        """
        try:
            cuts, array = data["partitions"], data["array"]
            return cls(
                str(data["matrix"]),
                str(data["role"]),
                None if cuts is None else tuple(Partition(int(length), int(chunk)) for length, chunk in cuts),
                STORED_DTYPES[data["dtype"]],
                None if array is None else Array.from_json(array, modules),
                bool(data["column"]),
            )
        except (LookupError, TypeError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"these data bind no matrix ({error!r}): {str(data)[:200]}") from error


class TileSpace:
    """The tiles of one run. Inputs are read, outputs written to their arrays, intermediates kept as blobs.

    Safe to use from several threads.

    Parameters
    ----------
    bindings : mapping of str to Binding
        Inputs and outputs, by name; a matrix that is not among them is a temporary.
    scratch : Store
        The run's own place; intermediates are ``tiles/<matrix>/<i>.<j>.npy`` in it.
    largest : int, optional
        Bytes that an intermediate may have; one with more is damaged, and is not read.
    """

    def __init__(self, bindings: Mapping[str, Binding], scratch: Store, largest: int | None = None) -> None:
        self._bindings, self._scratch = dict(bindings), scratch
        self._largest = None if largest is None else largest + _HEADER_BYTES

    def read(self, tile: Tile) -> np.ndarray:
        """A tile, column-major and read-only, of its matrix's type; an intermediate as it was written.

        Tiles of a stack are matrices: its leading dimensions, of length 1 in each tile, are left out.

        Raises
        ------
        TileMissingError
            If it is an output or intermediate that was not written.
        TileDamagedError
            If its bytes are not those that were written.
        """
        binding = self._bound(tile)
        return self._read_blob(tile) if binding is None else self._read_array(tile, binding)

    def _read_array(self, tile: Tile, binding: Binding) -> np.ndarray:
        array, index = binding.array, self._position(tile, binding)
        assert array is not None
        value = array.find_tile(index, binding.cut, _shown(tile))
        if value is None:
            if binding.role == "output":
                raise _missing(tile, f"{array.url}", None)
            if not array.exists():
                # not zeros: the whole array went while the run needed it
                raise TileMissingError(
                    errno.ENOENT, f"{_shown(tile)} cannot be read: there is no array at {array.url} any more"
                )
            shape = [part.size(place) for part, place in zip(binding.cut, index, strict=True)]
            value = np.zeros(shape, array.dtype, order="F")
        value = column_major(value.reshape(_squeezed(value.shape, binding), order="F"), binding.dtype)
        value.flags.writeable = False
        return value

    def _read_blob(self, tile: Tile) -> np.ndarray:
        key = _blob_key(tile)
        url = self._scratch.url_of(key)
        try:
            return self._scratch.get_decoded(
                key, lambda data: decode_npy(data, f"{_shown(tile)} at {url}"), at_most=self._largest
            )
        except TileMissingError as error:
            raise _missing(tile, url, error) from error

    def write(self, tile: Tile, value: np.ndarray) -> int:
        """Store a tile in one atomic write, zeros too; returns the bytes written.

        Raises
        ------
        ValueError
            If the tile of an output has another shape than the grid gives it, or belongs to an input.
        TypeError
            If its numbers do not fit the type of the output.
        StoreError
            If the store refuses.
        """
        binding = self._bound(tile)
        if binding is None:
            return self._scratch.put(_blob_key(tile), *encode_npy(value))
        if binding.role != "output":
            raise ValueError(f"{_shown(tile)} belongs to the {binding.role} {tile.matrix}, which is not written to")
        index, array = self._position(tile, binding), binding.array
        assert array is not None
        shape = tuple(part.size(place) for part, place in zip(binding.cut, index, strict=True))
        if value.shape != _squeezed(shape, binding):
            raise ValueError(
                f"{_shown(tile)} has the shape {_squeezed(shape, binding)}; it was given one of {value.shape}"
            )
        return array.write_tile(index, value.reshape(shape, order="F"))

    def as_stored(self, tile: Tile, value: np.ndarray) -> np.ndarray:
        """A computed tile as it will be stored, column-major and read-only: of the output's type, or as it is.

        Raises
        ------
        TypeError
            If its numbers do not fit the type of the output.
        """
        binding = self._bound(tile)
        if binding is not None and value.dtype != binding.dtype:
            if not np.can_cast(value.dtype, binding.dtype, "same_kind"):
                raise TypeError(f"{_shown(tile)} is to be of {binding.dtype}; its kernel gave {value.dtype}")
            value = value.astype(binding.dtype, order="F")
        value.flags.writeable = False
        return value

    def worth_keeping(self, tile: Tile, value: np.ndarray) -> bool:
        """Whether a tile that was just written should stay in memory for its readers.

        Not where `read` would give it in another type, so that nothing depends on who holds what; and not where
        reading maps a file: the system holds what was written already, and would hold it twice.
        """
        binding = self._bound(tile)
        if binding is None:
            return not self._scratch.maps(value.nbytes)
        assert binding.array is not None
        source = binding.array.source
        return value.dtype == binding.dtype and not (
            isinstance(source, StoredChunks) and source.store.maps(value.nbytes)
        )

    def check_outputs(self) -> None:
        """See that outputs are where, and as, they were made for this run; before anything is written to them.

        Raises
        ------
        TileDamagedError
            If an output's metadata are not there, or are another array's; or if it lies outside of the run's folder
            and does not say that it was made for this run: who wrote the run's record may not own what it names.
        """
        self._scratch.check_encloses(_TILES)
        for binding in self._bindings.values():
            if binding.role != "output" or binding.array is None:
                continue
            source = binding.array.source
            assert isinstance(source, StoredChunks)
            if not source.exists():
                raise TileDamagedError(
                    f"the output {binding.matrix} is no longer the array that was made at {source.url}: "
                    "start the run anew"
                )
            url, folder = source.store.url, self._scratch.url + "/"
            if url.startswith(folder):
                self._scratch.check_encloses(unquote(url.removeprefix(folder)))
            elif not source.made_for(self._scratch.url):
                raise TileDamagedError(
                    f"the output {binding.matrix} at {source.url} was not made for the run at {self._scratch.url}, and "
                    "is not written to; start the run anew, and its workers with the URL under which it was started"
                )

    def delete(self, tiles: Iterable[Tile]) -> None:
        """Delete outputs or intermediates; those that do not exist are passed over."""
        blobs = []
        for tile in tiles:
            binding = self._bound(tile)
            if binding is None:
                blobs.append(_blob_key(tile))
            elif binding.role == "output" and binding.array is not None:
                binding.array.delete_tile(self._position(tile, binding))
            else:
                raise ValueError(f"{_shown(tile)} belongs to the input {tile.matrix}, which is not deleted from")
        self._scratch.delete(blobs)

    def clear(self) -> None:
        """Delete all intermediates."""
        self._scratch.child(_TILES).clear()

    def finish(self) -> None:
        """Write down in outputs that have a place of their own that they are whole."""
        folder = self._scratch.url + "/"
        for binding in self._bindings.values():
            source = binding.array.source if binding.role == "output" and binding.array is not None else None
            if isinstance(source, StoredChunks) and not source.store.url.startswith(folder):
                source.finish(self._scratch.url)

    def existing(self) -> Iterator[Tile]:
        """Outputs and intermediates that exist, in no order. An output of the wrong size, cut short, does not."""
        for binding in self._bindings.values():
            if binding.role == "output" and binding.array is not None:
                for index in binding.array.existing_tiles():
                    yield Tile(binding.matrix, (*index, 0) if binding.column else index)
        for entry in self._scratch.entries(_TILES):
            match = _TILE_KEY.fullmatch(entry.key)
            if match and match[1] not in self._bindings:
                yield Tile(match[1], tuple(map(int, match[2].split("."))) if match[2] else ())

    def shape(self, tile: Tile) -> tuple[int, ...] | None:
        """Shape of a tile of an input or output; None for a temporary, whose tiles have any."""
        binding = self._bound(tile)
        if binding is None:
            return None
        sizes = [part.size(place) for part, place in zip(binding.cut, self._position(tile, binding), strict=True)]
        return _squeezed(tuple(sizes), binding)

    def _bound(self, tile: Tile) -> Binding | None:
        binding = self._bindings.get(tile.matrix)
        return None if binding is None or binding.array is None else binding

    def _position(self, tile: Tile, binding: Binding) -> tuple[int, ...]:
        """Index of a tile in its array's own dimensions."""
        assert binding.partitions is not None
        if len(tile.index) != len(binding.partitions):
            raise IndexError(f"{_shown(tile)} of a matrix whose grid has {len(binding.partitions)} dimensions")
        if not all(0 <= place < part.tiles for place, part in zip(tile.index, binding.partitions, strict=True)):
            counts = " × ".join(str(part.tiles) for part in binding.partitions)
            raise IndexError(f"{_shown(tile)} is outside its matrix, which has {counts} tiles")
        return tile.index[: len(binding.cut)]


def _squeezed(shape: tuple[int, ...], binding: Binding) -> tuple[int, ...]:
    return (*shape[-1:], 1) if binding.column else shape[-2:]


def _shown(tile: Tile) -> str:
    return f"tile {tile.matrix}[{', '.join(map(str, tile.index))}]"


def _missing(tile: Tile, url: str, error: TileMissingError | None) -> TileMissingError:
    return TileMissingError(errno.ENOENT, f"{_shown(tile)} at {url} does not exist; resuming the run computes it again")


def _blob_key(tile: Tile) -> str:
    if not _NAME.fullmatch(tile.matrix):
        raise ValueError(f"{tile.matrix!r} is no name of a matrix")
    return f"{_TILES}/{tile.matrix}/{'.'.join(map(str, tile.index))}.npy"
