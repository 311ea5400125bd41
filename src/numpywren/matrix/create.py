"""Making arrays: from what is in memory, from what is stored, or from a rule."""

from __future__ import annotations

import operator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.config import config
from numpywren.errors import NotAnArrayError, StoreError, UnfinishedArrayError
from numpywren.matrix.array import Array
from numpywren.matrix.auto_chunks import auto_chunks, slab_shape
from numpywren.matrix.dtypes import STORED_DTYPES, matrix_dtype
from numpywren.matrix.functions import FunctionValues
from numpywren.matrix.partition import grid, tile_indices
from numpywren.matrix.schemes import open_store
from numpywren.matrix.scratch import Scratch, new_scratch
from numpywren.matrix.sources import Identity, StoredChunks, Zeros, open_source
from numpywren.matrix.store import Store, same_place
from numpywren.matrix.zarr_format import METADATA_KEY, Layout, array_keys, chunk_index, encode_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["asarray", "create_array", "eye", "from_function", "open", "save", "zeros"]


def open(url: str | Path) -> Array:
    """The array stored at a URL, whoever wrote it.

    Parameters
    ----------
    url : str or Path
        A Zarr array of version 3 (or 2, if zarr-python reads it): a path on this machine, or a URL of any store.

    Returns
    -------
    Array
        Reads what is there when it is asked to; what is not there is zero, as Zarr has it. Integers and bools are
        read as float64.

    Raises
    ------
    UnfinishedArrayError
        If it is the output of a run that has not ended, or has failed.
    NotAnArrayError
        If there is no Zarr array; it says what is there.
    UnknownSchemeError
        If nothing serves the URL's scheme.
    TypeError
        If the array is not of numbers that are computed with.
    """
    return Array(open_source(url))


def asarray(x: Any, /, *, chunks: Any = "auto", dtype: Any = None) -> Array:
    """An array from anything that is one.

    Parameters
    ----------
    x : array_like
        An `Array` (returned as it is), a NumPy array, nested lists, an array of any library of the array API, or a
        Zarr or Dask array, which is never in memory as a whole. A Zarr array that lives in a store we can open is
        read where it is; anything else is copied to the scratch store.
    chunks : int, tuple of int or "auto"
        Shape of a tile; ``"auto"``: as configured under ``array.chunks``, else by the size of the array.
    dtype : dtype, optional
        Type to convert to; default: that of `x`, integers and bools becoming float64.

    Returns
    -------
    Array
        A copy in the scratch store is deleted when no array uses it any more; see `Array.disown`.

    Raises
    ------
    TypeError
        If `x` is not of numbers that are computed with.
    ValueError
        If `x` has no dimension.
    """
    wanted = None if dtype is None else matrix_dtype(dtype)
    stored = x if isinstance(x, Array) else _in_place(x)
    if stored is not None:
        same_dtype = wanted is None or wanted == stored.dtype
        if same_dtype and (chunks == "auto" or normal_chunks(chunks, stored.shape, stored.dtype) == stored.chunks):
            return stored
        x, chunks = stored, stored.chunks if chunks == "auto" else chunks
    lazy = isinstance(x, Array) or (hasattr(x, "chunks") and hasattr(x, "shape") and hasattr(x, "dtype"))
    values = x if lazy else _in_memory(x)
    shape = tuple(int(length) for length in values.shape)
    if not shape:
        raise ValueError("asarray got a single number; it makes arrays with at least one dimension")
    found = wanted or matrix_dtype(values.dtype)
    if wanted is not None and not np.can_cast(values.dtype, wanted, "same_kind") and values.dtype.kind not in "biu":
        raise TypeError(f"asarray cannot make {values.dtype} into {wanted} without losing the imaginary part")
    layout = Layout(shape, normal_chunks(chunks, shape, found), found)
    store, owner = new_scratch()
    target = StoredChunks(store, layout)
    _write(target, lambda region: np.asarray(values[region]), _piece_of(values), owner)
    return Array(target, owner=owner)


def _in_memory(x: Any) -> np.ndarray:
    """A NumPy array of numbers from anything that is in memory."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("asarray got a masked array; say what the masked elements are, with .filled(value)")
    if hasattr(x, "toarray") and not hasattr(x, "__array__"):
        raise TypeError(f"asarray got a sparse {type(x).__name__}; if it fits in memory, pass its .toarray()")
    if not hasattr(x, "__array__") and hasattr(x, "__dlpack__"):
        return np.from_dlpack(x)
    try:
        found = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"asarray got nested sequences that are no array: {error}") from error
    matrix_dtype(found.dtype)
    return found


def _in_place(x: Any) -> Array | None:
    """A zarr-python array as ours, if its store has a URL."""
    if type(x).__module__.partition(".")[0] != "zarr" or not hasattr(x, "store_path"):
        return None
    inner = x.store_path.store
    root = getattr(inner, "root", None)  # zarr's own store of local files
    if root is None:
        root = getattr(getattr(inner, "store", None), "prefix", None)  # obstore's, wrapped by zarr
        if root is None or type(inner.store).__name__ != "LocalStore":
            return None
    store = open_store(_path_url(str(root)))
    if x.store_path.path:
        store = store.child(x.store_path.path)
    try:
        return Array(open_source(store.url))
    except NotAnArrayError:
        return None


def _path_url(path: str) -> str:
    return "./" + path if ":" in path.partition("/")[0] else path


def from_function(
    fn: Callable[..., Any],
    /,
    shape: Sequence[int] | int,
    *,
    chunks: Any = "auto",
    dtype: Any = np.float64,
    args: Sequence[Any] = (),
) -> Array:
    """A matrix whose numbers a function gives, tile by tile, wherever and whenever they are needed. Never stored.

    Parameters
    ----------
    fn : callable
        ``fn(i, j, *args)`` with integer arrays of row and column numbers, of shapes (rows, 1) and (1, columns); for
        a vector ``fn(i, *args)``. Its result must broadcast to the shape of the tile, and must depend on nothing but
        its arguments. Workers in other processes find it by name: it must then be a function of a module that they
        may load from (``kernels.modules``), not a lambda.
    shape : tuple of int
    chunks : int, tuple of int or "auto"
        Shape of a tile.
    dtype : dtype, default: float64
    args : sequence of ndarray, number or str
        Further arguments, whole, the same for every tile.

    Returns
    -------
    Array

    Examples
    --------
    >>> H = from_function(lambda i, j: 1 / (i + j + 1), shape=(3, 3))
    >>> H[0, :]
    array([1.        , 0.5       , 0.33333333])
    """
    if not callable(fn):
        raise TypeError(f"from_function wants a function of indices, not {type(fn).__name__}")
    return Array(FunctionValues(fn, _layout(shape, chunks, dtype), args))


def zeros(shape: Sequence[int] | int, *, dtype: Any = np.float64, chunks: Any = "auto") -> Array:
    """An array of zeros, stored nowhere."""
    return Array(Zeros(_layout(shape, chunks, dtype)))


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = np.float64, chunks: Any = "auto"
) -> Array:
    """A matrix with ones on its diagonal `k` (above the main one if positive), stored nowhere."""
    shape = (n_rows, n_rows if n_cols is None else n_cols)
    return Array(Identity(_layout(shape, chunks, dtype), operator.index(k)))


def create_array(
    url: str | Path, shape: Sequence[int], chunks: Any, dtype: Any, *, overwrite: bool = False, run: str | None = None
) -> Array:
    """A new array at a URL, all zeros until its tiles are written.

    Parameters
    ----------
    url : str or Path
    shape, chunks, dtype
        Its form.
    overwrite : bool
        Whether an array that is already there may be deleted first.
    run : str, optional
        URL of a run whose workers may write to it though it lies outside of the run's own folder.

    Raises
    ------
    FileExistsError
        If there is something and `overwrite` is not given.
    StoreError
        If the store refuses.
    """
    layout = _layout(shape, chunks, dtype)
    if np.dtype(dtype) == STORED_DTYPES["int64"]:  # pivots and permutations: nothing is computed with them
        layout = replace(layout, dtype=STORED_DTYPES["int64"])
    store = open_store(url)
    # who starts a run cannot have it overwrite anything
    remedy = "delete it, or pass overwrite=True" if run is None else "delete it, or choose another place"
    _make_room(store, overwrite=overwrite, remedy=remedy)
    store.put(METADATA_KEY, encode_layout(layout, run))
    return Array(StoredChunks(store, layout))


def save(array: Array, url: str | Path, chunks: Any = None, *, overwrite: bool = False) -> Array:
    """Store a copy of `array`; see `Array.save`."""
    store = open_store(url)
    if array.url is not None and same_place(store, open_store(array.url)):
        raise ValueError(f"an array at {array.url} cannot be saved to {store.url}: one would overwrite the other")
    shape, dtype = array.shape, array.dtype
    layout = Layout(shape, array.chunks if chunks is None else normal_chunks(chunks, shape, dtype), dtype)
    _make_room(store, overwrite=overwrite)
    target = StoredChunks(store, layout)
    _write(target, array.read_region, array.stored_chunks)
    return Array(target)


def _piece_of(values: Any) -> tuple[int, ...]:
    """Shape of the pieces in which something like an array is best read."""
    if isinstance(values, Array):
        return values.stored_chunks
    found = getattr(values, "chunks", None) or (1,) * values.ndim
    return tuple(int(piece[0] if isinstance(piece, tuple) and piece else piece or 1) for piece in found)


def _write(
    target: StoredChunks,
    read: Callable[[tuple[slice, ...]], np.ndarray],
    pieces: tuple[int, ...],
    owner: Scratch | None = None,
) -> None:
    """Store an array slab by slab; what was stored of it goes again if that fails, which leaves `owner` nothing."""
    parts, layout = Array(target).partitions, target.layout
    wrote = False
    slabs = grid(layout.shape, slab_shape(layout.chunks, pieces, layout.dtype.itemsize))
    try:
        for place in tile_indices(slabs):
            lies = tuple(slab.slice(number) for slab, number in zip(slabs, place, strict=True))
            slab = read(lies)
            for index in product(*(part.touching(s.start, s.stop) for part, s in zip(parts, lies, strict=True))):
                region = (part.slice(number) for part, number in zip(parts, index, strict=True))
                inner = tuple(slice(r.start - s.start, r.stop - s.start) for r, s in zip(region, lies, strict=True))
                target.write_tile(index, slab[inner].astype(layout.dtype, copy=False))
                wrote = True
        # Last, so that a copy that was cut short is no array.
        target.store.put(METADATA_KEY, encode_layout(layout))
    except BaseException as error:
        if owner is not None and not wrote:
            owner.disown()
            owner.holding.end()
        if isinstance(error, StoreError) and not wrote and not target.store.url.startswith("file:"):
            raise  # a store that took nothing in, and may not answer, is not asked to delete it
        with suppress(StoreError):  # the first error is the one to tell
            target.store.delete(array_keys(list(target.store.list())))
            target.store.prune()
        raise


def _make_room(store: Store, *, overwrite: bool, remedy: str = "delete it, or pass overwrite=True") -> None:
    """See that there is nothing at `store`, or delete the array that is there."""
    place = store.url.rstrip("/")
    if place.lower().endswith(".npy"):
        name = place.rpartition("/")[2]
        raise ValueError(
            f"{place} names a NumPy file; arrays are stored as Zarr folders: write {name[:-4]}.zarr, or "
            f"np.save({name!r}, np.asarray(A))"
        )
    found = next(store.list(), None)
    if found is None:
        return
    if not overwrite:
        raise FileExistsError(f"at {store.url} {store.contents()[3:]}; {remedy}")
    if store.exists(METADATA_KEY) or store.exists(".zarray"):
        with suppress(UnfinishedArrayError):
            open_source(store.url)  # refuses a group, whose arrays would be lost from sight
    elif not all(chunk_index(key) for key in store.list()):  # but for a copy that was cut short, when its writer died
        raise FileExistsError(
            f"at {store.url} {store.contents()[3:]}, which is no array, and overwrite replaces only arrays; choose "
            "another place, such as a folder in it"
        )
    store.delete(array_keys(list(store.list())))


def _layout(shape: Any, chunks: Any, dtype: Any) -> Layout:
    lengths = tuple(map(operator.index, shape)) if isinstance(shape, tuple | list) else (operator.index(shape),)
    if not lengths:
        raise ValueError("an array needs at least one dimension")
    if min(lengths) < 0:
        raise ValueError(f"an array cannot have the shape {lengths}")
    found = matrix_dtype(dtype)
    return Layout(lengths, normal_chunks(chunks, lengths, found), found)


def normal_chunks(chunks: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Shape of a tile, from an int, a tuple or ``"auto"``; none longer than the array.

    Raises
    ------
    ValueError
        If the chunks are not positive, or not one a dimension.
    TypeError
        If they are no integers.
    """
    if isinstance(chunks, str) and chunks == "auto":
        configured = config.get("array.chunks")
        if configured != "auto":
            chunks = configured
    lengths: tuple[int, ...]
    if isinstance(chunks, str):
        if chunks != "auto":
            raise ValueError(f"chunks must be an int, a tuple of ints or 'auto', not {chunks!r}")
        lengths = auto_chunks(shape, dtype.itemsize)
    else:
        several = isinstance(chunks, tuple | list)
        try:
            lengths = tuple(map(_length, chunks if several else [chunks]))
        except TypeError:
            raise TypeError(f"chunks must be an int, a tuple of ints or 'auto', not {chunks!r}") from None
        if not several:
            lengths = (1,) * (len(shape) - 2) + lengths * min(2, len(shape))
    if len(lengths) != len(shape) or min(lengths) < 1:
        raise ValueError(f"chunks {chunks!r} do not cut shape {shape}; give one positive length, or one a dimension")
    return tuple(max(1, min(chunk, length)) for chunk, length in zip(lengths, shape, strict=True))


def _length(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)
