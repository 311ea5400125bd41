"""`Array`: a matrix of any size, somewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.config import format_bytes
from numpywren.matrix.absent import Absent
from numpywren.matrix.functions import FunctionValues
from numpywren.matrix.indexing import plan_index
from numpywren.matrix.operators import Arithmetic
from numpywren.matrix.partition import Partition, grid
from numpywren.matrix.rearranged import Rearranged
from numpywren.matrix.schemes import open_store
from numpywren.matrix.scratch import new_scratch
from numpywren.matrix.sources import (
    Identity,
    Source,
    StoredChunks,
    ZarrArray,
    Zeros,
    layout_from_json,
)
from numpywren.matrix.standard import Standard
from numpywren.matrix.tile_format import column_major
from numpywren.matrix.zarr_format import Layout, array_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpywren.matrix.scratch import Scratch

__all__ = ["Array"]


class Array(Arithmetic, Standard, Absent):
    """A vector, matrix or stack of matrices in a store, or made by a function; never in memory as a whole.

    Made by `numpywren.asarray`, `open`, `from_function`, `zeros` and `eye`, and returned by the functions of
    `numpywren.linalg`.

    Parameters
    ----------
    source : Source
        Where the numbers come from.
    transposed, conjugated : bool
        Whether this is a view with the last two axes exchanged, with conjugated numbers.
    owner : Scratch, optional
        What deletes the stored numbers when no array uses them any more.
    """

    def __init__(
        self, source: Source, *, transposed: bool = False, conjugated: bool = False, owner: Scratch | None = None
    ) -> None:
        self._source, self._owner = source, owner
        self._transposed = transposed and len(source.layout.shape) > 1
        self._conjugated = conjugated and source.layout.dtype.kind == "c"

    @classmethod
    def planned(cls, url: str, shape: Sequence[int], chunks: Sequence[int], dtype: Any) -> Array:
        """An array of our own form at a URL, whether or not anything is there yet. Touches no store."""
        layout = Layout(tuple(map(int, shape)), tuple(map(int, chunks)), np.dtype(dtype))
        return cls(StoredChunks(open_store(url), layout))

    # -- what it is -------------------------------------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """Where the numbers come from; without the transposition of a view."""
        return self._source

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self._turned(self._source.layout.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a full tile."""
        return self._turned(self._source.layout.chunks)

    @property
    def stored_chunks(self) -> tuple[int, ...]:
        """Shape of the pieces in which it is best read: tiles, or the chunks in which somebody else stored it."""
        return self._turned(self._source.stored_chunks)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers: float32, float64, complex64 or complex128."""
        return self._source.layout.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._source.layout.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def url(self) -> str | None:
        """Where it is stored; None if it is made where it is read."""
        return self._source.url

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """How each dimension is cut into tiles."""
        return grid(self.shape, self.chunks)

    @property
    def transposed(self) -> bool:
        """Whether this is a view of `source` with the last two axes exchanged."""
        return self._transposed

    @property
    def conjugated(self) -> bool:
        """Whether this is a view of `source` with conjugated numbers."""
        return self._conjugated

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules from which a process must be allowed to load in order to read this array."""
        return self._source.modules

    def __repr__(self) -> str:
        tiles = " × ".join(str(part.tiles) for part in self.partitions)
        where = self.url or self._source.description
        view = "conjugate transpose of " if self._transposed and self._conjugated else ""
        view = view or ("transpose of " if self._transposed else "conjugate of " if self._conjugated else "")
        kept = ", unsaved" if self._owner is not None and self._owner.alive and self.url else ""
        return (
            f"<numpywren.Array {' × '.join(map(str, self.shape))} {self.dtype}, {format_bytes(self.nbytes)} in "
            f"{tiles} tiles of {' × '.join(map(str, self.chunks))}: {view}{where}{kept}>"
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __eq__(self, other: object) -> bool:
        raise TypeError("arrays that are not in memory are not compared; compare what np.asarray() makes of them")

    __hash__ = object.__hash__

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        return self  # it never changes, and what it shares lives as long as any that share it

    def __reduce__(self) -> tuple[Any, ...]:
        # what was written down may be read at any time, so the numbers have to stay
        self.disown()
        return Array.from_json, (self.to_json(), self.modules)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of an array of shape {self.shape} is ambiguous")
        return bool(np.asarray(self).item())

    # -- views ------------------------------------------------------------------------------------------------------

    def view(self, *, transposed: bool = False, conjugated: bool = False) -> Array:
        """The same numbers, transposed (in the last two axes) or conjugated or both; nothing is moved."""
        return Array(
            self._source,
            transposed=self._transposed != transposed,
            conjugated=self._conjugated != conjugated,
            owner=self._owner,
        )

    @property
    def T(self) -> Array:  # noqa: N802 (NumPy's name)
        """Transpose; a view."""
        if self.ndim > 2:
            raise ValueError(f"T of an array of shape {self.shape} is ambiguous; write mT to transpose each matrix")
        return self.view(transposed=True)

    @property
    def mT(self) -> Array:  # noqa: N802 (the array API's name)
        """Transpose of each matrix of a stack; a view."""
        if self.ndim < 2:
            raise ValueError(f"mT wants at least two dimensions; this array has the shape {self.shape}")
        return self.view(transposed=True)

    @property
    def H(self) -> Array:  # noqa: N802 (the textbook's name)
        """Conjugate transpose; a view."""
        return self.view(transposed=True, conjugated=True)

    def conj(self) -> Array:
        """Complex conjugate; a view."""
        return self.view(conjugated=True)

    def exists(self) -> bool:
        """Whether the array is still where it was found or made, in the same form; true of one that is not stored."""
        return self._source.exists()

    # -- reading ----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        region, rest = plan_index(index, self.shape)
        return self.read_region(region)[rest]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a numpywren.Array is not in memory: it cannot become a NumPy array without a copy")
        whole = self.read_region(tuple(slice(0, length) for length in self.shape))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def read_region(self, region: Sequence[slice]) -> np.ndarray:
        """Numbers in a region.

        Parameters
        ----------
        region : sequence of slice
            One for each dimension, with ``0 <= start <= stop <= length`` and no step.

        Returns
        -------
        ndarray
            In memory, the caller's own.
        """
        found = self._turned_array(self._source.read(self._turned(tuple(region))))
        return np.conjugate(found) if self._conjugated else found

    def read_tile(self, index: Sequence[int], partitions: Sequence[Partition] | None = None) -> np.ndarray:
        """One tile of a cut into tiles; zeros if it was never written. See `find_tile`."""
        found = self.find_tile(index, partitions)
        if found is None:
            self._chunks.check_exists()
            cut = self.partitions if partitions is None else partitions
            shape = [part.size(place) for part, place in zip(cut, index, strict=True)]
            found = np.zeros(shape, self.dtype, order="F")
            found.flags.writeable = False
        return found

    def find_tile(
        self, index: Sequence[int], partitions: Sequence[Partition] | None = None, name: str | None = None
    ) -> np.ndarray | None:
        """One tile of a cut into tiles, if it was written.

        Parameters
        ----------
        index : sequence of int
        partitions : sequence of Partition, optional
            The cut; default: the array's own, whose tiles are read without an intermediate copy.
        name : str, optional
            What errors call the tile.

        Returns
        -------
        ndarray or None
            Column-major and read-only. None if the tile is one that is stored by itself and was never written.

        Raises
        ------
        TileDamagedError
            If its bytes are not those that were written.
        """
        own = self.partitions
        if partitions is None or tuple(partitions) == own:
            inner = self._source.read_tile(self._turned(tuple(index)), name)
            if inner is None:
                return None
            tile = self._turned_array(inner)
        else:
            cut = zip(partitions, index, strict=True)
            tile = self._turned_array(self._source.read(self._turned(tuple(part.slice(place) for part, place in cut))))
        if self._conjugated:
            turned = column_major(tile, self.dtype)
            tile = np.conjugate(turned, out=None if turned is tile else turned)
        tile = column_major(tile, self.dtype)
        tile.flags.writeable = False
        return tile

    # -- storing ----------------------------------------------------------------------------------------------------

    def write_tile(self, index: Sequence[int], value: np.ndarray) -> int:
        """Store one tile of an array in our own form, turned as this view is; returns the bytes written.

        Raises
        ------
        ValueError
            If the array is not in our own form, or the tile has another shape.
        StoreError
            If the store refuses.
        """
        turned = self._turned_array(value)
        return self._chunks.write_tile(self._turned(tuple(index)), np.conjugate(turned) if self._conjugated else turned)

    def delete_tile(self, index: Sequence[int]) -> None:
        """Delete one tile of an array in our own form; it then reads as zeros."""
        self._chunks.delete_tile(self._turned(tuple(index)))

    def existing_tiles(self) -> Iterator[tuple[int, ...]]:
        """Indices of the tiles of an array in our own form that are stored, and whole."""
        return (self._turned(index) for index in self._chunks.existing())

    @property
    def _chunks(self) -> StoredChunks:
        if not isinstance(self._source, StoredChunks):
            raise ValueError(f"tiles are written only to arrays that numpywren made, not to {self!r}")
        return self._source

    def save(self, url: str | Path, chunks: Any = None, *, overwrite: bool = False) -> Array:
        """Store a copy, tile by tile, as a Zarr v3 array.

        Parameters
        ----------
        url : str or Path
            Where; a plain path is a folder on this machine.
        chunks : int or tuple of int, optional
            Shape of a tile; default: as this array is cut.
        overwrite : bool
            Whether an array that is already there may be deleted first.

        Returns
        -------
        Array
            The copy, which stays until its `delete`.

        Raises
        ------
        FileExistsError
            If there is something and `overwrite` is not given, or something that is no array.
        ValueError
            If the copy would lie in this array itself.
        StoreError
            If the store refuses; nothing of the copy is left.
        """
        from numpywren.matrix.create import save  # it makes arrays, which this module defines

        return save(self, url, chunks, overwrite=overwrite)

    def delete(self) -> None:
        """Delete the stored numbers, for this array and all its views.

        Only what belongs to the array goes; other files in the same folder stay. An array that is not stored is left
        as it is.

        Raises
        ------
        StoreError
            If the store refuses.
        """
        source = self._source
        if isinstance(source, Rearranged):
            source.array.delete()
        if isinstance(source, StoredChunks | ZarrArray):
            source.store.delete(array_keys(list(source.store.list())))
            source.store.prune()
        if self._owner is not None:
            self._owner.delete()

    @property
    def owned(self) -> bool:
        """Whether the stored numbers go when this array and its views do."""
        return self._owner is not None and self._owner.alive

    @property
    def owners(self) -> tuple[Scratch, ...]:
        """What deletes the numbers when no array uses them any more."""
        return (*(() if self._owner is None else (self._owner,)), *self._source.owners)

    def owned_by(self, owner: Scratch) -> Array:
        """The same array, keeping `owner` alive."""
        return Array(self._source, transposed=self._transposed, conjugated=self._conjugated, owner=owner)

    def disown(self) -> Array:
        """Keep the stored numbers when this array and its views are gone; returns the array itself."""
        for owner in self.owners:
            owner.disown()
        return self

    # -- travelling -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Data from which `from_json` makes the same array in another process.

        An array made by a function first writes the function's arguments to the scratch store.
        """
        source = self._source
        if isinstance(source, FunctionValues) and source.must_save:
            store, source.owner = new_scratch()
            source.save_args(store)
        return {"source": source.to_json(), "transposed": self._transposed, "conjugated": self._conjugated}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], modules: Collection[str] = ()) -> Array:
        """The array that `to_json` described. Touches no store before something is read.

        Parameters
        ----------
        data : mapping
        modules : collection of str
            Modules from which functions may be loaded.

        Raises
        ------
        KernelNotAllowedError
            If it is made by a function from another module.
        ValueError
            If the data describe no array.
        """
        try:
            return cls(
                _source_from_json(data["source"], modules),
                transposed=bool(data["transposed"]),
                conjugated=bool(data["conjugated"]),
            )
        except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"these data describe no array ({error!r}): {str(data)[:200]}") from error

    # -- inside -----------------------------------------------------------------------------------------------------

    def _turned(self, axes: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*axes[:-2], axes[-1], axes[-2]) if self._transposed else axes

    def _turned_array(self, value: np.ndarray) -> np.ndarray:
        return value.swapaxes(-1, -2) if self._transposed else value


def _source_from_json(data: Mapping[str, Any], modules: Collection[str]) -> Source:
    layout = layout_from_json(data)
    kind = data["kind"]
    if kind == "stored":
        return StoredChunks(open_store(str(data["url"])), layout)
    if kind == "zarr":
        return ZarrArray(open_store(str(data["url"])), layout)
    if kind == "zeros":
        return Zeros(layout)
    if kind == "identity":
        return Identity(layout, int(data["offset"]))
    if kind == "function":
        return FunctionValues.from_json(data, modules)
    if kind == "rearranged":
        below = Array.from_json(data["array"], modules)
        return Rearranged(below, tuple(data["wide"]), tuple(data["axes"]), layout.shape, layout.chunks)
    raise ValueError(f"{kind!r} is no kind of array")
