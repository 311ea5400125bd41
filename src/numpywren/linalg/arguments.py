"""Checks that several functions make of their arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numpywren.config import count_setting, setting
from numpywren.job.workers import slots_in_all, worker_options
from numpywren.matrix import Array, asarray, matrix_dtype

__all__ = [
    "held_tiles",
    "matrix",
    "pair",
    "panel_depth",
    "square",
    "square_side",
    "strong_dtypes",
    "tiles_along",
    "tolerance",
]

#: How many times as long as wide a chunk may be to be cut into squares of its width.
THIN = 4


def matrix(function: str, name: str, value: Any) -> Array:
    """A matrix or a stack of them, or whatever `numpywren.asarray` makes one of.

    Raises
    ------
    ValueError
        If it has less than two dimensions.
    """
    array = asarray(value)
    if array.ndim < 2:
        raise ValueError(
            f"{function} got {name} of shape {array.shape}; it must be a matrix (two dimensions), or a stack"
        )
    return array


def square(function: str, name: str, value: Any) -> Array:
    """A square matrix, or a stack of them.

    Raises
    ------
    ValueError
        If it is not square; as SciPy, not `numpy.linalg.LinAlgError`.
    """
    array = matrix(function, name, value)
    if array.shape[-2] != array.shape[-1]:
        raise ValueError(f"{function} got {name} of shape {array.shape}; it must be square")
    return array


def pair(function: str, name: str, value: Any, wanted: str) -> tuple[Any, Any]:
    """The two parts of an argument; an array is not taken for its two rows.

    Raises
    ------
    TypeError
        If it is no pair.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        shown = f"{len(value)} values" if isinstance(value, tuple | list) else type(value).__name__
        raise TypeError(f"{function} got {shown} for {name}; it wants {wanted}")
    return value[0], value[1]


def tolerance(function: str, name: str, value: Any) -> float:
    """A relative tolerance that the caller gave.

    Raises
    ------
    ValueError
        If it is no number.
    """
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{function} got {name}={value!r}; it must be a number, or None")
    return number


def strong_dtypes(array: Array, number: Any, *names: str) -> dict[str, np.dtype[Any]]:
    """Type of the matrices `names` of a program where a number widens it: one of NumPy's has a type, Python's has none.

    Raises
    ------
    TypeError
        If NumPy's promotion of both is nothing that is computed with.
    """
    if not isinstance(number, np.generic | np.ndarray):
        return {}
    wanted = matrix_dtype(np.result_type(array.dtype, number.dtype))
    return {} if wanted == array.dtype else dict.fromkeys(names, wanted)


def tiles_along(array: Array, axis: int) -> int:
    """How many tiles an array has along an axis."""
    return -(-array.shape[axis] // array.chunks[axis])


def square_side(array: Array) -> int:
    """Side of square tiles for an array: the shorter side of its chunks.

    Chunks that are far from square, such as single rows, give way to squares of their size.
    """
    short, long = sorted(max(1, chunk) for chunk in array.chunks[-2:])
    return short if long <= THIN * short else math.isqrt(short * long)


def held_tiles(tile_bytes: int) -> int:
    """How many tiles of so many bytes a task may hold at once: operands, work space and results together."""
    return max(1, int(worker_options(())["memory"]) // max(1, tile_bytes))


def panel_depth(tiles: int) -> int:
    """How many tiles wide a panel is, for a matrix of so many tiles a side.

    Wide panels write few intermediates; narrow ones leave more to do at once, as many slots need. Two slots are busy
    for 97% of a Cholesky factorization whose panels are two thirds of the matrix wide. ``linalg.depth`` says otherwise.
    """
    if setting("linalg.depth") is not None:
        return min(count_setting("linalg.depth"), max(1, tiles))
    return max(1, 4 * tiles // (3 * max(2, slots_in_all())))
