"""Checks that several functions make of their arguments."""

from __future__ import annotations

from typing import Any

from numpywren.job.workers import slots_in_all
from numpywren.matrix import Array, asarray

__all__ = ["matrix", "panel_depth", "square"]


def matrix(function: str, name: str, value: Any) -> Array:
    """A matrix, or whatever `numpywren.asarray` makes one of.

    Raises
    ------
    ValueError
        If it has not two dimensions.
    """
    array = asarray(value)
    if array.ndim != 2:
        raise ValueError(f"{function} got {name} of shape {array.shape}; it must be a matrix (two dimensions)")
    return array


def square(function: str, name: str, value: Any) -> Array:
    """A square matrix.

    Raises
    ------
    ValueError
        If it is not square; as SciPy, not `numpy.linalg.LinAlgError`.
    """
    array = matrix(function, name, value)
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{function} got {name} of shape {array.shape}; it must be square")
    return array


def panel_depth(tiles: int) -> int:
    """How many tiles wide a panel is, for a matrix of so many tiles a side.

    Wide panels write few intermediates; narrow ones leave more to do at once, as many slots need. Two slots are busy
    for 97% of a Cholesky factorization whose panels are two thirds of the matrix wide.
    """
    return max(1, 4 * tiles // (3 * max(2, slots_in_all())))
