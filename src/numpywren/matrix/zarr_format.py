"""The metadata of Zarr v3 arrays: what we write, and how we know our own again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.errors import NotAnArrayError
from numpywren.matrix.dtypes import STORED_DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

__all__ = [
    "LARGEST_METADATA",
    "METADATA_KEY",
    "Layout",
    "array_keys",
    "chunk_index",
    "chunk_key",
    "decode_layout",
    "encode_layout",
    "is_whole",
    "made_for",
    "mark_of",
]

METADATA_KEY = "zarr.json"
#: Bytes of metadata beyond which they are not looked at.
LARGEST_METADATA = 8 << 20
#: Sizes beyond this no store can hold; refusing them keeps arithmetic on sizes exact everywhere.
_LONGEST = 2**53
_MOST_DIMENSIONS = 32
#: Every key that belongs to an array, in Zarr versions 2 and 3.
_ARRAY_KEY = re.compile(r"zarr\.json|\.zarray|\.zattrs|c|c/\d+(/\d+)*|c(\.\d+)+|\d+([./]\d+)*")
_CHUNK_KEY = re.compile(r"c((?:/\d+)*)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Shape and form of one of our arrays.

    Attributes
    ----------
    shape : tuple of int
        Shape of the array.
    chunks : tuple of int
        Shape of every chunk, those at the edge too.
    dtype : dtype
        One of the four.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.chunks):
            raise ValueError(f"shape {self.shape} and chunks {self.chunks} have different numbers of dimensions")
        for name, lengths, least in (("shape", self.shape, 0), ("chunks", self.chunks, 1)):
            if len(lengths) > _MOST_DIMENSIONS or not all(_is_length(length, least) for length in lengths):
                raise ValueError(f"{name} must be up to {_MOST_DIMENSIONS} integers from {least}, not {lengths}")


def _is_length(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _LONGEST


def encode_layout(layout: Layout, run: str | None = None, *, whole: bool = False) -> bytes:
    """Contents of ``zarr.json``; with the URL of the run that may write there, if one may, and whether it has ended."""
    attributes = {} if run is None else {"numpywren": {"run": mark_of(run), "whole": whole}}
    return json.dumps({**_metadata(layout), "attributes": attributes}, indent=1).encode()


def mark_of(run: str) -> str:
    """What tells the run at a URL from all others, and does not tell the URL, which nobody should be able to guess."""
    return hashlib.sha256(run.rstrip("/").encode()).hexdigest()[:32]


def made_for(data: Buffer) -> str | None:
    """The mark of the run for which an array was made, from its ``zarr.json``; None if it has none."""
    mark = _attribute(data, "run")
    return mark if isinstance(mark, str) else None


def is_whole(data: Buffer) -> bool:
    """Whether no run is known that still had to write to an array, from its ``zarr.json``."""
    return _attribute(data, "whole") is not False


def _attribute(data: Buffer, name: str) -> Any:
    try:
        return json.loads(bytes(memoryview(data)))["attributes"]["numpywren"][name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _metadata(layout: Layout) -> dict[str, Any]:
    codecs: list[dict[str, Any]] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "crc32c"},
    ]
    if len(layout.shape) > 1:  # column-major within a chunk, as LAPACK wants it
        order = list(range(len(layout.shape)))[::-1]
        codecs.insert(0, {"name": "transpose", "configuration": {"order": order}})
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(layout.shape),
        "data_type": layout.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(layout.chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": {"c": [0.0, 0.0], "f": 0.0, "i": 0}[layout.dtype.kind],
        "codecs": codecs,
        "attributes": {},
    }


def decode_layout(data: Buffer, url: str) -> Layout | None:
    """Layout of an array, from its ``zarr.json``, if the array has exactly our form; None if it has another.

    Raises
    ------
    NotAnArrayError
        If the metadata are no Zarr v3 array's.
    """
    try:
        found = json.loads(bytes(memoryview(data)))
    except (ValueError, RecursionError) as error:
        raise NotAnArrayError(f"{url}/{METADATA_KEY} is not JSON ({error}), so it describes no array") from None
    if not isinstance(found, dict) or found.get("zarr_format") != 3 or found.get("node_type") != "array":
        kind = found.get("node_type") if isinstance(found, dict) else type(found).__name__
        raise NotAnArrayError(
            f"{url} holds a Zarr node of kind {kind!r}, not an array; name an array inside it, as in '{url}/NAME'"
        )
    try:
        layout = Layout(
            tuple(found["shape"]),
            tuple(found["chunk_grid"]["configuration"]["chunk_shape"]),
            STORED_DTYPES[found["data_type"]],
        )
    except (KeyError, TypeError, ValueError):
        return None
    if found.get("storage_transformers"):
        return None
    ours = _metadata(layout)
    return layout if all(found.get(key) == value for key, value in ours.items() if key != "attributes") else None


def chunk_key(index: Sequence[int]) -> str:
    """Key of a chunk of one of our arrays."""
    return "/".join(["c", *map(str, index)])


def chunk_index(key: str) -> tuple[int, ...] | None:
    """Index of the chunk with this key; None if it is no chunk's."""
    match = _CHUNK_KEY.fullmatch(key)
    return tuple(int(part) for part in match[1].split("/")[1:]) if match else None


def array_keys(keys: Sequence[str]) -> list[str]:
    """Those of `keys` that belong to an array, the metadata last."""
    own = [key for key in keys if _ARRAY_KEY.fullmatch(key)]
    return sorted(own, key=lambda key: key.startswith((".z", "zarr.json")))
